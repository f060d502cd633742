/**
 * What every member has, managers and workers alike: a held view, a session that keeps it current,
 * and a certificate that is renewed at half its life.
 */
import { isIP } from 'node:net';
import { messageOf } from '../base/index.ts';
import type { NodeView } from '../model/index.ts';
import { ClusterError } from './errors.ts';
import {
  CertificateKeeper,
  saveMembership,
  withUnlockKey,
  type Membership,
} from './identity/index.ts';
import { createRng, type ActiveManager } from './manager/index.ts';
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
  readonly viewChanged: () => void;
  readonly stateChanged: () => void;
}

/** Addresses of managers that are remembered. */
const MANAGERS_MAX = 16;

export class NodeSide {
  private readonly options: NodeSideOptions;
  private readonly held: HeldView;
  private readonly attendance: Attendance;
  private readonly keeper: CertificateKeeper;
  private readonly stateWaiters = new Set<() => void>();
  private isStopped = false;
  private membership: Membership;
  private saving: Promise<void> = Promise.resolve();
  private stopFollowing: () => void = () => undefined;

  private constructor(options: NodeSideOptions, held: HeldView) {
    const { settings, membership } = options;
    this.options = options;
    this.held = held;
    this.membership = membership;
    const { advertiseAddress, dataPathAddress } = membership;
    this.keeper = new CertificateKeeper({
      ...settings,
      rng: createRng(),
      checkMs: settings.tuning.renewalCheckMs,
      held: () => this.membership,
      change: (parts) => this.change({ ...this.membership, ...parts }),
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
      viewChanged: options.viewChanged,
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
    return new NodeSide(options, await HeldView.load({ directory, nodeId, logger }));
  }

  get view(): NodeView | undefined {
    return this.held.view;
  }

  get state(): AttendanceState {
    return this.attendance.state;
  }

  get managers(): readonly string[] {
    return this.membership.managers;
  }

  start(): void {
    this.attendance.start();
    this.keeper.start();
    const { manager } = this.options;
    if (manager === undefined) return;
    this.stopFollowing = manager.onCluster(({ unlockKey }) => void this.useUnlockKey(unlockKey));
  }

  report(statuses: Parameters<ClusterMember['report']>[0]): void {
    this.attendance.report(statuses);
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
    if (changed !== this.membership) await this.change(changed);
  }

  private async connect(): Promise<Connection> {
    const { manager } = this.options;
    if (manager === undefined) return this.dial();
    const { advertiseAddress } = this.membership;
    const { host } = parseIpPort(advertiseAddress ?? '', DEFAULT_PORT);
    const { link, tryUpload } = manager.connectLocal(isIP(host) === 0 ? '' : host);
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
    return dialManager(this.membership.managers, this.membership, {
      clock: this.options.settings.clock,
      superseded: async (renew) => {
        await this.keeper.replace(renew);
        return this.membership;
      },
    });
  }

  private welcomed(welcome: Welcome): void {
    this.learnManagers(welcome.managers);
    if (welcome.roots !== undefined) this.keeper.follow(welcome.roots);
  }

  private learnManagers(managers: readonly string[]): void {
    if (this.options.manager !== undefined) return;
    const merged = [...new Set([...managers, ...this.membership.managers])].slice(0, MANAGERS_MAX);
    if (merged.join() === this.membership.managers.join()) return;
    void this.change({ ...this.membership, managers: merged }).then(this.options.stateChanged);
  }

  /** Changes of the file are written one after the other. */
  private async change(membership: Membership): Promise<void> {
    const isRenewed = membership.certificatePem !== this.membership.certificatePem;
    const isTrusting = membership.authorityPem !== this.membership.authorityPem;
    this.membership = membership;
    if (isRenewed || isTrusting) this.options.manager?.useIdentity(membership);
    if (this.isStopped) return;
    const { directory, logger } = this.options.settings;
    this.saving = this.saving
      .then(() => saveMembership(directory, this.membership))
      .catch((error: unknown) =>
        logger.error({ error: messageOf(error) }, 'member.json could not be written'),
      );
    await this.saving;
  }
}
