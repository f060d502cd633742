/**
 * A cluster of one process: a real store, and an orchestrator that starts whatever a service asks
 * for.
 */
import { randomId, SeededRng } from '../../src/base/index.ts';
import type {
  ClusterMember,
  InitRequest,
  JoinRequest,
  Manager,
  ManagerInfo,
  MemberStatus,
  TaskLogEntry,
} from '../../src/cluster/index.ts';
import { ClusterError, planClusterUpdate } from '../../src/cluster/index.ts';
import type { NodeId, NodeView, Service, Task } from '../../src/model/index.ts';
import type { Command } from '../../src/store/index.ts';
import { createAuthority } from '../../src/cluster/identity/index.ts';
import { Store, buildView, viewRows } from '../../src/store/index.ts';

export const UNLOCK_KEY = `SWMKEY-1-${'k'.repeat(42)}k`;

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

export class FakeMember implements ClusterMember {
  manager: Manager | undefined;
  readonly gossip = undefined;
  refreshes = 0;
  /** Calls of `Manager.sync`. */
  syncs = 0;
  /** What `Manager.sync` and `propose` throw, when the managers cannot decide. */
  unavailable: ClusterError | undefined;
  /** Parts of managers that are otherwise than reachable; the first manager leads. */
  readonly unreachable = new Set<NodeId>();
  othersAre: ManagerInfo['reachability'] = 'reachable';
  hasLeader = true;
  /** Images that each registered node claims to have. */
  images: string[] = ['busybox:latest'];
  /** Whether nodes move to a new root as soon as there is one. */
  doNodesMove = true;
  readonly commands: Command[] = [];
  readonly inits: InitRequest[] = [];
  readonly joins: JoinRequest[] = [];
  logLines: readonly Omit<TaskLogEntry, 'taskId'>[] = [];
  private readonly rng = new SeededRng(7);
  private readonly statusListeners = new Set<(status: MemberStatus) => void>();
  private locked: { unlockKey: string; manager: Manager | undefined } | undefined;
  private role: 'worker' | 'manager' | undefined;
  private selfId: NodeId | undefined;

  get store(): Store {
    if (!this.manager) throw new Error('this fake is no manager');
    return this.manager.store;
  }

  get view(): NodeView | undefined {
    if (!this.manager || !this.selfId) return undefined;
    return tryBuildView(this.manager.store, this.selfId);
  }

  status(): MemberStatus {
    if (this.role === undefined) return { state: 'inactive', managers: [] };
    return {
      state: this.locked === undefined ? 'active' : 'locked',
      role: this.role,
      ...(this.selfId ? { nodeId: this.selfId } : {}),
      advertiseAddress: '198.18.0.1:2377',
      managers: ['198.18.0.1:2377'],
    };
  }

  async init(request: InitRequest): Promise<NodeId> {
    this.inits.push(request);
    if (request.isForcedNew === true && this.selfId !== undefined) return this.selfId;
    const store = new Store();
    const id = this.id();
    const authority = await createAuthority(id, Date.now());
    this.role = 'manager';
    this.selfId = this.id();
    this.manager = this.makeManager(store);
    store.apply({
      type: 'cluster.create',
      atMs: AT_MS,
      ingressId: this.id(),
      cluster: {
        id,
        spec: request.spec,
        addressPools: ['10.0.0.0/8'],
        subnetBits: 24,
        dataPathPort: 4789,
        caCertificatePem: authority.certificatePem,
        caKeyPem: authority.keyPem,
        joinSecrets: { worker: 'w'.repeat(25), manager: 'm'.repeat(25) },
        ...(request.spec.EncryptionConfig.AutoLockManagers && { unlockKey: UNLOCK_KEY }),
      },
    });
    this.register(this.selfId, 'manager', 1);
    store.watch(() => queueMicrotask(() => this.orchestrate()));
    for (const listener of this.statusListeners) listener(this.status());
    return this.selfId;
  }

  /** Adds a ready manager, a follower. */
  addManager(number: number): NodeId {
    const id = this.id();
    this.register(id, 'manager', number);
    return id;
  }

  /** Adds a ready worker. */
  addWorker(number: number): NodeId {
    const id = this.id();
    this.register(id, 'worker', number);
    return id;
  }

  async join(request: JoinRequest): Promise<NodeId> {
    this.joins.push(request);
    if (!request.token.startsWith('SWMTKN-1-')) {
      throw new ClusterError({ code: 'invalid-token' }, 'invalid join token');
    }
    this.role = 'worker';
    this.selfId = this.id();
    return this.selfId;
  }

  async leave(): Promise<void> {
    this.role = undefined;
    this.manager = undefined;
    for (const listener of this.statusListeners) listener(this.status());
  }

  /** As a manager that came back with its keys sealed. */
  lock(unlockKey: string): void {
    this.locked = { unlockKey, manager: this.manager };
    this.manager = undefined;
  }

  async unlock(unlockKey: string): Promise<void> {
    const { locked } = this;
    if (locked === undefined) throw new ClusterError({ code: 'not-locked' }, 'swarm is not locked');
    if (unlockKey !== locked.unlockKey)
      throw new ClusterError({ code: 'invalid-unlock-key' }, 'invalid key provided');
    this.manager = locked.manager;
    this.locked = undefined;
  }

  onView(): () => void {
    return () => undefined;
  }

  onStatus(listener: (status: MemberStatus) => void): () => void {
    this.statusListeners.add(listener);
    return () => void this.statusListeners.delete(listener);
  }

  report(): void {
    throw new Error('the API never reports');
  }

  acknowledge(): void {
    throw new Error('the API never acknowledges');
  }

  refreshDescription(): void {
    this.refreshes += 1;
  }

  async close(): Promise<void> {
    this.statusListeners.clear();
  }

  private id(): never {
    return randomId(this.rng) as never;
  }

  private makeManager(store: Store): Manager {
    return {
      store,
      sync: async () => {
        this.syncs += 1;
        if (this.unavailable) throw this.unavailable;
      },
      managers: () => this.managersOf(store),
      raft: () => ({ term: 1, isLeader: this.hasLeader }),
      propose: async (command) => {
        if (this.unavailable) throw this.unavailable;
        this.commands.push(command);
        const outcome = store.apply(command);
        if (this.doNodesMove) this.moveNodes(store);
        return outcome;
      },
      joinTokens: () => {
        const secrets = store.cluster?.joinSecrets;
        return {
          worker: `SWMTKN-1-ca-${secrets?.worker ?? ''}`,
          manager: `SWMTKN-1-ca-${secrets?.manager ?? ''}`,
        };
      },
      planUpdate: async (request) => {
        const { cluster } = store;
        if (cluster === undefined) throw new Error('no cluster');
        return planClusterUpdate(cluster, request, { nowMs: Date.now(), access: undefined });
      },
      taskLogs: (tasks) => this.taskLogs(tasks),
    };
  }

  private managersOf(store: Store): ManagerInfo[] {
    const nodes = [...store.nodes.values()].filter((node) => node.managerAddress !== undefined);
    return nodes.map(({ id, managerAddress: address = '' }, at) => ({
      nodeId: id,
      address,
      isLeader: this.hasLeader && at === 0,
      reachability: this.unreachable.has(id) ? 'unreachable' : this.othersAre,
    }));
  }

  moveNodes(store = this.store): void {
    const digest = store.cluster?.caRotation?.digest;
    if (digest === undefined) return;
    const tls = { issuer: digest, trust: [digest], leaf: 'leaf' };
    for (const node of store.nodes.values()) {
      const { id, address, vtep, description } = node;
      const { Role: role } = node.spec;
      store.apply({
        type: 'node.register',
        ...{ atMs: AT_MS, id, role, address, vtep, description: { ...description, tls } },
      });
    }
  }

  private async *taskLogs(tasks: readonly Task[]): AsyncGenerator<TaskLogEntry> {
    for (const task of tasks) {
      for (const line of this.logLines) yield { ...line, taskId: task.id };
    }
  }

  private register(id: NodeId, role: 'worker' | 'manager', number: number): void {
    this.store.apply({
      type: 'node.register',
      atMs: AT_MS,
      id,
      role,
      address: `198.18.0.${number}`,
      vtep: `198.18.0.${number}`,
      description: {
        hostname: `node-${number}`,
        architecture: 'x86_64',
        os: 'linux',
        nanoCpus: 2e9,
        memoryBytes: 4e9,
        engineVersion: '0.1.0',
        images: this.images,
      },
    });
    if (role === 'worker') return;
    const manager = { address: `198.18.0.${number}:2377`, peerId: `${id}:00000000` };
    this.store.apply({ type: 'node.manager', atMs: AT_MS, id, manager });
  }

  /** Every service gets its running tasks; those of a service that is gone are removed. */
  private orchestrate(): void {
    const { manager } = this;
    if (!manager) return;
    for (const service of manager.store.services.values()) this.fill(manager.store, service);
    const orphans = [...manager.store.tasks.values()].filter(
      (task) => !manager.store.services.has(task.serviceId),
    );
    if (orphans.length > 0) this.change(manager.store, { removes: orphans.map(({ id }) => id) });
  }

  private fill(store: Store, service: Service): void {
    const { Mode: mode } = service.spec;
    const wanted = 'Replicated' in mode ? mode.Replicated.Replicas : store.nodes.size;
    const tasks = store.tasksByService(service.id);
    const current = tasks.filter((task) => task.specVersion === service.specVersion);
    const stale = tasks.filter((task) => task.specVersion !== service.specVersion);
    const surplus = [...current.slice(wanted), ...stale].map(({ id }) => id);
    const nodes = [...store.nodes.values()];
    const creates = Array.from({ length: Math.max(0, wanted - current.length) }, (_, index) => ({
      id: this.id(),
      serviceId: service.id,
      slot: 'Replicated' in mode ? current.length + index + 1 : 0,
      nodeId: nodes[(current.length + index) % nodes.length]?.id as NodeId,
      desiredState: 'running' as const,
      spec: service.spec.TaskTemplate,
      specVersion: service.specVersion,
    }));
    if (creates.length === 0 && surplus.length === 0) return;
    this.change(store, { creates, removes: surplus });
    this.change(store, {
      statuses: creates.map(({ id }) => ({
        id,
        status: {
          state: 'running' as const,
          atMs: AT_MS,
          message: 'started',
          containerId: 'c'.repeat(64),
          pid: 1234,
        },
      })),
    });
  }

  private change(store: Store, part: Partial<Extract<Command, { type: 'tasks.change' }>>): void {
    const empty = { creates: [], places: [], desires: [], statuses: [], removes: [] };
    store.apply({ type: 'tasks.change', atMs: AT_MS, ...empty, ...part });
  }
}

function tryBuildView(store: Store, id: NodeId): NodeView | undefined {
  if (!store.nodes.has(id)) return undefined;
  const rows = [...viewRows(store, id).values()].map(({ row }) => row);
  return buildView(id, store.revision, rows);
}
