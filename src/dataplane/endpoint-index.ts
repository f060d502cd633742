/**
 * Endpoints by network and by service, kept from view to view: a view costs what it changes, and
 * one look at each row.
 */
import type {
  Attachment,
  EndpointRow,
  NetworkId,
  NodeId,
  NodeView,
  ServiceId,
  TaskId,
} from '../model/index.ts';

/** An endpoint's place on one network. */
export interface EndpointPlug {
  readonly endpoint: EndpointRow;
  readonly attachment: Attachment;
}

const NONE: readonly EndpointPlug[] = [];

/** Rows under two keys; a list is the same object until one of its rows changes. */
class Shelf {
  private readonly plugs = new Map<string, Map<TaskId, EndpointPlug>>();
  private readonly lists = new Map<string, readonly EndpointPlug[]>();

  put(key: string, plug: EndpointPlug): void {
    const plugs = this.plugs.get(key) ?? new Map<TaskId, EndpointPlug>();
    this.plugs.set(key, plugs.set(plug.endpoint.taskId, plug));
    this.lists.delete(key);
  }

  delete(key: string, taskId: TaskId): void {
    const plugs = this.plugs.get(key);
    if (plugs?.delete(taskId) !== true) return;
    if (plugs.size === 0) this.plugs.delete(key);
    this.lists.delete(key);
  }

  list(key: string): readonly EndpointPlug[] {
    const known = this.lists.get(key);
    if (known !== undefined) return known;
    const plugs = this.plugs.get(key);
    if (plugs === undefined) return NONE;
    const list = [...plugs.values()].sort(bySlot);
    this.lists.set(key, list);
    return list;
  }
}

export class EndpointIndex {
  private rows = new Map<TaskId, EndpointRow>();
  private selfId: NodeId | undefined;
  private readonly remoteByNetwork = new Shelf();
  private readonly servingByService = new Shelf();

  update(view: NodeView): void {
    if (this.selfId !== view.selfId) for (const row of this.rows.values()) this.remove(row);
    this.selfId = view.selfId;
    for (const row of view.endpoints.values()) {
      const known = this.rows.get(row.taskId);
      if (known === row) continue;
      if (known !== undefined) this.remove(known);
      this.add(row);
    }
    if (this.rows.size === view.endpoints.size) return;
    for (const row of this.rows.values()) if (!view.endpoints.has(row.taskId)) this.remove(row);
  }

  /** Endpoints of other nodes. */
  remote(networkId: NetworkId): readonly EndpointPlug[] {
    return this.remoteByNetwork.list(networkId);
  }

  /** Endpoints that take new connections, wherever they are, in the order of their slots. */
  serving(serviceId: ServiceId, networkId: NetworkId): readonly EndpointPlug[] {
    return this.servingByService.list(`${serviceId}/${networkId}`);
  }

  private add(endpoint: EndpointRow): void {
    this.rows.set(endpoint.taskId, endpoint);
    for (const attachment of endpoint.attachments) {
      const { networkId } = attachment;
      const plug = { endpoint, attachment };
      if (endpoint.nodeId !== this.selfId) this.remoteByNetwork.put(networkId, plug);
      if (endpoint.isServing) this.servingByService.put(`${endpoint.serviceId}/${networkId}`, plug);
    }
  }

  private remove({ taskId, serviceId, attachments }: EndpointRow): void {
    this.rows.delete(taskId);
    for (const { networkId } of attachments) {
      this.remoteByNetwork.delete(networkId, taskId);
      this.servingByService.delete(`${serviceId}/${networkId}`, taskId);
    }
  }
}

/** One order for all nodes and all plans, whatever order rows arrived in. */
function bySlot(one: EndpointPlug, other: EndpointPlug): number {
  const slots = one.endpoint.slot - other.endpoint.slot;
  if (slots !== 0) return slots;
  return one.endpoint.taskId < other.endpoint.taskId ? -1 : 1;
}
