/** A small view to lay gossip over: this node `n1`, others, tasks with one network each. */
import type { Mac } from '../../../../src/base/index.ts';
import type {
  AssignmentRow,
  EndpointRow,
  NetworkId,
  NodeId,
  NodeIndex,
  NodeView,
  PeerRow,
  Revision,
  ServiceId,
  Task,
  TaskId,
  TaskState,
} from '../../../../src/model/index.ts';

export const NETWORK = 'network-1' as NetworkId;
export const nodeId = (number: number): NodeId => `n${number}` as NodeId;
export const taskId = (number: number): TaskId => `t${number}` as TaskId;

export function peer(number: number, isUp = true): PeerRow {
  const vtep = `192.0.2.${number}`;
  return { kind: 'peer', nodeId: nodeId(number), index: number as NodeIndex, vtep, isUp };
}

/** Task `number` on node `node`. */
export function endpoint(
  number: number,
  node: number,
  change: Partial<EndpointRow> = {},
): EndpointRow {
  const mac = '02:42:0a:00:00:01' as Mac;
  return {
    kind: 'endpoint',
    taskId: taskId(number),
    serviceId: 'web' as ServiceId,
    serviceName: 'web',
    slot: number,
    nodeId: nodeId(node),
    hostname: '',
    attachments: [{ networkId: NETWORK, address: `10.0.0.${number}`, mac, aliases: [] }],
    isServing: true,
    isWanted: true,
    ...change,
  };
}

/** A task of this node as its manager knows it. */
export function assignment(
  number: number,
  state: TaskState,
  desiredState: Task['desiredState'] = 'running',
): AssignmentRow {
  const status = { state, atMs: 1, message: '' };
  // What facts are made of, and no more of the task.
  const task = { id: taskId(number), desiredState, status } as Task;
  return { kind: 'assignment', task, labels: {} };
}

export function view(rows: {
  readonly peers?: readonly PeerRow[];
  readonly endpoints?: readonly EndpointRow[];
  readonly assignments?: readonly AssignmentRow[];
  readonly revision?: number;
}): NodeView {
  const { peers = [peer(1), peer(2), peer(3)], endpoints = [], assignments = [] } = rows;
  const subnets: never[] = [];
  const flags = { isInternal: false, isIngress: false };
  const network = { kind: 'network', networkId: NETWORK, name: 'net', subnets, ...flags } as const;
  return {
    selfId: nodeId(1),
    revision: (rows.revision ?? 1) as Revision,
    settings: { kind: 'settings', dataPathPort: 4789 },
    peers: new Map(peers.map((row) => [row.nodeId, row])),
    networks: new Map([[NETWORK, network]]),
    services: new Map(),
    endpoints: new Map(endpoints.map((row) => [row.taskId, row])),
    assignments: new Map(assignments.map((row) => [row.task.id, row])),
  };
}
