import type {
  Cluster,
  Network,
  NetworkId,
  Node,
  NodeId,
  Revision,
  Service,
  ServiceId,
  Task,
  TaskId,
} from '../model/index.ts';
import { taskName } from '../model/index.ts';
import type { NetworkAddresses } from './pool/network-addresses.ts';
import { NumberPool } from './pool/number-pool.ts';
import { PublishedPorts } from './pool/published-ports.ts';
import { Table } from './table.ts';
import { TaskTable } from './task-table.ts';

/** One row that a command created (`before` absent), removed (`after` absent) or replaced. */
export type Change =
  | { readonly kind: 'cluster'; readonly before?: Cluster; readonly after: Cluster }
  | RowChange<'node', NodeId, Node>
  | RowChange<'network', NetworkId, Network>
  | RowChange<'service', ServiceId, Service>
  | RowChange<'task', TaskId, Task>;

interface RowChange<Kind extends string, Id, Row> {
  readonly kind: Kind;
  readonly id: Id;
  readonly before?: Row;
  readonly after?: Row;
}

export const VNI_FIRST = 4096;
export const VNI_LAST = 2 ** 24 - 1;
export const NODE_INDEX_LAST = 65_534;

/** Everything the commands have built. Changed through a `Draft` only. */
export class State {
  revision = 0 as Revision;
  cluster: Cluster | undefined;
  readonly nodes = new Table<NodeId, Node>((node) => node.description.hostname);
  readonly networks = new Table<NetworkId, Network>((network) => network.spec.Name);
  readonly services = new Table<ServiceId, Service>((service) => service.spec.Name);
  readonly tasks = new TaskTable(taskName);
  // What is free. Which numbers are used follows from the tables; the cursors are state of their
  // own.
  readonly vnis = new NumberPool(VNI_FIRST, VNI_LAST);
  readonly nodeIndexes = new NumberPool(1, NODE_INDEX_LAST);
  readonly ports = new PublishedPorts();
  readonly addresses = new Map<NetworkId, NetworkAddresses>();
}
