/**
 * Objects of the replicated store: a spec plus what the cluster decided and observed. Plain data,
 * JSON-safe.
 */
import type { Mac } from '../base/index.ts';
import type {
  ClusterId,
  NetworkId,
  NodeId,
  NodeIndex,
  Revision,
  ServiceId,
  TaskId,
  Vni,
} from './ids.ts';
import type {
  ClusterSpec,
  NetworkSpec,
  NodeSpec,
  PortConfig,
  ServiceSpec,
  TaskSpec,
} from './specs.ts';

export interface Meta {
  /** Revision of the last command that changed the object. Docker's `Version.Index`. */
  readonly revision: Revision;
  /** Milliseconds since the epoch, by the proposer's clock. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface Cluster {
  readonly id: ClusterId;
  readonly meta: Meta;
  readonly spec: ClusterSpec;
  /** IPv4 prefixes that subnets are cut from, and the length of what is cut. */
  readonly addressPools: readonly string[];
  readonly subnetBits: number;
  /** UDP port of the VXLAN data path. */
  readonly dataPathPort: number;
  readonly caCertificatePem: string;
  /**
   * PKCS#8 PEM; empty when only external signers have it. Secret: never leaves the managers, never
   * logged.
   */
  readonly caKeyPem: string;
  /**
   * The root's key, certified by the root before it: goes with every certificate, for nodes that
   * were away while the root was rotated. Absent in a cluster that still has its first root.
   */
  readonly caCrossPem?: string;
  /** Set while nodes move to another root. */
  readonly caRotation?: AuthorityRotation;
  /** `CAConfig.ForceRotate` of the last rotation that was begun. */
  readonly caForceRotate?: number;
  /** Secret parts of the join tokens. */
  readonly joinSecrets: JoinSecrets;
  /** `SWMKEY-1-…`, while managers lock their keys. Secret, as `caKeyPem`. */
  readonly unlockKey?: string;
  /** Of the gossip among nodes; absent until the cluster's first leader has made one. */
  readonly gossipKeys?: GossipKeys;
}

/**
 * The keys that nodes seal their gossip with, and where the change from one to the next is. Nodes
 * are told `generation`, `keys` and `primary`; secret, never logged.
 */
export interface GossipKeys {
  /** One more for each change. */
  readonly generation: number;
  /** 1 to 3, all accepted. `id` is 1 to 255; `secret` 32 bytes in base64. */
  readonly keys: readonly { readonly id: number; readonly secret: string }[];
  /** Id of the key to seal with. */
  readonly primary: number;
  /** `settled`; or nodes are on the way to accept a new key (`installing`) or to seal with it. */
  readonly stage: 'settled' | 'installing' | 'using';
  /** When `stage` began, by the proposer's clock. */
  readonly sinceMs: number;
}

export interface JoinSecrets {
  readonly worker: string;
  readonly manager: string;
}

/** A root that takes the place of the present one once every node that is up has moved to it. */
export interface AuthorityRotation {
  readonly certificatePem: string;
  /** As `caKeyPem`. */
  readonly keyPem: string;
  /** Its key, certified by the present root. */
  readonly crossPem: string;
  /** Of `certificatePem`, as join tokens and `NodeTls` name roots. */
  readonly digest: string;
  /** Secrets of the join tokens that name the new root. */
  readonly joinSecrets: JoinSecrets;
}

/** What a node says of its certificate and its trust. Roots are named by their digests. */
export interface NodeTls {
  /** Root that its certificate is of. */
  readonly issuer: string;
  readonly trust: readonly string[];
  /** SHA-256 of its certificate, hex. */
  readonly leaf: string;
}

export interface NodeDescription {
  readonly hostname: string;
  readonly architecture: string;
  readonly os: string;
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly engineVersion: string;
  /** Names of images this node can start tasks from (`name:tag`), at most 1,000. */
  readonly images: readonly string[];
  /** Absent until the node's first session. */
  readonly tls?: NodeTls;
}

export type NodeState = 'unknown' | 'ready' | 'down';

export interface Node {
  readonly id: NodeId;
  readonly meta: Meta;
  readonly index: NodeIndex;
  readonly spec: NodeSpec;
  readonly description: NodeDescription;
  readonly state: NodeState;
  readonly stateMessage: string;
  /** Where the manager saw it connect from. */
  readonly address: string;
  /** Its VXLAN endpoint: the data-path address. */
  readonly vtep: string;
  /** Set while it takes part as a manager: `advertise address:2377`. */
  readonly managerAddress?: string;
  /** Its peer in the consensus group: set with `managerAddress`. */
  readonly peerId?: string;
}

/** One subnet of a network, with the VNI that carries it. */
export interface Subnet {
  readonly prefix: string;
  readonly gateway: string;
  readonly ipRange?: string;
  readonly vni: Vni;
}

export interface Network {
  readonly id: NetworkId;
  readonly meta: Meta;
  readonly spec: NetworkSpec;
  readonly subnets: readonly Subnet[];
}

export interface PublishedPort extends PortConfig {
  /** Always set here; the allocator chose it when the spec left it open. */
  readonly PublishedPort: number;
}

export interface VirtualIp {
  readonly networkId: NetworkId;
  /** Plain address without prefix length. */
  readonly address: string;
}

export interface Service {
  readonly id: ServiceId;
  readonly meta: Meta;
  readonly spec: ServiceSpec;
  readonly previousSpec?: ServiceSpec;
  /**
   * Grows whenever TaskTemplate or what tasks depend on changes; tasks of older versions are
   * replaced.
   */
  readonly specVersion: number;
  readonly ports: readonly PublishedPort[];
  /**
   * One per network in VIP mode (and one on the ingress network if a port is published there); none
   * in dnsrr mode.
   */
  readonly virtualIps: readonly VirtualIp[];
}

/** Docker's task states, in their order. */
export type TaskState =
  | 'new'
  | 'pending'
  | 'assigned'
  | 'accepted'
  | 'preparing'
  | 'ready'
  | 'starting'
  | 'running'
  | 'complete'
  | 'shutdown'
  | 'failed'
  | 'rejected'
  | 'remove'
  | 'orphaned';

export interface TaskStatus {
  readonly state: TaskState;
  readonly atMs: number;
  /** Docker's wording, e.g. `started`, `finished`. */
  readonly message: string;
  readonly error?: string;
  readonly containerId?: string;
  readonly pid?: number;
  readonly exitCode?: number;
}

/** A task's place on one network. */
export interface Attachment {
  readonly networkId: NetworkId;
  /** Plain address; the prefix length is that of the subnet which holds it. */
  readonly address: string;
  readonly mac: Mac;
  readonly aliases: readonly string[];
}

export interface Task {
  readonly id: TaskId;
  readonly meta: Meta;
  readonly serviceId: ServiceId;
  /** Copied, so that a task can be named and explained after its service is gone. */
  readonly serviceName: string;
  /** 1-based for replicated services, 0 for global ones. */
  readonly slot: number;
  /** Absent until placed. */
  readonly nodeId?: NodeId;
  readonly spec: TaskSpec;
  readonly specVersion: number;
  readonly desiredState: 'ready' | 'running' | 'shutdown' | 'remove';
  readonly status: TaskStatus;
  /** Ingress (if the service publishes there) and every network of the spec, in that order. */
  readonly attachments: readonly Attachment[];
  /** Host-mode ports of the service at creation. */
  readonly hostPorts: readonly PublishedPort[];
  /** Not to be started before this time: the restart delay. */
  readonly startAfterMs?: number;
}

export const TASK_STATE_ORDER: readonly TaskState[] = [
  'new',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
];

/** Whether the task has ended and will never run again: state is `complete` or later. */
export function isTerminal(state: TaskState): boolean {
  return TASK_STATE_ORDER.indexOf(state) > TASK_STATE_ORDER.indexOf('running');
}
