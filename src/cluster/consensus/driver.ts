/**
 * The loop around one Raft peer; see the duties of a host in `src/raft/index.ts`.
 *
 * Input (ticks, messages, commands, reads) is told to the core as it comes, and one `pump` per turn
 * of the event loop does what follows from all of it: so what came together shares a write, an
 * append and a round of heartbeats. Everything that came during a write goes into the next one.
 *
 * Bugs crash: an entry that the state machine cannot take, or a core whose assertion fails, ends
 * the process, because going on would let managers differ.
 */
import {
  RAFT_LIMITS,
  Raft,
  type LogIndex,
  type MembershipChange,
  type Message,
  type PeerId,
  type RaftCounters,
  type Ready,
  type SnapshotRequest,
  type Write,
} from '../../raft/index.ts';
import { randomBelow } from '../../base/index.ts';
import { Applier } from './state/applier.ts';
import { CommitNotices } from './commit-notices.ts';
import { DiskWriter } from './disk-writer.ts';
import { LeaderActs } from './callers/leader-acts.ts';
import {
  DRIVER_LIMITS,
  type DriverLimits,
  type DriverOptions,
  type DriverStatus,
} from './options.ts';
import { SYSTEM_PACE, type ConsensusMetrics, type Pace } from './ports.ts';
import { ProposalDesk } from './callers/proposal-desk.ts';
import { ReadBarriers } from './callers/read-barriers.ts';
import { closed, noLeader, tooLarge } from './refusals.ts';
import { StatusWatch } from './status-watch.ts';
import { Snapshots } from './state/snapshots.ts';

/** Rounds of one pump before others get the event loop. */
const ROUNDS_MAX = 8;

export class RaftDriver<Outcome> {
  private readonly options: DriverOptions<Outcome>;
  private readonly limits: DriverLimits;
  private readonly pace: Pace;
  private readonly metrics: ConsensusMetrics;
  private readonly raft: Raft;
  private readonly applier: Applier<Outcome>;
  private readonly desk: ProposalDesk<Outcome>;
  private readonly barriers: ReadBarriers;
  private readonly acts: LeaderActs;
  private readonly writer: DiskWriter;
  private readonly snapshots: Snapshots<Outcome>;
  private readonly notices: CommitNotices;
  private readonly watch: StatusWatch;
  private stopTicking: () => void = () => undefined;
  private lastTickMs: number;
  private lastPumpMs: number;
  private isPumpDue = false;
  private isInstalling = false;
  private hasSaidLogLost = false;
  private closing: Promise<void> | undefined;

  private constructor(options: DriverOptions<Outcome>) {
    const { id, opened, machine, rng, logger, wire } = options;
    const { storage } = opened;
    this.options = options;
    const limits = { ...DRIVER_LIMITS, ...options.limits };
    this.limits = limits;
    this.metrics = options.metrics ?? {};
    const { metrics } = this;
    const pace = options.pace ?? SYSTEM_PACE;
    this.pace = pace;
    this.raft = new Raft({
      id,
      log: storage.log,
      rng,
      ...(opened.hardState && { hardState: opened.hardState }),
      ...(opened.commit !== undefined && { commit: opened.commit }),
      ...(options.timing && { timing: options.timing }),
      ...(options.raftLimits && { limits: options.raftLimits }),
    });
    const { raft } = this;
    this.desk = new ProposalDesk({ rng, limits, metrics });
    this.barriers = new ReadBarriers(limits);
    this.acts = new LeaderActs(raft, storage.log, limits.proposeMs);
    this.applier = new Applier(machine, (stamp, decision) =>
      this.desk.settle(stamp, decision, pace.monotonicMs()),
    );
    const onWritten = (write: Write, state: Buffer | undefined): void =>
      this.endWrite(write, state);
    this.writer = new DiskWriter({ storage, limits, pace, logger, metrics, onWritten });
    const isDiskFailing = (): boolean => this.writer.error !== undefined;
    this.watch = new StatusWatch({ raft, isDiskFailing, limits, pace, logger });
    this.snapshots = new Snapshots({
      raft,
      storage,
      machine,
      applier: this.applier,
      wire,
      policy: options.snapshotPolicy,
      limits,
      pace,
      logger,
      onChange: () => this.pumpSoon(),
    });
    this.notices = new CommitNotices((message) => wire.send(message), pace);
    this.lastTickMs = pace.monotonicMs();
    this.lastPumpMs = this.lastTickMs;
  }

  /**
   * Restores the state machine from the newest snapshot and begins. Entries after it are applied as
   * soon as they are known to be committed; `readBarrier` tells when.
   */
  static async open<Outcome>(options: DriverOptions<Outcome>): Promise<RaftDriver<Outcome>> {
    const driver = new RaftDriver(options);
    const { snapshot } = options.opened;
    if (snapshot !== undefined) await driver.applier.restore(snapshot.state);
    driver.begin();
    return driver;
  }

  get status(): DriverStatus {
    return this.watch.status;
  }

  /** How often the core did what is worth counting. */
  get counters(): Readonly<RaftCounters> {
    return this.raft.counters;
  }

  /** Called when role, term, leader, membership or the disk's state changed. */
  onStatus(listener: (status: DriverStatus) => void): () => void {
    return this.watch.onStatus(listener);
  }

  /**
   * On any peer. Resolves with what the state machine said, once the command is applied here;
   * exactly once. Throws `ClusterError`: busy, no-leader, too-large, disk-full, disk-failed or
   * closed, and the command is and will not be applied; timeout, and nobody knows.
   */
  async propose(data: Uint8Array): Promise<Outcome> {
    const refusal = this.refusalOf(data.length);
    if (refusal !== undefined) {
      this.metrics.countProposalRefused?.(refusal.detail.code);
      throw refusal;
    }
    const outcome = this.desk.add(data, this.pace.monotonicMs());
    this.pumpSoon();
    return outcome;
  }

  /**
   * Linearizable: resolves once this state machine holds everything that was committed before the
   * call. Throws `ClusterError`: no-leader, timeout, busy, closed.
   */
  async readBarrier(): Promise<void> {
    if (this.closing !== undefined) throw closed();
    if (this.watch.isLeaderMissed) throw noLeader();
    const barrier = this.barriers.add(this.pace.monotonicMs());
    this.pumpSoon();
    return barrier;
  }

  /** Leader only. Resolves when it is committed. Throws `ClusterError`. */
  async changeMembership(change: MembershipChange): Promise<void> {
    if (this.closing !== undefined) throw closed();
    const done = this.acts.changeMembership(change, this.pace.monotonicMs());
    this.pumpSoon();
    return done;
  }

  /**
   * Leader only: to `to`, or to whoever can take over soonest. Resolves when another leads. Throws
   * `ClusterError`.
   */
  async transferLeadership(to?: PeerId): Promise<void> {
    if (this.closing !== undefined) throw closed();
    const done = this.acts.transferLeadership(to, this.pace.monotonicMs());
    this.pumpSoon();
    return done;
  }

  receive(message: Message): void {
    if (this.closing !== undefined) return;
    this.notices.noteReceived(message, this.lastPumpMs);
    const outcome = this.raft.step(message);
    if (outcome.kind !== 'taken') this.metrics.countMessageDropped?.();
    if (outcome.kind === 'refused' && outcome.reason === 'log-lost') this.sayLogLost(message.from);
    this.pumpSoon();
  }

  settle(): void {
    if (this.isPumpDue) this.pump();
  }

  receiveSnapshot(request: SnapshotRequest, state: Buffer): void {
    if (this.closing === undefined) this.snapshots.receive(request, state);
  }

  reportUnreachable(peer: PeerId): void {
    const isLeader = peer === this.raft.leader;
    this.raft.reportUnreachable(peer);
    if (!isLeader) return;
    this.desk.retryAll();
    this.barriers.loseAll();
    this.pumpSoon();
  }

  /** Refuses what waits, finishes what is on its way to the disk, and closes the storage. */
  async close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private begin(): void {
    this.options.wire.start(this);
    // Peers that began together do not tick together, and so rarely stand at the same moment.
    const { tickMs } = this.limits;
    this.stopTicking = this.pace.after(randomBelow(this.options.rng, tickMs), () => {
      this.lastTickMs = this.pace.monotonicMs();
      this.stopTicking = this.pace.every(tickMs, () => this.tick());
    });
    // Nobody else could be waited for.
    if (this.isAlone) this.raft.campaign();
    this.pumpSoon();
  }

  private get isAlone(): boolean {
    const { voters } = this.raft.membership;
    return voters.length === 1 && voters[0] === this.raft.id;
  }

  private async end(): Promise<void> {
    this.stopTicking();
    this.notices.close();
    this.desk.close(closed());
    this.barriers.close(closed());
    this.acts.close(closed());
    await this.writer.idle();
    await this.snapshots.close();
    await this.options.opened.storage.close();
  }

  private tick(): void {
    const nowMs = this.pace.monotonicMs();
    for (let count = this.ticksDue(nowMs); count > 0; count -= 1) this.raft.tick();
    const isRetrying = this.writer.tick(nowMs);
    if (isRetrying) this.maybeHandOverWithoutDisk();
    this.desk.tick(nowMs);
    this.barriers.tick(nowMs);
    this.pump();
  }

  /** A process that stood still does not make up for all of it. */
  private ticksDue(nowMs: number): number {
    const { tickMs, ticksAtOnceMax } = this.limits;
    const due = Math.round((nowMs - this.lastTickMs) / tickMs);
    this.lastTickMs = due > ticksAtOnceMax ? nowMs : this.lastTickMs + due * tickMs;
    return Math.min(due, ticksAtOnceMax);
  }

  private pumpSoon(): void {
    if (this.isPumpDue) return;
    this.isPumpDue = true;
    this.pace.soon(() => {
      if (this.isPumpDue) this.pump();
    });
  }

  private pump(): void {
    this.isPumpDue = false;
    if (this.closing !== undefined) return;
    const nowMs = this.pace.monotonicMs();
    this.lastPumpMs = nowMs;
    const isTimeUp = (): boolean => this.pace.monotonicMs() - nowMs >= this.limits.applySliceMs;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      this.feed(nowMs);
      if (this.raft.hasWork) this.work(this.raft.drain());
      this.applySome(isTimeUp);
      if (!this.hasWork || isTimeUp()) break;
    }
    this.acts.look(nowMs);
    if (!this.isInstalling) this.snapshots.maybeTake();
    this.lookAtStatus(nowMs);
    if (this.hasWork) this.pumpSoon();
  }

  private get hasWork(): boolean {
    return this.raft.hasWork || !this.applier.isIdle;
  }

  private feed(nowMs: number): void {
    const { raft } = this;
    if (raft.leader === undefined) return;
    if (this.desk.hasWork && this.writer.error === undefined)
      this.desk.flush(raft, { nowMs, applied: raft.applied });
    this.barriers.flush(raft, nowMs);
  }

  private work(ready: Ready): void {
    const { wire } = this.options;
    for (const message of ready.messages) {
      if (message.kind === 'snapshot.request') this.snapshots.send(message);
      else this.notices.pass(message, this.lastPumpMs);
    }
    // Followers' disks begin to work before this one's, and not after.
    if (ready.messages.length > 0) wire.flush();
    if (ready.write !== undefined) this.beginWrite(ready.write);
    if (ready.committed.length > 0) this.applier.accept(ready.committed);
    for (const { id, index } of ready.reads) this.barriers.confirm(id, index);
    for (const id of ready.lostReads) this.barriers.lose(id);
    this.barriers.resolveThrough(this.raft.applied);
    if (ready.refusals.length > 0) this.desk.refuse(ready.refusals);
  }

  private applySome(isTimeUp: () => boolean): void {
    const applied = this.applier.run(isTimeUp);
    if (applied === undefined) return;
    this.raft.advance({ applied });
    this.barriers.resolveThrough(applied);
  }

  private beginWrite(write: Write): void {
    const state = this.snapshots.takeReceived(write);
    if (!write.needsSync) {
      this.finish(write);
      return;
    }
    this.isInstalling = state !== undefined;
    if (state === undefined) this.writer.begin(write, undefined);
    // An older snapshot that is still being saved must not come after this one.
    else void this.snapshots.idle().then(() => this.writer.begin(write, state));
  }

  private endWrite(write: Write, state: Buffer | undefined): void {
    if (this.closing !== undefined) return;
    if (state !== undefined) {
      void this.install(write, state);
      return;
    }
    this.finish(write);
    this.pump();
  }

  private async install(write: Write, state: Buffer): Promise<void> {
    const index = write.snapshot?.index ?? (0 as LogIndex);
    await this.applier.restore(state);
    if (this.closing !== undefined) return;
    this.isInstalling = false;
    this.snapshots.noteInstalled(index);
    this.finish(write);
    const nowMs = this.pace.monotonicMs();
    this.desk.settleFrom((stamp) => this.applier.decisionOf(stamp), nowMs);
    this.barriers.resolveThrough(this.raft.applied);
    this.pump();
  }

  private finish(write: Write): void {
    const { wire } = this.options;
    for (const message of write.messages) wire.send(message);
    if (write.messages.length > 0) wire.flush();
    this.raft.advance({ persisted: write.id });
  }

  /** A leader whose disk takes nothing lets another lead, so that the cluster's writes go on. */
  private maybeHandOverWithoutDisk(): void {
    if (this.raft.role === 'leader') this.raft.transferLeadership();
  }

  private refusalOf(bytes: number): ReturnType<typeof closed> | undefined {
    if (this.closing !== undefined) return closed();
    if (bytes > this.entryBytesMax) return tooLarge(bytes, this.entryBytesMax);
    // Its outcome would never be known here: only what is durable is applied.
    if (this.writer.error !== undefined) return this.writer.error;
    return this.watch.isLeaderMissed ? noLeader() : undefined;
  }

  private get entryBytesMax(): number {
    return this.options.raftLimits?.entryBytesMax ?? RAFT_LIMITS.entryBytesMax;
  }

  private lookAtStatus(nowMs: number): void {
    const hasLeaderChanged = this.watch.look(nowMs);
    if (this.watch.isLeaderMissed) {
      this.desk.refuseUnsent(noLeader());
      this.barriers.refuseOpen(noLeader());
    }
    if (!hasLeaderChanged) return;
    this.desk.retryAll();
    this.barriers.loseAll();
    this.pumpSoon();
  }

  private sayLogLost(from: PeerId): void {
    if (this.hasSaidLogLost) return;
    this.hasSaidLogLost = true;
    const message =
      'the leader knows of entries that this log does not hold: the disk lost them; ' +
      'remove this manager and join it anew';
    this.options.logger.error({ leader: from }, message);
  }
}
