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
  AttachmentSpec,
  ClusterSpec,
  Labels,
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
  /**
   * Prefixes that subnets are cut from: at least one of IPv4, whose subnets are `subnetBits` long,
   * and, so that networks can have IPv6 without naming a subnet, some of IPv6 (/64 each).
   */
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
  /** Ids of those among `keys` that a removed node knows: rotations follow until none is left. */
  readonly betrayed?: readonly number[];
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

/** What a node's probes of the paths to its peers have found. */
export interface NodePaths {
  /** Of the narrowest path, bytes of an IP packet; absent while none was measured. */
  readonly mtu?: number;
  /** One sentence each, at most 16. */
  readonly problems: readonly string[];
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
  /** Absent until the node has probed a path. */
  readonly paths?: NodePaths;
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

/**
 * One subnet of a network. Frames travel by MAC, and an endpoint has one MAC for both families: an
 * IPv6 subnet has no tunnel of its own, its endpoints are reached by that of their IPv4 subnet.
 */
export interface Subnet {
  readonly prefix: string;
  readonly gateway: string;
  readonly ipRange?: string;
  /** Addresses that are never given out, by the names that the operator gave them. */
  readonly auxiliary?: Labels;
  /** Set for IPv4 subnets. */
  readonly vni?: Vni;
}

export interface Network {
  readonly id: NetworkId;
  readonly meta: Meta;
  readonly spec: NetworkSpec;
  /** IPv4 ones, at least one, before those of IPv6. */
  readonly subnets: readonly Subnet[];
}

export interface PublishedPort extends PortConfig {
  /** Always set here; the allocator chose it when the spec left it open. */
  readonly PublishedPort: number;
}

/** Addresses on a network, plain: the prefix length is that of the subnet which holds each. */
export interface Addresses {
  readonly address: string;
  /** Of IPv6; on networks that have it. */
  readonly address6?: string;
}

/** Addresses of every family, IPv4 first. */
export function addressesOf({ address, address6 }: Addresses): readonly string[] {
  return address6 === undefined ? [address] : [address, address6];
}

export interface VirtualIp extends Addresses {
  readonly networkId: NetworkId;
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
export interface Attachment extends Addresses {
  readonly networkId: NetworkId;
  readonly mac: Mac;
  readonly aliases: readonly string[];
}

export interface Task {
  readonly id: TaskId;
  readonly meta: Meta;
  /** `NO_SERVICE` for an attachment. */
  readonly serviceId: ServiceId;
  /**
   * Copied, so that a task can be named and explained after its service is gone. An attachment's
   * own name.
   */
  readonly serviceName: string;
  /** 1-based for replicated services, 0 for global ones and attachments. */
  readonly slot: number;
  /** Absent until placed. */
  readonly nodeId?: NodeId;
  readonly spec: TaskSpec | AttachmentSpec;
  /** Of an attachment: the service whose virtual addresses lead to it, among others. */
  readonly backendOf?: ServiceId;
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

/** A task of a service. */
export type ServiceTask = Task & { readonly spec: TaskSpec };

/** A place on a network that a node asked for: for a namespace or container outside of services. */
export type AttachmentTask = Task & { readonly spec: AttachmentSpec; readonly nodeId: NodeId };

/** Where attachments stand that tasks have their service. */
export const NO_SERVICE = '' as ServiceId;

export function isAttachment(task: Task): task is AttachmentTask {
  return 'NetworkAttachmentSpec' in task.spec;
}

export function isServiceTask(task: Task): task is ServiceTask {
  return !isAttachment(task);
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
