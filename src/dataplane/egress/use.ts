import type { NodeView, Task } from '../../model/index.ts';

/**
 * What a task has `hawser_gw` for: its default route, only to be reached by host-mode ports, or
 * nothing.
 */
export type GatewayUse = 'egress' | 'ports' | 'none';

/**
 * A task whose networks are all internal has no way out; one without networks has only this one.
 */
export function gatewayUse(view: NodeView, task: Task): GatewayUse {
  const networks = task.attachments.map(({ networkId }) => view.networks.get(networkId));
  if (networks.length === 0 || networks.some((network) => network?.isInternal === false))
    return 'egress';
  return task.hostPorts.length > 0 ? 'ports' : 'none';
}
