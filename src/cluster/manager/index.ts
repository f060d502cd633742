/**
 * cluster/manager: what a manager does with the replicated state. Takes proposals, lets nodes in,
 * feeds them their rows, watches over them, and runs the orchestrator. Start with
 * `active-manager.ts`.
 */
export {
  ActiveManager,
  type ActiveManagerOptions,
  type LocalConnection,
} from './active-manager.ts';
export { createId, createNodeId, createPeerId, createRng } from './join-desk.ts';
export type { LogUpload, NodeLogEntry } from './sessions/log-broker.ts';
