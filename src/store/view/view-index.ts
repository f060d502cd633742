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

  /** Precondition: the state has no rows yet. */
  constructor(state: State) {
    this.state = state;
    this.nodeNetworks = new NodeNetworks(state.revision);
  }

  /** Follows what became different. The state is already the new one. */
  note(changes: readonly Change[], revision: Revision): void {
    for (const change of changes) {
      if (change.kind === 'cluster') this.noteCluster();
      else if (change.kind === 'node') this.noteNode(change.id, revision);
      else if (change.kind === 'network') this.noteNetwork(change.id, revision);
      else if (change.kind === 'service') this.noteService(change.id, change.before, change.after);
      else this.noteTask(change.id, change.before, change.after);
    }
  }

  /** Everything that one node is to know. */
  rowsOf(nodeId: NodeId): Map<ViewKey, StampedRow> {
    const view = new Map<ViewKey, StampedRow>();
    this.copy(view, 'settings');
    for (const { id } of this.state.nodes.values()) this.copy(view, `peer/${id}`);
    const networkIds = this.networksOf(nodeId);
    for (const networkId of networkIds) {
      this.copy(view, `network/${networkId}`);
      for (const id of this.servicesByNetwork.get(networkId)) this.copy(view, `service/${id}`);
      for (const id of this.endpointsByNetwork.get(networkId))
        this.copyEndpoint(view, id, { nodeId, networkIds });
    }
    for (const task of this.state.tasks.byNode(nodeId)) this.copy(view, `assignment/${task.id}`);
    return view;
  }

  /**
   * Networks that the node carries: where a task of its own lives, and ingress while a port is
   * routed.
   */
  private networksOf(nodeId: NodeId): ReadonlySet<NetworkId> {
    const ids = new Set<NetworkId>();
    for (const id of this.nodeNetworks.of(nodeId)) if (this.state.networks.has(id)) ids.add(id);
    for (const network of this.state.networks.values()) {
      if (network.spec.Ingress && this.servicesByNetwork.get(network.id).size > 0)
        ids.add(network.id);
    }
    return ids;
  }

  private copy(view: Map<ViewKey, StampedRow>, key: ViewKey): void {
    const row = this.rows.get(key);
    if (row !== undefined) view.set(row.key, row);
  }

  private copyEndpoint(
    view: Map<ViewKey, StampedRow>,
    id: TaskId,
    viewer: { readonly nodeId: NodeId; readonly networkIds: ReadonlySet<NetworkId> },
  ): void {
    const whole = this.endpoints.get(id);
    if (whole === undefined || view.has(whole.key)) return;
    const { attachments } = whole.row;
    if (attachments.length === 1) {
      view.set(whole.key, whole);
      return;
    }
    const seen = attachments.filter((at) => viewer.networkIds.has(at.networkId));
    const since = attachments.map((at) => this.nodeNetworks.changedAt(viewer.nodeId, at.networkId));
    const revision = Math.max(whole.revision, ...since) as Revision;
    const row =
      seen.length === attachments.length ? whole.row : { ...whole.row, attachments: seen };
    view.set(whole.key, { revision, row });
  }

  private noteCluster(): void {
    const { cluster } = this.state;
    if (cluster !== undefined) this.put(settingsRow(cluster), cluster.meta.revision);
  }

  private noteNode(id: NodeId, revision: Revision): void {
    const node = this.state.nodes.get(id);
    if (node !== undefined) this.put(peerRow(node), revision);
    else {
      this.rows.delete(`peer/${id}`);
      this.nodeNetworks.forget(id, revision);
    }
    for (const task of this.state.tasks.byNode(id)) {
      if (isLiveEndpoint(task)) this.putEndpoint(task, revision);
    }
  }

  private noteNetwork(id: NetworkId, revision: Revision): void {
    const network = this.state.networks.get(id);
    if (network !== undefined) {
      this.put(networkRow(network), network.meta.revision);
      return;
    }
    this.rows.delete(`network/${id}`);
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
    if (after === undefined) this.rows.delete(`service/${id}`);
    else this.put(serviceRow(after), after.meta.revision);
    this.noteIngress(before, after);
  }

  /** The first routed port brings the ingress network to every node, the last one takes it away. */
  private noteIngress(before?: Service, after?: Service): void {
    for (const networkId of [...networksOfService(before), ...networksOfService(after)]) {
      if (this.state.networks.get(networkId)?.spec.Ingress !== true) continue;
      const isRouting = this.servicesByNetwork.get(networkId).size > 0;
      this.nodeNetworks.setEverywhere(networkId, isRouting, this.now());
    }
  }

  private noteTask(id: TaskId, before?: Task, after?: Task): void {
    const was = before !== undefined && isLiveEndpoint(before) ? before : undefined;
    const is = after !== undefined && isLiveEndpoint(after) ? after : undefined;
    if (was !== is) this.moveEndpoint(id, was, is);
    if (is !== undefined) this.putEndpoint(is, is.meta.revision);
    else this.endpoints.delete(id);
    if (after?.nodeId === undefined) this.rows.delete(`assignment/${id}`);
    else this.put(assignmentRow(after), after.meta.revision);
  }

  private moveEndpoint(id: TaskId, was: Task | undefined, is: Task | undefined): void {
    if (was !== undefined && is !== undefined) return;
    const task = was ?? is;
    if (task?.nodeId === undefined) return;
    for (const { networkId } of task.attachments) {
      this.endpointsByNetwork.move(id, was && networkId, is && networkId);
      if (is !== undefined) this.nodeNetworks.add(task.nodeId, networkId, this.now());
      else this.nodeNetworks.remove(task.nodeId, networkId, this.now());
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
    this.endpoints.set(task.id, { key: viewKey(row), revision: stamp, row });
  }

  /** Keeps the older number while the row says the same. */
  private put(row: ViewRow, revision: Revision): void {
    const key = viewKey(row);
    const before = this.rows.get(key);
    if (before !== undefined && isSameJson(before.row, row)) return;
    this.rows.set(key, { key, revision, row });
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
