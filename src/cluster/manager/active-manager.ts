/**
 * A manager at work: its replica of the state, the door for nodes and other managers, and, while it
 * leads, what only a leader does.
 *
 *   propose -> the group's log -> store.apply, on every manager
 *           -> on the leader: sessions get their rows, the orchestrator looks again
 *
 * Joins, renewals and changes may come to any manager; sessions are the leader's, and others send
 * nodes there.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { messageOf, type Clock, type Logger } from '../../base/index.ts';
import type { Cluster, Node, NodeId, Task } from '../../model/index.ts';
import type { PeerId } from '../../raft/index.ts';
import type { ApplyOutcome, Command, Store } from '../../store/index.ts';
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
  renewRequestSchema,
  takePartSchema,
  type HostPort,
  type Link,
  type ManagerMessage,
  type NodeMessage,
  type RenewReply,
  type RequiredPeer,
} from '../transport/index.ts';
import type { ClusterMetrics, MemberTuning } from '../tuning.ts';
import { JoinDesk } from './join-desk.ts';
import { Leadership } from './lead/leadership.ts';
import { Replica, nodeOf, type ReplicaOptions } from './replica.ts';
import type { LogUpload } from './sessions/log-broker.ts';

export interface ActiveManagerOptions {
  /** Where the log lies. */
  readonly directory: string;
  readonly peerId: PeerId;
  readonly dataKeys: readonly string[];
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

const LISTEN_RETRY_MS = 1_000;
/** From a term's beginning to the next attempt at taking it up. */
const TAKE_UP_RETRY_MS = 50;
const ROLE_ATTEMPTS = 5;

export class ActiveManager implements Manager {
  private readonly options: ActiveManagerOptions;
  private readonly replica: Replica;
  private readonly desk: JoinDesk;
  private readonly clusterListeners = new Set<() => void>();
  private identity: Identity;
  private leadership: Leadership | undefined;
  private isTakingUp = false;
  private server: ClusterServer | undefined;
  private listening: NodeJS.Timeout | undefined;
  private isClosed = false;

  private constructor(options: ActiveManagerOptions, replica: Replica, identity: () => Identity) {
    const { clock, logger } = options;
    this.options = options;
    this.identity = options.identity;
    this.replica = replica;
    this.desk = new JoinDesk({
      store: replica.store,
      propose: (command) => this.propose(command),
      clock,
      logger,
      managers: () => this.addresses(),
      access: identity,
    });
  }

  /** Begins a log: of a new cluster, or of a manager that others will add. */
  static async create(
    options: ActiveManagerOptions,
    purpose: 'found' | 'join',
  ): Promise<ActiveManager> {
    const voters = purpose === 'found' ? [options.peerId] : [];
    return ActiveManager.around(options, (replica) =>
      Replica.create(replica, { voters, learners: [] }),
    );
  }

  /** Goes on with an existing log. Throws `ClusterError` when it is damaged. */
  static async open(options: ActiveManagerOptions): Promise<ActiveManager> {
    return ActiveManager.around(options, (replica) => Replica.open(replica));
  }

  /** As `open`, after making this manager the only one of its group. Throws `ClusterError`. */
  static async openAlone(options: ActiveManagerOptions): Promise<ActiveManager> {
    await Replica.forceAlone({ ...options, identity: () => options.identity });
    return ActiveManager.open(options);
  }

  private static async around(
    options: ActiveManagerOptions,
    make: (options: ReplicaOptions) => Promise<Replica>,
  ): Promise<ActiveManager> {
    const held: { manager?: ActiveManager } = {};
    const identity = (): Identity => held.manager?.identity ?? options.identity;
    const replica = await make({ ...options, identity });
    held.manager = new ActiveManager(options, replica, identity);
    return held.manager;
  }

  get store(): Store {
    return this.replica.store;
  }

  /** Port that nodes reach this manager at; before `listen` the one that was asked for. */
  get port(): number {
    return this.server?.port ?? this.options.listen.port;
  }

  get isLeading(): boolean {
    return this.leadership !== undefined;
  }

  /** Whether the group counts this manager, as far as it knows. */
  get isMember(): boolean {
    return this.replica.isMember;
  }

  /** Where the leader is, when it is another manager. */
  get leaderAddress(): string | undefined {
    const { leader } = this.replica.status;
    if (leader === undefined || leader === this.replica.peerId) return undefined;
    return this.store.nodes.get(nodeOf(leader))?.managerAddress;
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
      link: (socket, nodeId) => this.replica.links.accept(socket, nodeId),
      routes: {
        authority: () => ({ certificatePem: this.cluster().caCertificatePem, nowMs: wallMs() }),
        isSuperseded: (nodeId, leaf) => this.isSuperseded(nodeId, leaf),
        join: async (body, peer) => {
          await this.sync();
          return this.desk.join(decodeJson(joinRequestSchema, body), peer.address);
        },
        renew: async (body, peer) => {
          await this.sync();
          return this.desk.renew(decodeJson(renewRequestSchema, body).requestPem, peer.node);
        },
        takePart: (body, peer) => this.letTakePart(body, peer),
        session: (stream, peer) => this.openStreamSession(stream, peer),
        logs: (requestId, stream, peer) =>
          this.leadership?.acceptLogs(requestId, stream, peer) ?? false,
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

  /** From here on it leads when the group wants it to. */
  start(): void {
    this.store.watch((changes) => {
      if (changes.length === 0 || changes.some(({ kind }) => kind === 'node'))
        this.replica.links.recheck();
      for (const tell of [...this.clusterListeners]) tell();
    });
    this.replica.onStatus(() => this.followGroup());
    this.followGroup();
  }

  async propose(command: Command): Promise<ApplyOutcome> {
    return this.replica.propose(command);
  }

  async sync(): Promise<void> {
    return this.replica.sync();
  }

  managers(): readonly ManagerInfo[] {
    const { leader } = this.replica.status;
    return [...this.store.nodes.values()].flatMap((node) => {
      const { id: nodeId, managerAddress: address, peerId } = node;
      if (address === undefined || peerId === undefined) return [];
      const reachability = this.reachabilityOf(node, peerId as PeerId);
      return [{ nodeId, address, isLeader: peerId === leader, reachability }];
    });
  }

  /** Only the leader hears every manager; others go by what it says of their nodes. */
  private reachabilityOf(node: Node, peer: PeerId): ManagerInfo['reachability'] {
    const { status, links } = this.replica;
    if (peer === status.id || peer === status.leader) return 'reachable';
    const heard = status.peers.find(({ id }) => id === peer);
    if (heard !== undefined)
      return heard.isActive || links.connected.includes(peer) ? 'reachable' : 'unreachable';
    if (status.leader === undefined) return 'unknown';
    return node.state === 'down' ? 'unreachable' : 'reachable';
  }

  raft(): { readonly term: number; readonly isLeader: boolean } {
    return { term: this.replica.status.term, isLeader: this.replica.isLeader };
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
    const { leadership } = this;
    if (leadership !== undefined) return leadership.taskLogs(tasks, query);
    const leader = this.leaderAddress;
    const where = leader === undefined ? '' : `, ${leader}`;
    throw new ClusterError(
      { code: 'not-leader', leader },
      `output of tasks is had from the managers' leader${where}; ask there`,
    );
  }

  /** A session for the node this manager is on; undefined while another one leads. */
  connectLocal(address: string): LocalConnection | undefined {
    const { leadership } = this;
    if (leadership === undefined) return undefined;
    const [nodeEnd, managerEnd] = memoryLinks<NodeMessage, ManagerMessage>();
    const { nodeId, role } = this.identity;
    leadership.openSession({ link: managerEnd, nodeId, role, address });
    return {
      link: nodeEnd,
      tryUpload: (requestId, upload) => leadership.tryUpload(requestId, nodeId, upload),
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

  /** Keys of the log that `member.json` holds by now. */
  useDataKeys(dataKeys: readonly string[]): void {
    this.replica.useDataKeys(dataKeys);
  }

  async renewOwn(requestPem: string): Promise<RenewReply> {
    return this.desk.renew(requestPem, { id: this.identity.nodeId });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.listening);
    this.stopLeading('the manager stops');
    await this.server?.close();
    await this.replica.close();
  }

  /** Hands leadership over, if it has it, so that the others need no election time. */
  async handOver(): Promise<void> {
    const { voters } = this.replica.status.membership;
    if (!this.replica.isLeader || voters.length < 2) return;
    await this.replica.transferLeadership().catch((error: unknown) => {
      this.options.logger.warn({ error: messageOf(error) }, 'leadership was not handed over');
    });
  }

  /** Resolves once the group counts this manager. Throws `ClusterError` when that takes longer. */
  async waitMember(limitMs: number): Promise<void> {
    const isMember = await this.waitFor(() => this.isMember, limitMs);
    if (isMember) return;
    throw new ClusterError(
      { code: 'join-timeout' },
      'Timeout was reached before node joined. The attempt to join the swarm will continue in ' +
        'the background. ' +
        'Use the "docker info" command to see the current swarm status of your node.',
    );
  }

  /** Asks to be let go, and waits until it is. Throws `ClusterError`. */
  async leaveGroup(limitMs: number): Promise<void> {
    const { nodeId } = this.identity;
    const managers = [...this.store.nodes.values()].filter(({ spec }) => spec.Role === 'manager');
    if (managers.length < 2) return;
    const asked = this.setRole(nodeId, 'worker').then(() => true);
    // Who is removed may hear neither of that nor of its own proposal.
    const isLetGo = this.waitFor(() => !this.isMember, limitMs);
    await Promise.race([isLetGo, asked.then(() => isLetGo)]);
    asked.catch(() => undefined);
  }

  /** Of managers that are lost for good. Throws `ClusterError`. */
  async demoteOthers(): Promise<void> {
    const { nodeId } = this.identity;
    for (const { id, spec } of [...this.store.nodes.values()])
      if (id !== nodeId && spec.Role === 'manager') await this.setRole(id, 'worker');
  }

  private async setRole(id: NodeId, Role: 'worker' | 'manager'): Promise<void> {
    for (let attempt = 0; attempt < ROLE_ATTEMPTS; attempt += 1) {
      await this.sync();
      const node = this.store.nodes.get(id);
      if (node === undefined || node.spec.Role === Role) return;
      const atMs = this.options.clock.wallMs();
      const version = node.meta.revision;
      const spec = { ...node.spec, Role };
      const outcome = await this.propose({ type: 'node.update', atMs, id, version, spec });
      if (outcome.ok) return;
      // Somebody else changed the node meanwhile.
      if (outcome.refusal.code !== 'out-of-sequence')
        throw new ClusterError({ code: 'invalid-request' }, outcome.refusal.message);
    }
    throw new ClusterError({ code: 'busy' }, `the role of node ${id} could not be changed`);
  }

  private async waitFor(isDone: () => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (result: boolean): void => {
        stop();
        clearTimeout(timer);
        resolve(result);
      };
      const look = (): void => {
        if (isDone()) settle(true);
      };
      const stop = this.replica.onStatus(look);
      const timer = setTimeout(() => settle(false), limitMs);
      look();
    });
  }

  private followGroup(): void {
    if (!this.replica.isLeader) this.stopLeading('another manager leads');
    else if (this.leadership === undefined && !this.isTakingUp) void this.takeUp();
  }

  /** Leads once its store holds everything that was committed before. */
  private async takeUp(): Promise<void> {
    this.isTakingUp = true;
    while (this.isDueToLead()) {
      try {
        await this.sync();
        if (this.isDueToLead()) this.beginLeading();
      } catch (error) {
        this.options.logger.debug({ error: messageOf(error) }, 'leading cannot begin yet');
        await new Promise((resolve) => setTimeout(resolve, TAKE_UP_RETRY_MS));
      }
    }
    this.isTakingUp = false;
  }

  private isDueToLead(): boolean {
    return !this.isClosed && this.replica.isLeader && this.leadership === undefined;
  }

  private beginLeading(): void {
    const { clock, logger, metrics, tuning } = this.options;
    const { term } = this.replica.status;
    logger.info({ term }, 'this manager leads');
    this.leadership = new Leadership({
      replica: this.replica,
      propose: (command) => this.propose(command),
      addresses: () => this.addresses(),
      clock,
      logger,
      metrics,
      tuning,
    });
  }

  private stopLeading(reason: string): void {
    this.leadership?.stop(reason);
    this.leadership = undefined;
  }

  private openStreamSession(stream: ServerHttp2Stream, peer: RequiredPeer): void {
    const frameBytesMax = NODE_FRAME_BYTES_MAX;
    const link = new StreamLink<typeof nodeMessageSchema, ManagerMessage>({
      stream,
      schema: nodeMessageSchema,
      frameBytesMax,
    });
    const { id: nodeId, role } = peer.node;
    if (this.leadership !== undefined)
      return this.leadership.openSession({ link, nodeId, role, address: peer.address });
    const leader = this.leaderAddress;
    const message = 'this manager does not lead';
    link.send({ type: 'refused', code: 'not-leader', message, ...(leader && { leader }) });
    link.close(message);
  }

  /** A node that is to be a manager has begun its log and waits to be added. */
  private async letTakePart(body: Buffer, peer: RequiredPeer): Promise<object> {
    const { id, role } = peer.node;
    if (role !== 'manager')
      throw new ClusterError({ code: 'forbidden' }, `node ${id} has no manager's certificate`);
    const { peerId, address } = decodeJson(takePartSchema, body);
    if (nodeOf(peerId as PeerId) !== id)
      throw new ClusterError({ code: 'forbidden' }, `node ${id} cannot take part as ${peerId}`);
    await this.sync();
    const node = this.store.nodes.get(id);
    if (node?.peerId === peerId && node.managerAddress === address) return {};
    const atMs = this.options.clock.wallMs();
    const manager = { address, peerId };
    const outcome = await this.propose({ type: 'node.manager', atMs, id, manager });
    if (!outcome.ok) throw new ClusterError({ code: 'forbidden' }, outcome.refusal.message);
    return {};
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

  /** The leader first, as far as it is known. */
  private addresses(): string[] {
    const managers = [...this.managers()];
    managers.sort((one, other) => Number(other.isLeader) - Number(one.isLeader));
    return managers.map(({ address }) => address);
  }
}
