import { assert } from '../base/index.ts';
import type { MembershipChange } from './membership/change.ts';
import type { Message } from './messages.ts';
import type { RaftOptions } from './options.ts';
import type { ProgressState } from './progress/progress.ts';
import type { Done, Ready, Write } from './ready.ts';
import { tickCandidate } from './role/candidate.ts';
import { Core, type RaftCounters } from './role/core.ts';
import { askForPreVotes, countOwnVote } from './role/election.ts';
import { tickFollower } from './role/follower.ts';
import { maybeCommit, tickLeader } from './role/leader.ts';
import {
  forwardReads,
  propose,
  proposeMembership,
  readIndex,
  transferLeadership,
  type MembershipOutcome,
  type ProposalOutcome,
  type ReadOutcome,
  type TransferOutcome,
} from './role/proposals.ts';
import { flushLeader, wantsFlush } from './role/replication.ts';
import { step, type StepOutcome } from './role/step.ts';
import type {
  Command,
  HardState,
  LogIndex,
  Membership,
  PeerId,
  ReadId,
  Term,
  WriteId,
} from './types.ts';

/** What a leader knows of a peer, for people and metrics. */
export interface PeerStatus {
  readonly id: PeerId;
  readonly state: ProgressState['kind'];
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly isActive: boolean;
}

/** One peer of a consensus group. Never sleeps, writes or sends: its host does, see `index.ts`. */
export class Raft {
  private readonly core: Core;
  private writing: Write | undefined;
  private writesBegun = 0;
  private durable: HardState;

  /** Throws `RaftError` for options with which no group would work. */
  constructor(options: RaftOptions) {
    this.core = new Core(options);
    this.durable = this.core.hardState;
  }

  get id(): PeerId {
    return this.core.id;
  }

  get role(): 'follower' | 'pre-candidate' | 'candidate' | 'leader' {
    return this.core.role.kind;
  }

  get term(): Term {
    return this.core.term;
  }

  get vote(): PeerId | undefined {
    return this.core.vote;
  }

  /** The leader of this term, as far as this peer knows. */
  get leader(): PeerId | undefined {
    return this.core.leader;
  }

  get lastIndex(): LogIndex {
    return this.core.log.lastIndex;
  }

  get commit(): LogIndex {
    return this.core.log.committed;
  }

  get applied(): LogIndex {
    return this.core.log.applied;
  }

  /** The membership in effect: the latest in the log, committed or not. */
  get membership(): Membership {
    return this.core.members.latest;
  }

  /** Whether the membership in effect is not committed yet. */
  get isMembershipPending(): boolean {
    return this.core.members.isPending(this.core.log.committed);
  }

  /** Who is to lead next, while leadership is handed over. */
  get transferTarget(): PeerId | undefined {
    const { role } = this.core;
    return role.kind === 'leader' ? role.transfer?.to : undefined;
  }

  get counters(): Readonly<RaftCounters> {
    return this.core.counters;
  }

  /** The followers and learners that this peer leads; none when it does not. */
  get peers(): readonly PeerStatus[] {
    const { role } = this.core;
    if (role.kind !== 'leader') return [];
    return [...role.peers].map(([id, { state, match, next, isActive }]) => {
      return { id, state: state.kind, match, next, isActive };
    });
  }

  /** Whether `drain` would give anything. */
  get hasWork(): boolean {
    const { role, log, outbox } = this.core;
    if (outbox.hasAtOnce || this.hasResults()) return true;
    if (role.kind === 'leader' && wantsFlush(this.core, role)) return true;
    if (log.hasCommitted) return true;
    return this.writing === undefined && this.wantsWrite();
  }

  /**
   * The membership as of `index`, for a snapshot of the state machine there. `index` is that of the
   * last entry applied, or later.
   */
  membershipAt(index: LogIndex): Membership {
    return this.core.members.at(index);
  }

  /** Takes a message from another peer, at most once per call to the host's network. */
  step(message: Message): StepOutcome {
    return step(this.core, message);
  }

  /** One unit of time has passed; how long it is, is the host's. */
  tick(): void {
    const { core } = this;
    const { role } = core;
    switch (role.kind) {
      case 'follower':
        tickFollower(core);
        return;
      case 'leader':
        tickLeader(core, role);
        return;
      default:
        tickCandidate(core, role);
    }
  }

  /** Stands for election without waiting, if others agree: for a group of one, and for tests. */
  campaign(): void {
    if (this.core.role.kind !== 'leader') askForPreVotes(this.core);
  }

  /** Takes commands, all or none; a follower passes them on. Group as many as have come. */
  propose(commands: readonly Command[]): ProposalOutcome {
    assert(commands.length > 0, 'there is something to propose');
    return propose(this.core, commands);
  }

  /** Asks from which applied index on the state machine may answer `id`, linearizably. */
  readIndex(id: ReadId): ReadOutcome {
    return readIndex(this.core, id);
  }

  /**
   * Hands leadership to `to`, or to whoever can take it soonest. Given up after an election time.
   */
  transferLeadership(to?: PeerId): TransferOutcome {
    return transferLeadership(this.core, to);
  }

  /** One change at a time, on the leader. */
  proposeMembership(change: MembershipChange): MembershipOutcome {
    return proposeMembership(this.core, change);
  }

  /**
   * The host could not deliver to `peer`: what was sent ahead may be lost. A follower whose leader
   * it is doubts it at once, and stands soon unless it hears of it before.
   */
  reportUnreachable(peer: PeerId): void {
    const { role } = this.core;
    if (role.kind === 'leader') role.peers.get(peer)?.noteUnreachable();
    else if (this.core.leader === peer) this.core.doubtLeader();
  }

  /** The transfer that a `snapshot.request` began has ended. Due for each one, however it ended. */
  reportSnapshot(peer: PeerId, result: 'delivered' | 'failed'): void {
    const { role } = this.core;
    if (role.kind === 'leader') role.peers.get(peer)?.noteSnapshotEnded(result === 'delivered');
  }

  /** Everything that the host has to do since it was last asked. */
  drain(): Ready {
    const { core } = this;
    if (core.role.kind === 'leader') flushLeader(core, core.role);
    forwardReads(core);
    const { reads, lostReads, refusals } = core;
    core.reads = [];
    core.lostReads = [];
    core.refusals = [];
    return {
      messages: core.outbox.takeAtOnce(),
      write: this.tryBeginWrite(),
      committed: core.log.takeCommitted(core.limits.applyBytesMax),
      reads,
      lostReads,
      refusals,
    };
  }

  /** What the host has done of a `Ready`. */
  advance({ persisted, applied }: Done): void {
    if (persisted !== undefined) this.endWrite(persisted);
    if (applied !== undefined) this.core.log.appliedTo(applied);
    this.core.members.forgetBefore(this.core.log.applied);
  }

  private hasResults(): boolean {
    const { openReads, reads, lostReads, refusals } = this.core;
    return openReads.length > 0 || reads.length > 0 || lostReads.length > 0 || refusals.length > 0;
  }

  private wantsWrite(): boolean {
    const { log, outbox } = this.core;
    return log.isDirty || outbox.hasAfterPersist || this.hasNewHardState();
  }

  private hasNewHardState(): boolean {
    const { term, vote } = this.core;
    return term !== this.durable.term || vote !== this.durable.vote;
  }

  private tryBeginWrite(): Write | undefined {
    if (this.writing !== undefined || !this.wantsWrite()) return undefined;
    const { log, outbox, hardState } = this.core;
    const { entries, snapshot } = log.beginWrite();
    const hasHardState = this.hasNewHardState();
    this.writesBegun += 1;
    this.writing = {
      id: this.writesBegun as WriteId,
      snapshot,
      entries,
      hardState: hasHardState ? hardState : undefined,
      commit: log.committed,
      needsSync: entries.length > 0 || snapshot !== undefined || hasHardState,
      messages: outbox.takeAfterPersist(),
    };
    return this.writing;
  }

  private endWrite(id: WriteId): void {
    const { core, writing } = this;
    assert(writing?.id === id, 'the write that ends is the one that began', { id });
    this.writing = undefined;
    core.log.endWrite();
    this.durable = writing.hardState ?? this.durable;
    countOwnVote(core, this.durable);
    if (core.role.kind === 'leader') maybeCommit(core, core.role);
  }
}
