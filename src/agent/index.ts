/**
 * agent: one process of Hawser on one node. The only room that knows all others.
 *
 * It reads a config, makes the parts in the order in which they depend on each other (`parts.ts`),
 * connects them (`agent.ts`) and stops them the other way round. It decides nothing about clusters,
 * tasks or packets. Stopping leaves the data plane as it is; `runTeardown` takes it away.
 *
 * Inputs: `AgentConfig`. Outputs: a running agent, /metrics, a log on stdout. Start with
 * `agent.ts`.
 */
export { runAgent, runTeardown } from './agent.ts';
export type { AgentConfig } from './config.ts';
export { AgentError, type AgentErrorDetail } from './errors.ts';
