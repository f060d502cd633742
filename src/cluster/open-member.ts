/**
 * The composition of this room: what a node has of a cluster, and how it enters and leaves one.
 *
 *   inactive -- init --> manager (log, door, orchestrator), its own node in session in-process
 *   inactive -- join --> worker, in session with the leader over the network
 *   worker   -- told to be a manager --> manager, and back
 *   either   -- leave -> inactive, with nothing left on disk
 *   locked   -- unlock -> manager, as it was when the agent stopped
 *
 * `member.json` decides which of these a restart finds.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SILENT_LOGGER, SYSTEM_CLOCK, messageOf } from '../base/index.ts';
import type { ClusterId, NetworkId, NodeId, NodeView, Revision } from '../model/index.ts';
import { ClusterError } from './errors.ts';
import { foundCluster } from './found.ts';
import { removeHeldKeys, type GossipReport } from './gossip/index.ts';
import {
  isLocked,
  loadMembership,
  parseJoinToken,
  removeMembership,
  saveMembership,
  unlockMembership,
  type LockedMembership,
  type Membership,
  type NodeRole,
} from './identity/index.ts';
import { lockDirectory } from './lock-file.ts';
import { SYSTEM_DISK } from './log/index.ts';
import { ActiveManager, type ActiveManagerOptions } from './manager/index.ts';
import type { ClusterMember, InitRequest, JoinRequest, Manager, MemberStatus } from './member.ts';
import {
  askToTakePart,
  beginManager,
  endManager,
  logDirectory,
  openManager,
} from './management.ts';
import { NodeSide } from './node-side.ts';
import {
  DEFAULT_PORT,
  parseDataPathAddress,
  parseHostPort,
  parseIpPort,
} from './transport/index.ts';
import type { MemberOptions, MemberSettings } from './settings.ts';
import { MEMBER_TUNING } from './tuning.ts';
import { HeldView, joinThrough, removeHeldView } from './worker/index.ts';

/**
 * This node's part in a cluster, as it was when the agent stopped. A node whose files are damaged
 * comes up in state `error`, so that it can be looked at and left. Throws `ClusterError` when
 * another process uses the directory.
 */
export async function openMember(options: MemberOptions): Promise<ClusterMember> {
  const directory = join(options.dataDirectory, 'cluster');
  await SYSTEM_DISK.makeDirectory(directory);
  const release = await lockDirectory(directory);
  const settings: MemberSettings = {
    directory,
    localNode: options.localNode,
    logger: options.logger ?? SILENT_LOGGER,
    clock: options.clock ?? SYSTEM_CLOCK,
    metrics: options.metrics ?? {},
    tuning: { ...MEMBER_TUNING, ...options.tuning },
    gossipPort: options.gossipPort,
  };
  const member = new Member(settings, release);
  try {
    await member.resume();
  } catch (error) {
    await release();
    throw error;
  }
  return member;
}

/** Before a role that could not be taken is tried again. */
const ROLE_RETRY_MS = 1_000;
/** How long leaving waits for the group to let this manager go. */
const LEAVE_MS = 3_000;

type Phase =
  | { readonly kind: 'inactive' }
  | {
      readonly kind: 'member';
      readonly node: NodeSide;
      readonly manager?: ActiveManager;
      /** Set while the manager waits to be added to the group. */
      readonly stopAsking?: () => void;
    }
  | { readonly kind: 'locked'; readonly membership: LockedMembership; readonly held: HeldView }
  | {
      readonly kind: 'error';
      readonly error: string;
      readonly membership?: Membership;
      readonly node?: NodeSide;
    };

class Member implements ClusterMember {
  private readonly settings: MemberSettings;
  private readonly release: () => Promise<void>;
  private readonly viewListeners = new Set<(view: NodeView | undefined) => void>();
  private readonly statusListeners = new Set<(status: MemberStatus) => void>();
  private phase: Phase = { kind: 'inactive' };
  /** Entering and leaving happen one at a time. */
  private changing: Promise<unknown> = Promise.resolve();
  private wantedRole: NodeRole | undefined;
  private isClosed = false;
  private lastStatus = '';

  constructor(settings: MemberSettings, release: () => Promise<void>) {
    this.settings = settings;
    this.release = release;
  }

  get manager(): Manager | undefined {
    return this.phase.kind === 'member' ? this.phase.manager : undefined;
  }

  get view(): NodeView | undefined {
    return this.phase.kind === 'locked' ? this.phase.held.view : this.node?.view;
  }

  status(): MemberStatus {
    if (this.phase.kind === 'inactive') return { state: 'inactive', managers: [] };
    const { membership } = this;
    const known = membership === undefined ? { managers: [] } : describeMembership(membership);
    if (this.phase.kind === 'locked') return { state: 'locked', ...known };
    if (this.phase.kind === 'error') return { state: 'error', error: this.phase.error, ...known };
    const { state } = this.phase.node;
    const managers = this.phase.node.managers;
    if (state.kind === 'refused')
      return { state: 'error', error: state.message, ...known, managers };
    return { state: state.kind, ...known, managers };
  }

  /** Takes up what `member.json` tells. */
  async resume(): Promise<void> {
    let membership: Membership | LockedMembership | undefined;
    try {
      membership = await loadMembership(this.settings.directory);
    } catch (error) {
      return this.enter({ kind: 'error', error: messageOf(error) });
    }
    if (membership === undefined) return this.removeState();
    if (isLocked(membership)) await this.waitForKey(membership);
    else if (membership.role === 'worker') await this.attend(membership, undefined);
    else await this.resumeManager(membership);
  }

  async init(request: InitRequest): Promise<NodeId> {
    return this.change(async () => {
      if (request.isForcedNew === true) return this.goOnAlone();
      this.requireInactive();
      await this.removeState();
      try {
        const { manager, membership } = await foundCluster(request, this.settings);
        await saveMembership(this.settings.directory, membership);
        manager.start();
        const node = await this.attend(membership, manager);
        await node.waitActive(this.settings.tuning.joinWaitMs);
        return membership.nodeId;
      } catch (error) {
        await this.removeState();
        throw error;
      }
    });
  }

  async join(request: JoinRequest): Promise<NodeId> {
    return this.change(async () => {
      this.requireInactive();
      const membership = await this.obtainMembership(request);
      await this.removeState();
      await saveMembership(this.settings.directory, membership);
      const node = await this.attend(membership, undefined);
      await node.waitActive(this.settings.tuning.joinWaitMs);
      if (membership.role === 'manager') await this.beginManaging(node);
      return membership.nodeId;
    });
  }

  async leave(isForced: boolean): Promise<void> {
    return this.change(async () => {
      const { phase } = this;
      if (phase.kind === 'inactive')
        throw new ClusterError({ code: 'not-member' }, 'This node is not part of a swarm');
      // A node that cannot tell what it is may be the last manager as well.
      if (this.membership?.role !== 'worker' && !isForced) throw needsForce(this.manager);
      if (phase.kind === 'member') await this.leaveGroup(phase);
      if (phase.kind !== 'locked') await phase.node?.stop(true);
      if (phase.kind === 'member') await phase.manager?.close();
      this.wantedRole = undefined;
      // Not earlier: the node may have been writing the file.
      await removeMembership(this.settings.directory);
      await this.removeState();
      this.enter({ kind: 'inactive' });
    });
  }

  async unlock(unlockKey: string): Promise<void> {
    return this.change(async () => {
      const { phase } = this;
      if (phase.kind !== 'locked')
        throw new ClusterError({ code: 'not-locked' }, 'swarm is not locked');
      await this.resumeManager(unlockMembership(phase.membership, unlockKey));
    });
  }

  get gossip(): GossipReport | undefined {
    return this.node?.gossip;
  }

  report(statuses: Parameters<ClusterMember['report']>[0]): void {
    this.node?.report(statuses);
  }

  acknowledge(networkId: NetworkId, revision: Revision): void {
    this.node?.acknowledge(networkId, revision);
  }

  refreshDescription(): void {
    this.node?.refreshDescription();
  }

  onView(listener: (view: NodeView | undefined) => void): () => void {
    this.viewListeners.add(listener);
    return () => void this.viewListeners.delete(listener);
  }

  onStatus(listener: (status: MemberStatus) => void): () => void {
    this.statusListeners.add(listener);
    return () => void this.statusListeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    // A join that waits for its first session does not hold up the end.
    if (this.phase.kind === 'member') this.phase.node.stopWaiting();
    await this.change(async () => {
      this.isClosed = true;
      const { phase } = this;
      if (phase.kind === 'member') {
        phase.stopAsking?.();
        await phase.manager?.handOver();
      }
      await this.node?.stop(false);
      if (phase.kind === 'member') await phase.manager?.close();
      await this.release();
    });
  }

  private get membership(): Membership | LockedMembership | undefined {
    const { phase } = this;
    switch (phase.kind) {
      case 'inactive':
        return undefined;
      case 'locked':
        return phase.membership;
      case 'member':
        return phase.node.current;
      case 'error':
        return phase.node?.current ?? phase.membership;
    }
  }

  private get node(): NodeSide | undefined {
    const { phase } = this;
    return phase.kind === 'inactive' || phase.kind === 'locked' ? undefined : phase.node;
  }

  /** What the node was told last holds on: its tasks and their networking run. */
  private async waitForKey(membership: LockedMembership): Promise<void> {
    const { directory, logger } = this.settings;
    const held = await HeldView.load({ directory, nodeId: membership.nodeId, logger });
    logger.warn({}, 'this manager is locked and waits for its unlock key');
    this.enter({ kind: 'locked', membership, held });
  }

  private async resumeManager(membership: Membership): Promise<void> {
    const { logger } = this.settings;
    // It was on its way to be a manager; its role will be told again.
    if (membership.peerId === undefined) return void (await this.attend(membership, undefined));
    try {
      const manager = await openManager(this.settings, membership);
      await this.attend(membership, manager);
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'this manager cannot take up its state');
      // What the node was told last still holds: its tasks and their networking go on.
      const node = await this.nodeSide(membership, undefined);
      this.enter({ kind: 'error', error: messageOf(error), membership, node });
    }
  }

  private async attend(
    membership: Membership,
    manager: ActiveManager | undefined,
  ): Promise<NodeSide> {
    const node = await this.nodeSide(membership, manager);
    if (manager === undefined) this.enter({ kind: 'member', node });
    else this.enter({ kind: 'member', node, manager, ...this.asking(node, manager) });
    node.start();
    return node;
  }

  private asking(node: NodeSide, manager: ActiveManager): { readonly stopAsking: () => void } {
    return { stopAsking: askToTakePart(this.settings, node, manager) };
  }

  /** Managers say what this node is to be; it becomes that, however often it takes. */
  private followRole(role: NodeRole): void {
    this.wantedRole = role;
    this.change(() => this.takeRole()).catch((error: unknown) => {
      if (this.isClosed) return;
      const message = 'this node could not take the role that it is meant to have yet';
      this.settings.logger.warn({ role, error: messageOf(error) }, message);
      setTimeout(() => {
        if (this.wantedRole === role && !this.isClosed) this.followRole(role);
      }, ROLE_RETRY_MS).unref();
    });
  }

  private async takeRole(): Promise<void> {
    const { phase, wantedRole } = this;
    if (phase.kind !== 'member' || wantedRole === undefined) return;
    const { node, manager } = phase;
    if (wantedRole === 'manager') {
      if (manager === undefined) await this.beginManaging(node);
      return;
    }
    if (manager !== undefined) {
      phase.stopAsking?.();
      await endManager(this.settings, node, manager);
      this.enter({ kind: 'member', node });
    }
    if (node.current.role !== 'worker') await node.renew();
  }

  private async beginManaging(node: NodeSide): Promise<void> {
    const manager = await beginManager(this.settings, node);
    this.enter({ kind: 'member', node, manager, ...this.asking(node, manager) });
    await manager.waitMember(this.settings.tuning.joinWaitMs);
  }

  /** The other managers are lost: this one goes on with what it has. */
  private async goOnAlone(): Promise<NodeId> {
    const { phase, settings } = this;
    if (phase.kind !== 'member' || phase.manager === undefined)
      throw new ClusterError(
        { code: 'not-member' },
        'only a manager can go on alone with the state it has; run this on one that is left',
      );
    const { node } = phase;
    phase.stopAsking?.();
    await phase.manager.close();
    const alone = (options: ActiveManagerOptions): Promise<ActiveManager> =>
      ActiveManager.openAlone(options);
    const manager = await openManager(settings, node.current, alone);
    node.replaceManager(manager);
    this.enter({ kind: 'member', node, manager });
    await node.waitActive(settings.tuning.joinWaitMs);
    await manager.demoteOthers();
    return node.current.nodeId;
  }

  /** The group goes on without this manager, if it can be asked to. */
  private async leaveGroup(phase: Extract<Phase, { kind: 'member' }>): Promise<void> {
    phase.stopAsking?.();
    try {
      await phase.manager?.leaveGroup(LEAVE_MS);
    } catch (error) {
      const message = 'the other managers could not be told that this one leaves';
      this.settings.logger.warn({ error: messageOf(error) }, message);
    }
  }

  private async nodeSide(
    membership: Membership,
    manager: ActiveManager | undefined,
  ): Promise<NodeSide> {
    return NodeSide.load({
      settings: this.settings,
      membership,
      manager,
      roleTold: (role) => this.followRole(role),
      viewChanged: () => this.tellView(),
      stateChanged: () => this.tellStatus(),
    });
  }

  private async obtainMembership(request: JoinRequest): Promise<Membership> {
    const token = parseJoinToken(request.token);
    const { advertiseAddress, dataPathAddress, availability } = request;
    const listen = parseIpPort(request.listenAddress, DEFAULT_PORT);
    if (advertiseAddress !== undefined) parseIpPort(advertiseAddress, listen.port);
    if (dataPathAddress !== undefined) parseDataPathAddress(dataPathAddress);
    if (request.remoteAddresses.length === 0)
      throw new ClusterError({ code: 'invalid-address', address: '' }, "name a manager's address");
    const remotes = request.remoteAddresses.map((text) => parseHostPort(text, DEFAULT_PORT));
    const { reply, keyPem, authorityPem } = await joinThrough(remotes, token, {
      advertiseAddress,
      dataPathAddress,
      availability,
      description: await this.settings.localNode.description(),
      logger: this.settings.logger,
      clock: this.settings.clock,
    });
    return {
      clusterId: reply.clusterId as ClusterId,
      nodeId: reply.nodeId as NodeId,
      role: reply.role,
      authorityPem,
      certificatePem: reply.certificatePem,
      keyPem,
      advertiseAddress,
      listenAddress: request.listenAddress,
      dataPathAddress,
      managers: [...new Set([...reply.managers, ...request.remoteAddresses])],
    };
  }

  /** What lies beside `member.json`; without that file it is left over. */
  private async removeState(): Promise<void> {
    await rm(logDirectory(this.settings), { recursive: true, force: true });
    await removeHeldView(this.settings.directory);
    await removeHeldKeys(this.settings.directory);
  }

  private async change<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.changing;
    const result = (async () => {
      await before.catch(() => undefined);
      if (this.isClosed) throw new ClusterError({ code: 'closed' }, 'the agent is stopping');
      return work();
    })();
    this.changing = result;
    return result;
  }

  private requireInactive(): void {
    if (this.phase.kind === 'inactive') return;
    throw new ClusterError(
      { code: 'already-member' },
      'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and ' +
        'join another one.',
    );
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.tellStatus();
    this.tellView();
  }

  private tellStatus(): void {
    const status = this.status();
    const text = JSON.stringify(status);
    if (text === this.lastStatus) return;
    this.lastStatus = text;
    for (const listener of [...this.statusListeners]) listener(status);
  }

  private tellView(): void {
    for (const listener of [...this.viewListeners]) listener(this.view);
  }
}

function describeMembership(
  membership: Membership | LockedMembership,
): Omit<MemberStatus, 'state' | 'error'> {
  const { nodeId, role, advertiseAddress, managers } = membership;
  return { nodeId, role, managers, ...(advertiseAddress !== undefined && { advertiseAddress }) };
}

function needsForce(manager: Manager | undefined): ClusterError {
  const managers = manager?.managers() ?? [];
  const reachable = managers.filter(({ reachability }) => reachability === 'reachable').length;
  const head =
    'You are attempting to leave the swarm on a node that is participating as a manager. ';
  if (managers.length <= 1) {
    const tail =
      'Removing the last manager erases all current state of the swarm. ' +
      'Use `--force` to ignore this message. ';
    return new ClusterError({ code: 'last-manager' }, head + tail);
  }
  const left = reachable - 1;
  const isQuorum = left * 2 > managers.length;
  const warning = isQuorum
    ? ''
    : 'Without a Raft quorum your swarm will be inaccessible. The only way to restore a swarm ' +
      'that has lost consensus is to reinitialize it with `--force-new-cluster`. ';
  const counts = `Removing this node leaves ${left} managers out of ${managers.length}. `;
  const text = `${head}${counts}${warning}Use \`--force\` to suppress this message.`;
  return new ClusterError({ code: 'last-manager' }, text);
}
