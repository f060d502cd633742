/** How each row of a node's view is read off the store. */
import {
  containerLabels,
  isTerminal,
  taskHostname,
  type AssignmentRow,
  type Cluster,
  type EndpointRow,
  type Network,
  type NetworkId,
  type NetworkRow,
  type Node,
  type PeerRow,
  type Service,
  type ServiceRow,
  type SettingsRow,
  type Task,
} from '../../model/index.ts';

const MTU_OPTION = 'com.docker.network.driver.mtu';

export function settingsRow(cluster: Cluster): SettingsRow {
  return { kind: 'settings', dataPathPort: cluster.dataPathPort };
}

export function peerRow(node: Node): PeerRow {
  const { id, index, vtep, state } = node;
  return { kind: 'peer', nodeId: id, index, vtep, isUp: state !== 'down' };
}

export function networkRow({ id, spec, subnets }: Network): NetworkRow {
  const mtu = Number(spec.Options[MTU_OPTION]);
  return {
    kind: 'network',
    networkId: id,
    name: spec.Name,
    subnets,
    ...(Number.isInteger(mtu) && { mtu }),
    isInternal: spec.Internal,
    isIngress: spec.Ingress,
  };
}

export function serviceRow({ id, spec, virtualIps, ports }: Service): ServiceRow {
  return {
    kind: 'service',
    serviceId: id,
    name: spec.Name,
    isDnsRoundRobin: spec.EndpointSpec.Mode === 'dnsrr',
    isGlobal: 'Global' in spec.Mode,
    virtualIps,
    ports,
    aliases: (spec.TaskTemplate.Networks ?? [])
      .filter((to) => to.Aliases !== undefined && to.Aliases.length > 0)
      .map((to) => ({ networkId: to.Target as NetworkId, names: to.Aliases ?? [] })),
  };
}

/** A task that has a place on a network and may use it: placed, and not known to have ended. */
export function isLiveEndpoint(task: Task): boolean {
  return task.nodeId !== undefined && task.attachments.length > 0 && !isTerminal(task.status.state);
}

/** Precondition: `isLiveEndpoint(task)`. `node` is absent when it was removed under the task. */
export function endpointRow(task: Task, node: Node | undefined): EndpointRow {
  const { containerId, state } = task.status;
  const isWanted = task.desiredState === 'running' && node !== undefined && node.state !== 'down';
  return {
    kind: 'endpoint',
    taskId: task.id,
    serviceId: task.serviceId,
    serviceName: task.serviceName,
    slot: task.slot,
    nodeId: task.nodeId as EndpointRow['nodeId'],
    hostname: taskHostname(task, node),
    ...(containerId !== undefined && { containerId }),
    attachments: task.attachments,
    isServing: state === 'running' && isWanted,
    isWanted,
  };
}

export function assignmentRow(task: Task): AssignmentRow {
  return { kind: 'assignment', task, labels: containerLabels(task) };
}
