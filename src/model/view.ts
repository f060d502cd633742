/**
 * What one node needs to know of the cluster: rows, each under a key, each with the revision that
 * last changed it.
 *
 * A manager derives the rows for a node from the store; the stream between them carries upserts and
 * removals and is resumed by telling which revision of each key is held. A node's whole data plane,
 * names and tasks are functions of its rows, so a node that holds the right rows is right.
 */
import type { NetworkId, NodeId, NodeIndex, Revision, ServiceId, TaskId } from './ids.ts';
import type { Attachment, PublishedPort, Subnet, Task, VirtualIp } from './objects.ts';

/** Every node of the cluster: where its frames go, and how its ingress replies find it. */
export interface PeerRow {
  readonly kind: 'peer';
  readonly nodeId: NodeId;
  readonly index: NodeIndex;
  readonly vtep: string;
  /** False while the node is down: its endpoints stay known but take no new connections. */
  readonly isUp: boolean;
}

/** A network this node has an endpoint on, or the ingress network while any port is published. */
export interface NetworkRow {
  readonly kind: 'network';
  readonly networkId: NetworkId;
  readonly name: string;
  readonly subnets: readonly Subnet[];
  readonly mtu?: number;
  readonly isInternal: boolean;
  readonly isIngress: boolean;
}

/**
 * A service with an endpoint on one of this node's networks, or with a port published on the
 * ingress network.
 */
export interface ServiceRow {
  readonly kind: 'service';
  readonly serviceId: ServiceId;
  readonly name: string;
  readonly isDnsRoundRobin: boolean;
  readonly isGlobal: boolean;
  readonly virtualIps: readonly VirtualIp[];
  readonly ports: readonly PublishedPort[];
  /** Aliases of the service per network. */
  readonly aliases: readonly { readonly networkId: NetworkId; readonly names: readonly string[] }[];
}

/** A live task on one of this node's networks, wherever it runs. */
export interface EndpointRow {
  readonly kind: 'endpoint';
  readonly taskId: TaskId;
  readonly serviceId: ServiceId;
  readonly serviceName: string;
  readonly slot: number;
  readonly nodeId: NodeId;
  readonly hostname: string;
  readonly containerId?: string;
  /** Only those on networks that this node has. */
  readonly attachments: readonly Attachment[];
  /**
   * Whether it takes new connections and is answered for by name: running, wanted running, node up.
   */
  readonly isServing: boolean;
  /** It would serve if it ran: wanted running, node up. */
  readonly isWanted?: boolean;
}

/** A task assigned to this node, whole. */
export interface AssignmentRow {
  readonly kind: 'assignment';
  readonly task: Task;
  /** Networks' default domain of hostnames is none; labels as Docker sets them on a container. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Cluster-wide settings of the data plane. */
export interface SettingsRow {
  readonly kind: 'settings';
  readonly dataPathPort: number;
}

export type ViewRow = PeerRow | NetworkRow | ServiceRow | EndpointRow | AssignmentRow | SettingsRow;

/** `kind/id`: the key of a row in a view. */
export type ViewKey = string;

export function viewKey(row: ViewRow): ViewKey {
  switch (row.kind) {
    case 'peer':
      return `peer/${row.nodeId}`;
    case 'network':
      return `network/${row.networkId}`;
    case 'service':
      return `service/${row.serviceId}`;
    case 'endpoint':
      return `endpoint/${row.taskId}`;
    case 'assignment':
      return `assignment/${row.task.id}`;
    case 'settings':
      return 'settings';
  }
}

/** All rows that concern one node, indexed. Immutable; a change makes a new one. */
export interface NodeView {
  readonly selfId: NodeId;
  /** Store revision that the rows are complete for. */
  readonly revision: Revision;
  /**
   * Kept by an earlier run of the agent, and no manager has told rows since. The node may have
   * acted on newer ones, and others on what it reported then.
   */
  readonly isRemembered?: true;
  readonly settings: SettingsRow;
  readonly peers: ReadonlyMap<NodeId, PeerRow>;
  readonly networks: ReadonlyMap<NetworkId, NetworkRow>;
  readonly services: ReadonlyMap<ServiceId, ServiceRow>;
  readonly endpoints: ReadonlyMap<TaskId, EndpointRow>;
  readonly assignments: ReadonlyMap<TaskId, AssignmentRow>;
}
