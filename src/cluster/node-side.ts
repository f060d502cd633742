/**
 * What every member has, managers and workers alike: a held view, a session that keeps it current,
 * and a certificate that is renewed at half its life.
 */
import { isIP } from 'node:net';
import { messageOf } from '../base/index.ts';
import type { NetworkId, NodeView, Revision } from '../model/index.ts';
import { ClusterError } from './errors.ts';
import { NodeGossip, type GossipReport } from './gossip/index.ts';
import {
  CertificateKeeper,
  certificateRole,
  saveMembership,
  withUnlockKey,
  type Membership,
  type NodeRole,
} from './identity/index.ts';
import { createRng, type ActiveManager } from './manager/index.ts';
import type { ManagerParts } from './management.ts';
import type { ClusterMember } from './member.ts';
import type { MemberSettings } from './settings.ts';
import { DEFAULT_PORT, parseIpPort } from './transport/index.ts';
import {
  Attendance,
  HeldView,
  dialManager,
  type AttendanceState,
  type Connection,
  type Welcome,
} from './worker/index.ts';

export interface NodeSideOptions {
  readonly settings: MemberSettings;
  readonly membership: Membership;
  /** The manager in this process, if this node is one and it works. */
  readonly manager: ActiveManager | undefined;
  /** What the managers mean this node to be. */
  readonly roleTold: (role: NodeRole) => void;
  readonly viewChanged: () => void;
  readonly stateChanged: () => void;
}

/** Addresses of managers that are remembered. */
const MANAGERS_MAX = 16;

export class NodeSide {
  private readonly options: NodeSideOptions;
  private readonly held: HeldView;
  private readonly gossiping: NodeGossip | undefined;
  private readonly attendance: Attendance;
  private readonly keeper: CertificateKeeper;
  private readonly stateWaiters = new Set<() => void>();
  private isStopped = false;
  private membership: Membership;
  private manager: ActiveManager | undefined;
  private leader: string | undefined;
  private reachedFrom: string | undefined;
  private saving: Promise<boolean> = Promise.resolve(true);
  private stopFollowing: () => void = () => undefined;

  private constructor(options: NodeSideOptions, held: HeldView, gossip: NodeGossip | undefined) {
    const { settings, membership } = options;
    this.options = options;
    this.held = held;
    this.gossiping = gossip;
    this.membership = membership;
    this.manager = options.manager;
    const { advertiseAddress, dataPathAddress } = membership;
    this.keeper = new CertificateKeeper({
      ...settings,
      rng: createRng(),
      checkMs: settings.tuning.renewalCheckMs,
      held: () => this.membership,
      change: async (parts) => void (await this.change({ ...this.membership, ...parts })),
      renew: (requestPem) => this.attendance.renew(requestPem),
      changed: () => this.attendance.refreshDescription(),
    });
    this.attendance = new Attendance({
      ...settings,
      held,
      rng: createRng(),
      addresses: { advertiseAddress, dataPathAddress },
      tls: () => this.keeper.tls,
      connect: () => this.connect(),
      welcomed: (welcome) => this.welcomed(welcome),
      roleTold: options.roleTold,
      leaderTold: (leader) => (this.leader = leader),
      gossipGeneration: () => gossip?.keyGeneration,
      viewChanged: () => {
        gossip?.useView(held.view);
        options.viewChanged();
      },
      stateChanged: () => {
        options.stateChanged();
        for (const tell of [...this.stateWaiters]) tell();
      },
    });
  }

  /** With the view of an earlier run; out of session until `start`. */
  static async load(options: NodeSideOptions): Promise<NodeSide> {
    const { directory, logger } = options.settings;
    const { nodeId } = options.membership;
    const held = await HeldView.load({ directory, nodeId, logger });
    const gossip = await loadGossip(options);
    gossip?.useView(held.view);
    return new NodeSide(options, held, gossip);
  }

  get view(): NodeView | undefined {
    return this.gossiping === undefined ? this.held.view : this.gossiping.view;
  }

  get gossip(): GossipReport | undefined {
    return this.gossiping?.report;
  }

  get state(): AttendanceState {
    return this.attendance.state;
  }

  get managers(): readonly string[] {
    return this.membership.managers;
  }

  /** As it is by now: certificates are renewed, addresses learnt. */
  get current(): Membership {
    return this.membership;
  }

  start(): void {
    this.attendance.start();
    this.keeper.start();
    this.gossiping?.start();
    this.follow(this.manager);
  }

  /** This node begins to manage, or ceases to. */
  async useManager(
    manager: ActiveManager | undefined,
    parts: ManagerParts | undefined,
  ): Promise<void> {
    this.stopFollowing();
    this.manager = manager;
    const isSaved = await this.change({ ...withoutManager(this.membership), ...parts });
    this.follow(manager);
    if (isSaved || parts === undefined) return;
    const message = 'member.json could not be written, so the log has no owner';
    throw new ClusterError({ code: 'disk-failed', file: 'member.json' }, message);
  }

  /** The same manager, begun anew. */
  replaceManager(manager: ActiveManager): void {
    this.stopFollowing();
    this.manager = manager;
    this.follow(manager);
  }

  /** Address of this node as it reaches its manager, while it does. */
  get localAddress(): string | undefined {
    return this.reachedFrom;
  }

  /** Another certificate, of the role that the managers mean this node to have. */
  async renew(): Promise<void> {
    await this.keeper.replace((requestPem) => this.attendance.renew(requestPem));
  }

  private follow(manager: ActiveManager | undefined): void {
    this.stopFollowing =
      manager?.onCluster(({ unlockKey }) => void this.useUnlockKey(unlockKey)) ?? (() => undefined);
  }

  report(statuses: Parameters<ClusterMember['report']>[0]): void {
    this.gossiping?.noteTasks(statuses);
    this.attendance.report(statuses);
  }

  acknowledge(networkId: NetworkId, revision: Revision): void {
    this.gossiping?.acknowledge(networkId, revision);
  }

  refreshDescription(): void {
    this.attendance.refreshDescription();
  }

  /** Whoever waits for a session hears that there is none yet. */
  stopWaiting(): void {
    this.isStopped = true;
    for (const tell of [...this.stateWaiters]) tell();
  }

  /** Resolves once in session. Throws `ClusterError` when that takes longer; attempts go on. */
  async waitActive(limitMs: number): Promise<void> {
    const isInTime = await new Promise<boolean>((resolve) => {
      const tell = (): void => {
        if (this.state.kind === 'active') settle(true);
        else if (this.isStopped) settle(false);
      };
      const timer = setTimeout(() => settle(false), limitMs);
      const settle = (value: boolean): void => {
        clearTimeout(timer);
        this.stateWaiters.delete(tell);
        resolve(value);
      };
      this.stateWaiters.add(tell);
      tell();
    });
    if (isInTime) return;
    throw new ClusterError(
      { code: 'join-timeout' },
      'Timeout was reached before node joined. The attempt to join the swarm will continue in ' +
        'the background. ' +
        'Use the "docker info" command to see the current swarm status of your node.',
    );
  }

  async stop(isLeaving: boolean): Promise<void> {
    this.stopWaiting();
    this.stopFollowing();
    await this.attendance.stop(isLeaving);
    await this.gossiping?.stop(isLeaving);
    await this.keeper.stop();
    await this.saving;
    if (isLeaving) await this.held.discard();
    else await this.held.flush();
  }

  /**
   * Seals this manager's keys on disk with the cluster's unlock key, or leaves them open without
   * one.
   */
  private async useUnlockKey(unlockKey: string | undefined): Promise<void> {
    const changed = withUnlockKey(this.membership, unlockKey);
    if (changed === this.membership) return;
    const isSaved = await this.change(changed);
    // What the log is sealed with must be found again.
    if (isSaved) this.manager?.useDataKeys(changed.dataKeys ?? []);
  }

  private async connect(): Promise<Connection> {
    const { manager } = this;
    const { advertiseAddress } = this.membership;
    const { host } = parseIpPort(advertiseAddress ?? '127.0.0.1', DEFAULT_PORT);
    const local = manager?.connectLocal(isIP(host) === 0 ? '' : host);
    if (manager === undefined || local === undefined) return this.dial();
    const { link, tryUpload } = local;
    return {
      link,
      async upload(requestId, entries, controller) {
        const cancel = (): void => controller.abort();
        if (!tryUpload(requestId, { entries, cancel })) return;
        // Served until the manager has read it all or cancels; either way it calls `cancel`.
        await new Promise<void>((resolve) => {
          if (controller.signal.aborted) resolve();
          else controller.signal.addEventListener('abort', () => resolve());
        });
      },
      renew: (requestPem) => manager.renewOwn(requestPem),
      close: () => undefined,
    };
  }

  private async dial(): Promise<Connection> {
    const { advertiseAddress, managers } = this.membership;
    const first = [this.manager?.leaderAddress, this.leader].filter((each) => each !== undefined);
    // A manager that does not lead knows better than to ask itself.
    const own = this.manager === undefined ? undefined : advertiseAddress;
    const all = [...new Set([...first, ...managers])].filter((address) => address !== own);
    this.leader = undefined;
    const connection = await dialManager(all, this.membership, {
      clock: this.options.settings.clock,
      superseded: async (renew) => {
        await this.keeper.replace(renew);
        return this.membership;
      },
    });
    this.reachedFrom = connection.localAddress;
    return connection;
  }

  private welcomed(welcome: Welcome): void {
    this.learnManagers(welcome.managers);
    if (welcome.roots !== undefined) this.keeper.follow(welcome.roots);
    if (welcome.gossipKeys !== undefined) this.gossiping?.followKeys(welcome.gossipKeys);
  }

  private learnManagers(managers: readonly string[]): void {
    const merged = [...new Set([...managers, ...this.membership.managers])].slice(0, MANAGERS_MAX);
    if (merged.join() === this.membership.managers.join()) return;
    void this.change({ ...this.membership, managers: merged }).then(this.options.stateChanged);
  }

  /** Changes of the file are written one after the other. Whether this one is durable. */
  private async change(membership: Membership): Promise<boolean> {
    const isRenewed = membership.certificatePem !== this.membership.certificatePem;
    const isTrusting = membership.authorityPem !== this.membership.authorityPem;
    const role = certificateRole(membership.certificatePem);
    this.membership = { ...membership, role };
    if (isRenewed || isTrusting) this.manager?.useIdentity(this.membership);
    if (this.isStopped) return false;
    const { directory, logger } = this.options.settings;
    this.saving = this.saving
      .then(() => saveMembership(directory, this.membership))
      .then(() => true)
      .catch((error: unknown) => {
        logger.error({ error: messageOf(error) }, 'member.json could not be written');
        return false;
      });
    return this.saving;
  }
}

/** The same node without what only managers have. */
function withoutManager(membership: Membership): Membership {
  const { clusterId, nodeId, role, authorityPem, certificatePem, keyPem } = membership;
  const { advertiseAddress, listenAddress, dataPathAddress, managers } = membership;
  return {
    ...{ clusterId, nodeId, role, authorityPem, certificatePem, keyPem },
    ...{ advertiseAddress, listenAddress, dataPathAddress, managers },
  };
}

/** None on an agent without a port for it. */
async function loadGossip(options: NodeSideOptions): Promise<NodeGossip | undefined> {
  const { directory, clock, logger, gossipPort: port } = options.settings;
  if (port === undefined) return undefined;
  const { nodeId } = options.membership;
  const rng = createRng();
  const changed = options.viewChanged;
  return NodeGossip.load({ nodeId, directory, port, clock, rng, logger, changed });
}
