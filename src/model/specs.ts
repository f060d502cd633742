/**
 * Specs: what an operator asked for, kept as the Docker Engine API's own documents, field for
 * field.
 *
 * The API hands them in and gives them back unchanged, so `docker service inspect` shows exactly
 * what was created and an update is a read, a change and a write. Everything that Hawser derives
 * lives in `objects.ts`.
 * Source: Docker Engine API 1.51, definitions of the same names.
 */

export type Labels = Readonly<Record<string, string>>;

/** Durations in specs are nanoseconds, as in the Engine API. */
export type Nanoseconds = number;

export interface IpamConfig {
  readonly Subnet?: string;
  readonly IPRange?: string;
  readonly Gateway?: string;
}

export interface NetworkSpec {
  readonly Name: string;
  readonly Labels: Labels;
  readonly Driver: 'overlay';
  readonly Options: Labels;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Driver: string;
    readonly Options: Labels;
    readonly Config: readonly IpamConfig[];
  };
}

export interface NodeSpec {
  readonly Name?: string;
  readonly Labels: Labels;
  readonly Role: 'worker' | 'manager';
  readonly Availability: 'active' | 'pause' | 'drain';
}

/** `docker swarm update` and `swarm init` flags; absent fields mean Docker's defaults. */
export interface ClusterSpec {
  readonly Name: string;
  readonly Labels: Labels;
  readonly Orchestration: { readonly TaskHistoryRetentionLimit: number };
  readonly Raft: {
    readonly SnapshotInterval: number;
    readonly KeepOldSnapshots: number;
    readonly LogEntriesForSlowFollowers: number;
    readonly ElectionTick: number;
    readonly HeartbeatTick: number;
  };
  readonly Dispatcher: { readonly HeartbeatPeriod: Nanoseconds };
  readonly CAConfig: AuthorityConfig;
  readonly TaskDefaults: Readonly<Record<string, unknown>>;
  readonly EncryptionConfig: { readonly AutoLockManagers: boolean };
}

/** How the cluster's certificate authority works. */
export interface AuthorityConfig {
  readonly NodeCertExpiry: Nanoseconds;
  readonly ExternalCAs?: readonly ExternalAuthority[];
  /** A root to rotate to, PEM. In a request only: a stored spec never has it, nor its key. */
  readonly SigningCACert?: string;
  readonly SigningCAKey?: string;
  /** Another number than the last one asks for a rotation to a root that the cluster makes. */
  readonly ForceRotate?: number;
}

/** A signer that others run, reached by cfssl's HTTP interface. */
export interface ExternalAuthority {
  readonly Protocol: 'cfssl';
  readonly URL: string;
  readonly Options: Labels;
  /** Root that it signs for, PEM; empty means the cluster's present one. */
  readonly CACert: string;
}

export interface Mount {
  readonly Type: 'bind' | 'volume' | 'tmpfs';
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number };
}

export interface ContainerSpec {
  readonly Image: string;
  readonly Labels?: Labels;
  /** Replaces the image's entrypoint. */
  readonly Command?: readonly string[];
  /** Replaces the image's command. */
  readonly Args?: readonly string[];
  readonly Hostname?: string;
  readonly Env?: readonly string[];
  readonly Dir?: string;
  readonly User?: string;
  readonly Groups?: readonly string[];
  readonly TTY?: boolean;
  readonly OpenStdin?: boolean;
  readonly ReadOnly?: boolean;
  readonly Mounts?: readonly Mount[];
  readonly StopSignal?: string;
  readonly StopGracePeriod?: Nanoseconds;
  readonly Hosts?: readonly string[];
  readonly DNSConfig?: {
    readonly Nameservers?: readonly string[];
    readonly Search?: readonly string[];
    readonly Options?: readonly string[];
  };
  readonly Init?: boolean;
  readonly CapabilityAdd?: readonly string[];
  readonly CapabilityDrop?: readonly string[];
  readonly Sysctls?: Labels;
  readonly Isolation?: string;
  readonly Ulimits?: readonly {
    readonly Name: string;
    readonly Soft: number;
    readonly Hard: number;
  }[];
}

export interface Resources {
  readonly NanoCPUs?: number;
  readonly MemoryBytes?: number;
  readonly Pids?: number;
}

export interface RestartPolicy {
  readonly Condition?: 'none' | 'on-failure' | 'any';
  readonly Delay?: Nanoseconds;
  readonly MaxAttempts?: number;
  readonly Window?: Nanoseconds;
}

export interface Placement {
  readonly Constraints?: readonly string[];
  readonly Preferences?: readonly { readonly Spread: { readonly SpreadDescriptor: string } }[];
  readonly MaxReplicas?: number;
  readonly Platforms?: readonly { readonly Architecture?: string; readonly OS?: string }[];
}

export interface NetworkAttachmentConfig {
  /** Id of a network in a stored spec; the API resolves names before it proposes. */
  readonly Target: string;
  readonly Aliases?: readonly string[];
  readonly DriverOpts?: Labels;
}

export interface TaskSpec {
  readonly ContainerSpec: ContainerSpec;
  readonly Resources?: { readonly Limits?: Resources; readonly Reservations?: Resources };
  readonly RestartPolicy?: RestartPolicy;
  readonly Placement?: Placement;
  readonly Networks?: readonly NetworkAttachmentConfig[];
  readonly LogDriver?: { readonly Name?: string; readonly Options?: Labels };
  readonly ForceUpdate?: number;
  readonly Runtime?: string;
}

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface PortConfig {
  readonly Name?: string;
  readonly Protocol: Protocol;
  readonly TargetPort: number;
  /** 0 or absent: allocated from 30000 to 32767. */
  readonly PublishedPort?: number;
  readonly PublishMode: 'ingress' | 'host';
}

export interface UpdateConfig {
  readonly Parallelism?: number;
  readonly Delay?: Nanoseconds;
  readonly FailureAction?: string;
  readonly Monitor?: Nanoseconds;
  readonly MaxFailureRatio?: number;
  readonly Order?: string;
}

export interface ServiceSpec {
  readonly Name: string;
  readonly Labels: Labels;
  readonly TaskTemplate: TaskSpec;
  readonly Mode:
    | { readonly Replicated: { readonly Replicas: number } }
    | { readonly Global: Readonly<Record<string, never>> };
  readonly UpdateConfig?: UpdateConfig;
  readonly RollbackConfig?: UpdateConfig;
  readonly EndpointSpec: { readonly Mode: 'vip' | 'dnsrr'; readonly Ports: readonly PortConfig[] };
}
