/** Commands and documents that tests of the store and the orchestrator start from. */
import type {
  Cluster,
  ClusterId,
  NetworkId,
  NetworkSpec,
  NodeId,
  ServiceId,
  ServiceSpec,
  TaskSpec,
} from '../../src/model/index.ts';
import { Store, type ApplyOutcome, type Command } from '../../src/store/index.ts';

export const GIB = 1024 ** 3;

export function clusterOf(overrides: Partial<Cluster> = {}): Omit<Cluster, 'meta'> {
  return {
    id: 'cluster' as ClusterId,
    spec: {
      Name: 'default',
      Labels: {},
      Orchestration: { TaskHistoryRetentionLimit: 5 },
      Raft: {
        SnapshotInterval: 10_000,
        KeepOldSnapshots: 0,
        LogEntriesForSlowFollowers: 500,
        ElectionTick: 10,
        HeartbeatTick: 1,
      },
      Dispatcher: { HeartbeatPeriod: 5e9 },
      CAConfig: { NodeCertExpiry: 7_776_000e9 },
      TaskDefaults: {},
      EncryptionConfig: { AutoLockManagers: false },
    },
    addressPools: ['10.0.0.0/8'],
    subnetBits: 24,
    dataPathPort: 4789,
    caCertificatePem: 'certificate',
    caKeyPem: 'key',
    joinSecrets: { worker: 'w', manager: 'm' },
    ...overrides,
  };
}

export function clusterCreate(overrides: Partial<Cluster> = {}): Command {
  return {
    type: 'cluster.create',
    atMs: 1,
    cluster: clusterOf(overrides),
    ingressId: 'ingress' as NetworkId,
  };
}

export interface NodeOptions {
  readonly role?: 'worker' | 'manager';
  readonly nanoCpus?: number;
  readonly memoryBytes?: number;
  readonly images?: readonly string[];
  readonly atMs?: number;
  readonly os?: string;
  readonly architecture?: string;
}

/** Node `n<number>` with the hostname `host<number>`. */
export function nodeRegister(number: number, options: NodeOptions = {}): Command {
  return {
    type: 'node.register',
    atMs: options.atMs ?? 1,
    id: `n${number}` as NodeId,
    role: options.role ?? 'worker',
    description: {
      hostname: `host${number}`,
      architecture: options.architecture ?? 'x86_64',
      os: options.os ?? 'linux',
      nanoCpus: options.nanoCpus ?? 4e9,
      memoryBytes: options.memoryBytes ?? 8 * GIB,
      engineVersion: '0.1.0',
      images: options.images ?? [],
    },
    address: `198.18.0.${number}`,
    vtep: `198.18.0.${number}`,
  };
}

export function networkSpec(name: string, overrides: Partial<NetworkSpec> = {}): NetworkSpec {
  return {
    Name: name,
    Labels: {},
    Driver: 'overlay',
    Options: {},
    Internal: false,
    Attachable: false,
    Ingress: false,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: {}, Config: [] },
    ...overrides,
  };
}

/** A network whose id is its name. */
export function networkCreate(
  name: string,
  config: NetworkSpec['IPAM']['Config'] = [],
  overrides: Partial<NetworkSpec> = {},
): Command {
  const IPAM = { Driver: 'default', Options: {}, Config: config };
  return {
    type: 'network.create',
    atMs: 1,
    id: name as NetworkId,
    spec: networkSpec(name, { IPAM, ...overrides }),
  };
}

export interface ServiceOptions {
  readonly replicas?: number;
  readonly isGlobal?: boolean;
  readonly networks?: readonly string[];
  readonly ports?: ServiceSpec['EndpointSpec']['Ports'];
  readonly mode?: 'vip' | 'dnsrr';
  readonly task?: Partial<TaskSpec>;
  readonly image?: string;
  readonly update?: ServiceSpec['UpdateConfig'];
}

export function serviceSpec(name: string, options: ServiceOptions = {}): ServiceSpec {
  return {
    Name: name,
    Labels: {},
    TaskTemplate: {
      ContainerSpec: { Image: options.image ?? 'busybox:latest' },
      Networks: (options.networks ?? []).map((Target) => ({ Target })),
      ...options.task,
    },
    Mode: options.isGlobal ? { Global: {} } : { Replicated: { Replicas: options.replicas ?? 1 } },
    ...(options.update && { UpdateConfig: options.update }),
    EndpointSpec: { Mode: options.mode ?? 'vip', Ports: options.ports ?? [] },
  };
}

/** A service whose id is its name with `svc-` in front. */
export function serviceCreate(name: string, options: ServiceOptions = {}, atMs = 1): Command {
  return {
    type: 'service.create',
    atMs,
    id: `svc-${name}` as ServiceId,
    spec: serviceSpec(name, options),
  };
}

export function port(
  TargetPort: number,
  PublishedPort = 0,
  PublishMode: 'ingress' | 'host' = 'ingress',
): ServiceSpec['EndpointSpec']['Ports'][number] {
  return { Protocol: 'tcp', TargetPort, PublishedPort, PublishMode };
}

/** Applies commands that must be taken. */
export function applyAll(store: Store, ...commands: readonly Command[]): void {
  for (const command of commands) {
    const outcome = store.apply(command);
    if (!outcome.ok) throw new Error(`${command.type} refused: ${outcome.refusal.message}`);
  }
}

/** A store with a cluster and nodes `n1` to `n<nodes>`. */
export function clusterStore(nodes = 3): Store {
  const store = new Store();
  applyAll(store, clusterCreate());
  for (let number = 1; number <= nodes; number += 1) applyAll(store, nodeRegister(number));
  return store;
}

export function refusalOf(outcome: ApplyOutcome): string {
  return outcome.ok ? 'ok' : outcome.refusal.code;
}
