/**
 * node: what every node does, manager or worker.
 *
 * It takes the node's view (rows from a manager) and makes it true here: tasks run
 * (`task-runner.ts`, one decision in `task-step.ts`), the kernel holds what `dataplane.plan` says
 * (`reconcile/`), names are answered in every container (`resolver/`). It reports what became of
 * each task. It never decides where tasks run or which address they have.
 *
 * Inputs: `ClusterMember.view`, the runtime's containers, the kernel. Outputs: containers, kernel
 * objects, task statuses. Start with `node-daemon.ts`.
 */
export { NodeDaemon, type NodeDaemonOptions } from './node-daemon.ts';
export { SandboxNames, type SandboxNamesOptions } from './sandbox-names.ts';
export { SandboxTable, type Sandbox } from './sandboxes.ts';
export { chooseGatewayPrefix, parseProcRoutes } from './gateway-prefix.ts';
export { containerIdOf, taskName } from './container-spec.ts';
export { writeFileAtomic } from './atomic-file.ts';
export * from './reconcile/index.ts';
export * from './resolver/index.ts';
