/**
 * node: what every node does, manager or worker.
 *
 * It takes the node's view (rows from a manager) and makes it true here: tasks run
 * (`task-runner.ts`, one decision in `task-step.ts`), the kernel holds what `dataplane.plan` says
 * (`reconcile/`), names are answered in every container (`resolver/`), namespaces that others made
 * are on networks (`attach/`). It reports what became of each task. It never decides where tasks
 * run or which address they have.
 *
 * Inputs: `ClusterMember.view`, the runtime's containers, the kernel. Outputs: containers, kernel
 * objects, task statuses. Start with `node-daemon.ts`.
 */
export { NodeError, type NodeErrorDetail } from './errors.ts';
export { NodeDaemon, type NodeDaemonOptions } from './node-daemon.ts';
export { SandboxNames, type SandboxNamesOptions } from './sandbox-names.ts';
export { SandboxTable, type Sandbox } from './sandboxes.ts';
export { chooseGatewayPrefix, parseProcRoutes } from './gateway-prefix.ts';
export { containerIdOf } from './container-spec.ts';
export { writeFileAtomic } from './atomic-file.ts';
export * from './attach/index.ts';
export * from './path/index.ts';
export * from './reconcile/index.ts';
export * from './resolver/index.ts';
