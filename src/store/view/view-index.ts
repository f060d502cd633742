import {
  viewKey,
  type EndpointRow,
  type NetworkId,
  type NodeId,
  type Revision,
  type Service,
  type ServiceId,
  type Task,
  type TaskId,
  type ViewKey,
  type ViewRow,
} from '../../model/index.ts';
import { isSameJson } from '../equal.ts';
import type { Change, State } from '../state.ts';
import { KeyedIds } from '../table.ts';
import { NodeNetworks } from './node-networks.ts';
import { ViewLog, type ViewNote } from './view-log.ts';
import {
  assignmentRow,
  endpointRow,
  isLiveEndpoint,
  networkRow,
  peerRow,
  serviceRow,
  settingsRow,
} from './rows.ts';

/**
 * A row and its number: the row has said the same since that revision. Two managers, or one before
 * and after a restart, may number a row differently; equal numbers always mean equal rows.
 */
export interface StampedRow<Row extends ViewRow = ViewRow> {
  readonly revision: Revision;
  readonly row: Row;
}

interface KeyedRow<Row extends ViewRow = ViewRow> extends StampedRow<Row> {
  readonly key: ViewKey;
}

/**
 * Rows as every node would see them, kept while commands are applied, so that one node's view is a
 * walk over ready rows. Rows are alike for all nodes but in one point: an endpoint shows only its
 * attachments on the viewer's networks.
 */
export class ViewIndex {
  private readonly state: State;
  private readonly rows = new Map<ViewKey, KeyedRow>();
  private readonly endpoints = new Map<TaskId, KeyedRow<EndpointRow>>();
  private readonly endpointsByNetwork = new KeyedIds<NetworkId, TaskId>();
  private readonly servicesByNetwork = new KeyedIds<NetworkId, ServiceId>();
  private readonly nodeNetworks: NodeNetworks;
  private readonly log: ViewLog;

  /** Precondition: the state has no rows yet. */
  constructor(state: State) {
    this.state = state;
    this.nodeNetworks = new NodeNetworks(state.revision);
    this.log = new ViewLog(state.revision);
  }

  /** Follows what became different. The state is already the new one. */
  note(changes: readonly Change[], revision: Revision): void {
    for (const change of changes) {
      if (change.kind === 'cluster') this.noteSettings();
      else if (change.kind === 'node') this.noteNode(change.id, revision);
      else if (change.kind === 'network') this.noteNetwork(change.id, revision);
      else if (change.kind === 'service') this.noteService(change.id, change.before, change.after);
      else this.noteTask(change.id, change.before, change.after);
    }
  }

  /** Everything that one node is to know. */
  rowsOf(nodeId: NodeId): Map<ViewKey, StampedRow> {
    const view = new Map<ViewKey, StampedRow>();
    for (const key of this.keysOf(nodeId)) {
      const stamped = this.rowFor(nodeId, key);
      if (stamped !== undefined) view.set(key, stamped);
    }
    return view;
  }

  /** Keys of all rows that the node sees, some more than once. */
  *keysOf(nodeId: NodeId): Generator<ViewKey, void> {
    yield 'settings';
    for (const { id } of this.state.nodes.values()) yield `peer/${id}`;
    for (const networkId of this.nodeNetworks.of(nodeId)) yield* this.keysOn(networkId);
    for (const { id } of this.state.tasks.byNode(nodeId)) yield `assignment/${id}`;
  }

  /**
   * Keys of rows that may look different to the node than at `revision`, some of them not for it at
   * all; undefined when that is too long ago.
   */
  keysSince(nodeId: NodeId, revision: Revision): Iterable<ViewKey> | undefined {
    const notes = this.log.after(revision);
    return notes && this.keysIn(notes, nodeId);
  }

  /** The row as the node sees it, if it does. */
  rowFor(nodeId: NodeId, key: ViewKey): StampedRow | undefined {
    const slash = key.indexOf('/');
    const kind = key.slice(0, slash);
    const id = key.slice(slash + 1);
    if (kind === 'endpoint') return this.endpointFor(nodeId, id as TaskId);
    return this.isSeen(nodeId, kind, id) ? this.rows.get(key) : undefined;
  }

  private isSeen(nodeId: NodeId, kind: string, id: string): boolean {
    if (kind === 'network') return this.hasNetwork(nodeId, id as NetworkId);
    if (kind === 'assignment') return this.state.tasks.get(id as TaskId)?.nodeId === nodeId;
    if (kind !== 'service') return true;
    const networkIds = networksOfService(this.state.services.get(id as ServiceId));
    for (const networkId of networkIds) if (this.hasNetwork(nodeId, networkId)) return true;
    return false;
  }

  private endpointFor(nodeId: NodeId, id: TaskId): StampedRow | undefined {
    const whole = this.endpoints.get(id);
    if (whole === undefined) return undefined;
    const { attachments } = whole.row;
    const seen = attachments.filter((at) => this.hasNetwork(nodeId, at.networkId));
    if (seen.length === 0 || attachments.length === 1) return seen.length === 0 ? undefined : whole;
    const since = attachments.map((at) => this.nodeNetworks.changedAt(nodeId, at.networkId));
    const revision = Math.max(whole.revision, ...since) as Revision;
    const row =
      seen.length === attachments.length ? whole.row : { ...whole.row, attachments: seen };
    return { revision, row };
  }

  /**
   * Networks that the node carries: where a task of its own lives, and ingress while a port is
   * routed.
   */
  private hasNetwork(nodeId: NodeId, networkId: NetworkId): boolean {
    return this.state.networks.has(networkId) && this.nodeNetworks.has(nodeId, networkId);
  }

  private *keysOn(networkId: NetworkId): Generator<ViewKey, void> {
    yield `network/${networkId}`;
    for (const id of this.servicesByNetwork.get(networkId)) yield `service/${id}`;
    for (const id of this.endpointsByNetwork.get(networkId)) yield `endpoint/${id}`;
  }

  private *keysIn(notes: readonly ViewNote[], nodeId: NodeId): Generator<ViewKey, void> {
    for (const note of notes) {
      if ('key' in note) yield note.key;
      else if (note.nodeId === undefined || note.nodeId === nodeId)
        yield* this.keysOn(note.networkId);
    }
  }

  /**
   * Settings follow the cluster and, once paths are known, all of its nodes, also those that are
   * gone, whose revisions nothing records.
   */
  private noteSettings(): void {
    const { cluster, nodes } = this.state;
    if (cluster === undefined) return;
    const row = settingsRow(cluster, nodes.values());
    this.put(row, row.pathMtu === undefined ? cluster.meta.revision : this.now());
  }

  private noteNode(id: NodeId, revision: Revision): void {
    const node = this.state.nodes.get(id);
    if (node !== undefined) this.put(peerRow(node), revision);
    else {
      this.drop(`peer/${id}`);
      this.nodeNetworks.forget(id, revision);
    }
    for (const task of this.state.tasks.byNode(id)) {
      if (isLiveEndpoint(task)) this.putEndpoint(task, revision);
    }
    this.noteSettings();
  }

  private noteNetwork(id: NetworkId, revision: Revision): void {
    const network = this.state.networks.get(id);
    if (network !== undefined) {
      this.put(networkRow(network), network.meta.revision);
      return;
    }
    this.drop(`network/${id}`);
    this.log.add({ revision, networkId: id });
    // Its last endpoints, on their way out, show one attachment less from here on.
    for (const taskId of this.endpointsByNetwork.get(id)) {
      const row = this.endpoints.get(taskId);
      if (row !== undefined) this.endpoints.set(taskId, { ...row, revision });
    }
  }

  private noteService(id: ServiceId, before?: Service, after?: Service): void {
    for (const networkId of networksOfService(before))
      this.servicesByNetwork.move(id, networkId, undefined);
    for (const networkId of networksOfService(after))
      this.servicesByNetwork.move(id, undefined, networkId);
    if (after === undefined) this.drop(`service/${id}`);
    else this.put(serviceRow(after), after.meta.revision);
    // Who sees it follows from its networks, which the row need not tell.
    this.noteRow(`service/${id}`);
    this.noteIngress(before, after);
  }

  /** The first routed port brings the ingress network to every node, the last one takes it away. */
  private noteIngress(before?: Service, after?: Service): void {
    for (const networkId of [...networksOfService(before), ...networksOfService(after)]) {
      if (this.state.networks.get(networkId)?.spec.Ingress !== true) continue;
      const isRouting = this.servicesByNetwork.get(networkId).size > 0;
      const revision = this.now();
      if (this.nodeNetworks.trySetEverywhere(networkId, isRouting, revision))
        this.log.add({ revision, networkId });
    }
  }

  private noteTask(id: TaskId, before?: Task, after?: Task): void {
    const was = before !== undefined && isLiveEndpoint(before) ? before : undefined;
    const is = after !== undefined && isLiveEndpoint(after) ? after : undefined;
    if (was !== is) this.moveEndpoint(id, was, is);
    if (is !== undefined) this.putEndpoint(is, is.meta.revision);
    else if (this.endpoints.delete(id)) this.noteRow(`endpoint/${id}`);
    if (after?.nodeId === undefined) this.drop(`assignment/${id}`);
    else this.put(assignmentRow(after), after.meta.revision);
  }

  private moveEndpoint(id: TaskId, was: Task | undefined, is: Task | undefined): void {
    if (was !== undefined && is !== undefined) return;
    const { nodeId, attachments } = was ?? is ?? { attachments: [] };
    if (nodeId === undefined) return;
    const revision = this.now();
    for (const { networkId } of attachments) {
      this.endpointsByNetwork.move(id, was && networkId, is && networkId);
      const isToggled =
        is === undefined
          ? this.nodeNetworks.remove(nodeId, networkId, revision)
          : this.nodeNetworks.add(nodeId, networkId, revision);
      if (isToggled) this.log.add({ revision, networkId, nodeId });
    }
  }

  private putEndpoint(task: Task, revision: Revision): void {
    const node = task.nodeId === undefined ? undefined : this.state.nodes.get(task.nodeId);
    // Without its node the row changed when the node went, at a revision that nothing records.
    const nodeRevision = node?.meta.revision ?? this.now();
    const row = endpointRow(task, node);
    const before = this.endpoints.get(task.id);
    if (before !== undefined && isSameJson(before.row, row)) return;
    const stamp = Math.max(revision, nodeRevision) as Revision;
    const key = viewKey(row);
    this.endpoints.set(task.id, { key, revision: stamp, row });
    this.noteRow(key);
  }

  /** Keeps the older number while the row says the same. */
  private put(row: ViewRow, revision: Revision): void {
    const key = viewKey(row);
    const before = this.rows.get(key);
    if (before !== undefined && isSameJson(before.row, row)) return;
    this.rows.set(key, { key, revision, row });
    this.noteRow(key);
  }

  private drop(key: ViewKey): void {
    if (this.rows.delete(key)) this.noteRow(key);
  }

  private noteRow(key: ViewKey): void {
    this.log.add({ revision: this.now(), key });
  }

  private now(): Revision {
    return this.state.revision;
  }
}

function networksOfService(service: Service | undefined): ReadonlySet<NetworkId> {
  if (service === undefined) return new Set();
  const targets = (service.spec.TaskTemplate.Networks ?? []).map((to) => to.Target as NetworkId);
  return new Set([...service.virtualIps.map((vip) => vip.networkId), ...targets]);
}
