/**
 * A manager at work: the log and the store it makes, the door for nodes, their sessions, and the
 * orchestrator.
 *
 *   propose -> log (durable) -> store.apply -> watch -> sessions get their rows
 *                                                    -> the orchestrator looks again
 */
import type { ServerHttp2Stream } from 'node:http2';
import { messageOf, type Clock, type Logger } from '../../base/index.ts';
import type { Cluster, NodeId, Task } from '../../model/index.ts';
import { Store, type ApplyOutcome, type Command } from '../../store/index.ts';
import { ClusterError } from '../errors.ts';
import {
  authorityDigest,
  formatJoinToken,
  planClusterUpdate,
  rootsOf,
  type ClusterUpdate,
  type ClusterUpdateRequest,
  type Identity,
} from '../identity/index.ts';
import { ReplicatedLog, type ReplicatedLogOptions } from '../log/index.ts';
import type { Manager, ManagerInfo, TaskLogEntry, TaskLogQuery } from '../member.ts';
import {
  BODY_BYTES_MAX,
  ClusterServer,
  NODE_FRAME_BYTES_MAX,
  StreamLink,
  decodeJson,
  joinRequestSchema,
  memoryLinks,
  nodeMessageSchema,
  receiveLogs,
  renewRequestSchema,
  type HostPort,
  type Link,
  type ManagerMessage,
  type NodeMessage,
  type RenewReply,
  type RequiredPeer,
} from '../transport/index.ts';
import type { ClusterMetrics, MemberTuning } from '../tuning.ts';
import { JoinDesk, createRng } from './join-desk.ts';
import { LogBroker, type LogUpload } from './log-broker.ts';
import { NodeSession, type SessionHost } from './node-session.ts';
import { Orchestration } from './orchestration.ts';
import { SessionTable } from './session-table.ts';

export interface ActiveManagerOptions {
  /** Where the log lies. */
  readonly directory: string;
  readonly identity: Identity;
  readonly listen: HostPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ClusterMetrics;
  readonly tuning: MemberTuning;
}

/** A node's own connection to the manager in the same process. */
export interface LocalConnection {
  readonly link: Link<ManagerMessage, NodeMessage>;
  readonly tryUpload: (requestId: string, upload: LogUpload) => boolean;
}

const SNAPSHOT_INTERVAL_DEFAULT = 10_000;
const HEARTBEAT_DEFAULT_MS = 5_000;
const LISTEN_RETRY_MS = 1_000;

export class ActiveManager implements Manager {
  private readonly options: ActiveManagerOptions;
  private readonly log: ReplicatedLog<ApplyOutcome>;
  private readonly holder: { store: Store };
  private readonly sessions: SessionTable;
  private readonly desk: JoinDesk;
  private readonly broker: LogBroker;
  private readonly orchestration: Orchestration;
  private readonly host: SessionHost;
  private server: ClusterServer | undefined;
  private coalescing: NodeJS.Timeout | undefined;
  private lastWelcome = '';
  private readonly clusterListeners = new Set<() => void>();
  private identity: Identity;
  private listening: NodeJS.Timeout | undefined;
  private isClosed = false;

  private constructor(
    options: ActiveManagerOptions,
    opened: { readonly log: ReplicatedLog<ApplyOutcome>; readonly holder: { store: Store } },
  ) {
    const { clock, logger } = options;
    this.options = options;
    this.identity = options.identity;
    this.log = opened.log;
    this.holder = opened.holder;
    const store = (): Store => this.holder.store;
    const propose = (command: Command): Promise<ApplyOutcome> => this.propose(command);
    this.sessions = new SessionTable({
      clock,
      logger,
      heartbeatMs: () => this.heartbeatMs(),
      callDown: (nodeId, message) => {
        options.metrics.countHeartbeatFailure?.();
        return this.callDown(nodeId, message);
      },
      setSessions: (count) => options.metrics.setSessions?.(count),
    });
    this.broker = new LogBroker((nodeId) => this.sessions.get(nodeId));
    this.orchestration = new Orchestration({
      store,
      propose,
      clock,
      logger,
      rng: createRng(),
      intervalMs: options.tuning.coalesceMs,
    });
    this.desk = new JoinDesk({
      store,
      propose,
      clock,
      logger,
      managers: () => this.addresses(),
      access: () => this.identity,
      expect: (nodeId) => this.sessions.heard(nodeId),
    });
    this.host = this.createHost();
  }

  /** Begins a cluster's log, in a directory that holds none. */
  static async create(options: ActiveManagerOptions): Promise<ActiveManager> {
    const holder = { store: new Store() };
    const log = await ReplicatedLog.create(logOptions(options, holder), options.identity.nodeId);
    return new ActiveManager(options, { log, holder });
  }

  /** Goes on with an existing log. Throws `ClusterError` when it is damaged. */
  static async open(options: ActiveManagerOptions): Promise<ActiveManager> {
    const holder = { store: new Store() };
    const log = await ReplicatedLog.open(logOptions(options, holder));
    return new ActiveManager(options, { log, holder });
  }

  get store(): Store {
    return this.holder.store;
  }

  /** Port that nodes reach this manager at; before `listen` the one that was asked for. */
  get port(): number {
    return this.server?.port ?? this.options.listen.port;
  }

  /** Opens the door. Throws `ClusterError` when the address cannot be had. */
  async listen(): Promise<void> {
    const { listen, logger, clock } = this.options;
    const wallMs = (): number => clock.wallMs();
    const server = await ClusterServer.listen({
      identity: this.identity,
      listen,
      logger,
      wallMs,
      bodyBytesMax: BODY_BYTES_MAX,
      routes: {
        authority: () => ({ certificatePem: this.cluster().caCertificatePem, nowMs: wallMs() }),
        isSuperseded: (nodeId, leaf) => this.isSuperseded(nodeId, leaf),
        join: async (body, peer) =>
          this.desk.join(decodeJson(joinRequestSchema, body), peer.address),
        renew: async (body, peer) => {
          const { requestPem } = decodeJson(renewRequestSchema, body);
          return this.desk.renew(requestPem, peer.node);
        },
        session: (stream, peer) => this.openStreamSession(stream, peer),
        logs: (requestId, stream, peer) => this.acceptLogs(requestId, stream, peer),
      },
    });
    if (this.isClosed) return server.close();
    this.server = server;
  }

  /**
   * Opens the door as soon as that is possible: after a reboot the address may not be there yet.
   */
  keepListening(): void {
    this.listen().catch((error: unknown) => {
      this.options.logger.error({ error: messageOf(error) }, 'no node can reach this manager yet');
      this.listening = setTimeout(() => this.keepListening(), LISTEN_RETRY_MS);
    });
  }

  /** Starts sessions' clock and the orchestrator. */
  start(): void {
    this.store.watch(() => this.storeChanged());
    const nodes = [...this.store.nodes.values()].filter((node) => node.state !== 'down');
    this.sessions.start(nodes.map((node) => node.id));
    this.orchestration.start();
  }

  async propose(command: Command): Promise<ApplyOutcome> {
    try {
      return await this.log.propose(Buffer.from(JSON.stringify(command)));
    } catch (error) {
      const code = error instanceof ClusterError ? error.detail.code : 'failed';
      this.options.metrics.countProposalRefused?.(code);
      throw error;
    }
  }

  async sync(): Promise<void> {
    // One voter: what is committed is applied.
  }

  managers(): readonly ManagerInfo[] {
    return [...this.store.nodes.values()].flatMap(({ id, managerAddress }) =>
      managerAddress === undefined
        ? []
        : [{ nodeId: id, address: managerAddress, isLeader: true, reachability: 'reachable' }],
    );
  }

  raft(): { readonly term: number; readonly isLeader: boolean } {
    return { term: this.log.currentTerm, isLeader: true };
  }

  joinTokens(): { readonly worker: string; readonly manager: string } {
    const { caCertificatePem, joinSecrets } = this.cluster();
    const digest = authorityDigest(caCertificatePem);
    return {
      worker: formatJoinToken({ digest, secret: joinSecrets.worker }),
      manager: formatJoinToken({ digest, secret: joinSecrets.manager }),
    };
  }

  async planUpdate(request: ClusterUpdateRequest): Promise<ClusterUpdate> {
    const nowMs = this.options.clock.wallMs();
    return planClusterUpdate(this.cluster(), request, { nowMs, access: this.identity });
  }

  taskLogs(tasks: readonly Task[], query: TaskLogQuery): AsyncIterable<TaskLogEntry> {
    return this.broker.logs(tasks, query);
  }

  /** A session for the node this manager is on. */
  connectLocal(address: string): LocalConnection {
    const [nodeEnd, managerEnd] = memoryLinks<NodeMessage, ManagerMessage>();
    const { nodeId, role } = this.options.identity;
    this.openSession({ host: this.host, link: managerEnd, nodeId, role, address });
    return {
      link: nodeEnd,
      tryUpload: (requestId, upload) => this.broker.tryAccept(requestId, nodeId, upload),
    };
  }

  /** Calls back at once and after each change of the cluster's row, until the returned call. */
  onCluster(listener: (cluster: Cluster) => void): () => void {
    let told: Cluster | undefined;
    const tell = (): void => {
      const { cluster } = this.store;
      if (cluster === undefined || cluster === told) return;
      told = cluster;
      listener(cluster);
    };
    this.clusterListeners.add(tell);
    tell();
    return () => void this.clusterListeners.delete(tell);
  }

  useIdentity(identity: Identity): void {
    this.identity = identity;
    this.server?.useIdentity(identity);
  }

  async renewOwn(requestPem: string): Promise<RenewReply> {
    return this.desk.renew(requestPem, { id: this.options.identity.nodeId });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.coalescing);
    clearTimeout(this.listening);
    this.orchestration.stop();
    this.sessions.stop();
    await this.server?.close();
    await this.log.close();
  }

  private createHost(): SessionHost {
    const { clock, logger, metrics } = this.options;
    const store = (): Store => this.store;
    return {
      get store() {
        return store();
      },
      logger,
      propose: (command) => this.propose(command),
      wallMs: () => clock.wallMs(),
      welcome: () => ({
        heartbeatMs: this.heartbeatMs(),
        managers: this.addresses(),
        roots: rootsOf(this.cluster()),
      }),
      heard: (nodeId) => this.sessions.heard(nodeId),
      left: (nodeId) => {
        this.sessions.forget(nodeId);
        void this.callDown(nodeId, 'the node left the cluster');
      },
      ended: (session) => {
        this.sessions.drop(session);
        if (this.sessions.get(session.nodeId) === undefined) this.broker.nodeGone(session.nodeId);
      },
      countViewRows: (count) => metrics.countViewRowsSent?.(count),
    };
  }

  private openStreamSession(stream: ServerHttp2Stream, peer: RequiredPeer): void {
    const frameBytesMax = NODE_FRAME_BYTES_MAX;
    const link = new StreamLink<typeof nodeMessageSchema, ManagerMessage>({
      stream,
      schema: nodeMessageSchema,
      frameBytesMax,
    });
    const { id: nodeId, role } = peer.node;
    this.openSession({ host: this.host, link, nodeId, role, address: peer.address });
  }

  private openSession(options: ConstructorParameters<typeof NodeSession>[0]): void {
    if (this.sessions.isFull && this.sessions.get(options.nodeId) === undefined)
      return options.link.close('this manager has no room for another session');
    const session = new NodeSession(options);
    this.sessions.add(session);
    session.start();
  }

  private acceptLogs(requestId: string, stream: ServerHttp2Stream, peer: RequiredPeer): boolean {
    const upload = { entries: receiveLogs(stream), cancel: () => void stream.destroy() };
    return this.broker.tryAccept(requestId, peer.node.id, upload);
  }

  private storeChanged(): void {
    this.orchestration.wake();
    for (const tell of [...this.clusterListeners]) tell();
    this.coalescing ??= setTimeout(() => {
      this.coalescing = undefined;
      this.welcomeAgain();
      this.sessions.storeChanged();
    }, this.options.tuning.coalesceMs);
  }

  /** Tells nodes when what `welcome` said has changed. */
  private welcomeAgain(): void {
    const welcome = { type: 'welcome', ...this.host.welcome() } as const;
    const text = JSON.stringify(welcome);
    if (text !== this.lastWelcome) this.sessions.sendAll(welcome);
    this.lastWelcome = text;
  }

  private cluster(): Cluster {
    const { cluster } = this.store;
    if (cluster !== undefined) return cluster;
    throw new ClusterError({ code: 'not-member' }, 'the cluster is being made');
  }

  /** A node that was away while the root was rotated shows the certificate that it had before. */
  private isSuperseded(nodeId: NodeId, leaf: string): boolean {
    const tls = this.store.nodes.get(nodeId)?.description.tls;
    return tls?.leaf === leaf && tls.issuer !== rootsOf(this.cluster()).issuer;
  }

  private addresses(): string[] {
    const addresses: string[] = [];
    for (const { managerAddress } of this.store.nodes.values())
      if (managerAddress !== undefined) addresses.push(managerAddress);
    return addresses;
  }

  private heartbeatMs(): number {
    const fromSpec = (this.store.cluster?.spec.Dispatcher.HeartbeatPeriod ?? 0) / 1e6;
    return this.options.tuning.heartbeatMs ?? (fromSpec > 0 ? fromSpec : HEARTBEAT_DEFAULT_MS);
  }

  private async callDown(id: NodeId, message: string): Promise<boolean> {
    const node = this.store.nodes.get(id);
    if (node === undefined || node.state === 'down') return true;
    try {
      const atMs = this.options.clock.wallMs();
      await this.propose({ type: 'node.state', atMs, id, state: 'down', message });
      return true;
    } catch (error) {
      this.options.logger.warn(
        { nodeId: id, error: messageOf(error) },
        'a node was not called down',
      );
      return false;
    }
  }
}

function logOptions(
  options: ActiveManagerOptions,
  holder: { store: Store },
): ReplicatedLogOptions<ApplyOutcome> {
  const { directory, logger, tuning, clock, metrics } = options;
  return {
    directory,
    logger,
    limits: tuning.logLimits,
    machine: {
      apply: (data) => holder.store.apply(JSON.parse(data.toString()) as Command),
      snapshot: () => Buffer.concat([...holder.store.snapshotPieces()]),
      restore: (state) => {
        holder.store = new Store();
        Array.from(holder.store.loadSteps(state));
      },
    },
    snapshotPolicy: () => {
      const raft = holder.store.cluster?.spec.Raft;
      return {
        intervalEntries: raft?.SnapshotInterval ?? SNAPSHOT_INTERVAL_DEFAULT,
        keepOld: raft?.KeepOldSnapshots ?? 0,
      };
    },
    observeCommitSeconds: (seconds) => metrics.observeCommitSeconds?.(seconds),
    monotonicMs: () => clock.monotonicMs(),
  };
}
