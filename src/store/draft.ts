import type {
  Cluster,
  Meta,
  Network,
  NetworkId,
  Node,
  NodeId,
  PublishedPort,
  Revision,
  Service,
  ServiceId,
  Subnet,
  Task,
  TaskId,
} from '../model/index.ts';
import { NetworkAddresses } from './pool/network-addresses.ts';
import type { NumberPool } from './pool/number-pool.ts';
import type { Change, State } from './state.ts';
import type { Table } from './table.ts';

/**
 * The one way to write to a `State`: every write leaves behind how to undo it, so that a command
 * which turns out to be refusable halfway leaves no trace.
 */
export class Draft {
  readonly state: State;
  readonly revision: Revision;
  readonly atMs: number;
  readonly changes: Change[] = [];
  private readonly undos: (() => void)[] = [];

  constructor(state: State, atMs: number) {
    this.state = state;
    this.revision = (state.revision + 1) as Revision;
    this.atMs = atMs;
  }

  /** Takes every write back, newest first. */
  rollBack(): void {
    for (const undo of this.undos.reverse()) undo();
  }

  /** Meta of an object that this command creates, or changes when `before` is given. */
  meta(before?: Meta): Meta {
    const createdAtMs = before?.createdAtMs ?? this.atMs;
    return { revision: this.revision, createdAtMs, updatedAtMs: this.atMs };
  }

  setCluster(after: Cluster): void {
    const before = this.state.cluster;
    this.state.cluster = after;
    this.undos.push(() => (this.state.cluster = before));
    this.changes.push({ kind: 'cluster', ...(before && { before }), after });
  }

  setNode(id: NodeId, after: Node | undefined): void {
    const before = this.write(this.state.nodes, id, after);
    this.changes.push({ kind: 'node', id, ...(before && { before }), ...(after && { after }) });
  }

  setNetwork(id: NetworkId, after: Network | undefined): void {
    const before = this.write(this.state.networks, id, after);
    this.changes.push({ kind: 'network', id, ...(before && { before }), ...(after && { after }) });
  }

  setService(id: ServiceId, after: Service | undefined): void {
    const before = this.write(this.state.services, id, after);
    this.changes.push({ kind: 'service', id, ...(before && { before }), ...(after && { after }) });
  }

  setTask(id: TaskId, after: Task | undefined): void {
    const before = this.write(this.state.tasks, id, after);
    this.changes.push({ kind: 'task', id, ...(before && { before }), ...(after && { after }) });
  }

  /** The pool's next number; `undefined` when it is used up. */
  take(pool: NumberPool): number | undefined {
    const { cursor } = pool;
    const taken = pool.take();
    if (taken === undefined) return undefined;
    this.undos.push(() => {
      pool.release(taken);
      pool.cursor = cursor;
    });
    return taken;
  }

  release(pool: NumberPool, value: number): void {
    pool.release(value);
    this.undos.push(() => pool.claim(value));
  }

  addPort(port: PublishedPort, serviceId: ServiceId): void {
    this.state.ports.add(port, serviceId);
    this.undos.push(() => this.state.ports.remove(port, serviceId));
  }

  /** Chooses a number for a port that the operator left open. */
  takePort(protocol: PublishedPort['Protocol']): number | undefined {
    const pool = this.state.ports.automatic(protocol);
    const { cursor } = pool;
    const taken = pool.take();
    if (taken === undefined) return undefined;
    // `addPort` claims the number itself; only the cursor's step is this call's own.
    pool.release(taken);
    this.undos.push(() => (pool.cursor = cursor));
    return taken;
  }

  removePort(port: PublishedPort, serviceId: ServiceId): void {
    this.state.ports.remove(port, serviceId);
    this.undos.push(() => this.state.ports.add(port, serviceId));
  }

  openAddresses(id: NetworkId, subnets: readonly Subnet[]): void {
    this.state.addresses.set(id, new NetworkAddresses(subnets));
    this.undos.push(() => this.state.addresses.delete(id));
  }

  closeAddresses(id: NetworkId): void {
    const closed = this.state.addresses.get(id);
    if (closed === undefined) return;
    this.state.addresses.delete(id);
    this.undos.push(() => this.state.addresses.set(id, closed));
  }

  private write<Id extends string, Row extends { readonly id: Id }>(
    table: Table<Id, Row>,
    id: Id,
    after: Row | undefined,
  ): Row | undefined {
    const before = table.set(id, after);
    this.undos.push(() => table.set(id, before));
    return before;
  }
}
