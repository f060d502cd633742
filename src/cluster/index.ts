/**
 * cluster: this node's part in a cluster. Drives the replicated log and the store on managers,
 * sessions on every node.
 *
 * Decides: who may join (tokens, certificates), in what order changes happen (the log), which node
 * is to be called down. Never decides what a change does (`store`) or which task runs where
 * (`orchestrator`); never touches the kernel. Inputs: init, join and leave; commands proposed on a
 * manager; status reports of this node's tasks. Outputs: the store (on a manager), this node's view
 * as it changes, output of tasks from their nodes. On disk, below `<data directory>/cluster`, all
 * for root only: `member.json` (who this node is), `view.json` and `gossip-keys.json` (what it was
 * last told), `log/` (a manager's state). Ports: 2377/tcp on managers, 7946/udp and tcp on all.
 * Limits: 1 to 7 managers, 5,000 sessions, `DRIVER_LIMITS` for what waits, 16 MiB per entry,
 * frames in `transport/messages.ts`. Start with `member.ts` (what the rooms above use), then
 * `open-member.ts`, then `management.ts` and `manager/active-manager.ts`.
 */
export { openMember } from './open-member.ts';
export type { GossipReport } from './gossip/index.ts';
export type { MemberOptions } from './settings.ts';
export { MEMBER_TUNING, type ClusterMetrics, type MemberTuning } from './tuning.ts';
export { ClusterError, isClusterError, type ClusterErrorDetail } from './errors.ts';
export {
  authorityDigest,
  planClusterUpdate,
  type ClusterUpdate,
  type ClusterUpdateRequest,
} from './identity/index.ts';
export type {
  ClusterMember,
  InitRequest,
  JoinRequest,
  LocalNode,
  Manager,
  ManagerInfo,
  MemberStatus,
  TaskLogEntry,
  TaskLogQuery,
} from './member.ts';
