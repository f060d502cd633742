/** Members on loopback, with short periods, in temporary directories that go when the test ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  openMember,
  type ClusterMember,
  type InitRequest,
  type LocalNode,
  type MemberOptions,
} from '../../src/cluster/index.ts';
import type {
  ClusterSpec,
  NetworkSpec,
  NodeDescription,
  ServiceId,
  ServiceSpec,
} from '../../src/model/index.ts';
import type { Manager } from '../../src/cluster/index.ts';

export const CLUSTER_SPEC: ClusterSpec = {
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
  CAConfig: { NodeCertExpiry: 90 * 86_400e9 },
  TaskDefaults: {},
  EncryptionConfig: { AutoLockManagers: false },
};

export const INIT: InitRequest = {
  advertiseAddress: '127.0.0.1:0',
  listenAddress: '127.0.0.1:0',
  spec: CLUSTER_SPEC,
  availability: 'active',
};

export const DESCRIPTION: NodeDescription = {
  hostname: 'node',
  architecture: 'x86_64',
  os: 'linux',
  nanoCpus: 2e9,
  memoryBytes: 2 ** 31,
  engineVersion: '0.1.0',
  images: ['busybox:latest'],
};

export const NO_LOGS: LocalNode = {
  description: async () => DESCRIPTION,
  taskLogs: async function* () {
    // No task of these nodes has said anything.
  },
};

/** For a manager whose nodes are to be missed soon. */
export const SOON = { tuning: { heartbeatMs: 200 } };

const TUNING = { heartbeatMs: 3_000, reconnectMinMs: 5, reconnectMaxMs: 50, joinWaitMs: 5_000 };

export interface Lab {
  directory(): Promise<string>;
  member(options?: Partial<MemberOptions>): Promise<ClusterMember>;
  /** A cluster of one. */
  manager(options?: Partial<MemberOptions>): Promise<{ member: ClusterMember; manager: Manager }>;
  /** A worker that has joined. */
  worker(manager: ClusterMember, options?: Partial<MemberOptions>): Promise<ClusterMember>;
}

export function createLab(t: ExecutionContext): Lab {
  const members: ClusterMember[] = [];
  const directories: string[] = [];
  t.teardown(async () => {
    for (const member of members.reverse()) await member.close();
    for (const directory of directories) await rm(directory, { recursive: true, force: true });
  });
  const lab: Lab = {
    async directory() {
      const directory = await mkdtemp(join(tmpdir(), 'hawser-cluster-'));
      directories.push(directory);
      return directory;
    },
    async member(options = {}) {
      const dataDirectory = options.dataDirectory ?? (await lab.directory());
      const tuning = { ...TUNING, ...options.tuning };
      const member = await openMember({ localNode: NO_LOGS, ...options, dataDirectory, tuning });
      members.push(member);
      return member;
    },
    async manager(options) {
      const member = await lab.member(options);
      await member.init(INIT);
      return { member, manager: managerOf(member) };
    },
    async worker(of, options) {
      const member = await lab.member(options);
      await member.join(joinRequest(of));
      return member;
    },
  };
  return lab;
}

export function managerOf(member: ClusterMember): Manager {
  if (member.manager === undefined) throw new Error('the member is no manager');
  return member.manager;
}

export function joinRequest(
  of: ClusterMember,
  token = managerOf(of).joinTokens().worker,
): Parameters<ClusterMember['join']>[0] {
  return {
    remoteAddresses: [of.status().advertiseAddress ?? ''],
    token,
    listenAddress: '0.0.0.0:2377',
    availability: 'active',
  };
}

/** Resolves when `condition` holds; fails, saying what was awaited, when it does not in time. */
export async function until(
  what: string,
  condition: () => boolean,
  limitMs = 10_000,
): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`waited ${limitMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function overlay(name: string): NetworkSpec {
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
  };
}

export function service(name: string, replicas: number): ServiceSpec {
  return {
    Name: name,
    Labels: {},
    TaskTemplate: { ContainerSpec: { Image: 'busybox:latest' } },
    Mode: { Replicated: { Replicas: replicas } },
    EndpointSpec: { Mode: 'vip', Ports: [] },
  };
}

export async function createService(
  manager: Manager,
  id: string,
  spec: ServiceSpec,
): Promise<void> {
  const outcome = await manager.propose({
    type: 'service.create',
    atMs: Date.now(),
    id: id as ServiceId,
    spec,
  });
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}
