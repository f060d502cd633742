/**
 * What the roles share: the term, the vote, the log, the membership, and who this peer is at the
 * moment. The rules are beside it, one file for each role; `raft.ts` is the face towards the host.
 */
import { assert, randomBelow, type Rng } from '../../base/index.ts';
import { RaftLog } from '../log/raft-log.ts';
import { MembershipHistory } from '../membership/history.ts';
import type { Message, ProposalRefusal } from '../messages.ts';
import { limitsOf, timingOf, type RaftLimits, type RaftOptions, type Timing } from '../options.ts';
import { Outbox } from '../outbox.ts';
import type { Ballot } from '../quorum/ballot.ts';
import type { ReadState } from '../ready.ts';
import {
  NO_TERM,
  nextIndex,
  type Entry,
  type HardState,
  type PeerId,
  type ReadId,
  type SnapshotMeta,
  type Term,
} from '../types.ts';
import type { LeaderRole } from './leader-role.ts';

export interface FollowerRole {
  readonly kind: 'follower';
  /** Whose appends or heartbeats came last in this term. */
  leader: PeerId | undefined;
  /** It heard a leader until the connection broke. */
  readonly isDoubting?: boolean;
}

export interface CandidateRole {
  /** A pre-candidate asks without having raised its term. */
  readonly kind: 'pre-candidate' | 'candidate';
  readonly ballot: Ballot;
  readonly isTransfer: boolean;
}

export type Role = FollowerRole | CandidateRole | LeaderRole;

/** How often something happened since the core was made. */
export interface RaftCounters {
  elections: number;
  leaderships: number;
  proposalsBusy: number;
  readsBusy: number;
  messagesBusy: number;
  messagesMalformed: number;
  /** Times that a follower's window was full when there was more to send. */
  windowsFull: number;
  snapshotsSent: number;
}

export class Core {
  readonly id: PeerId;
  readonly timing: Timing;
  readonly limits: RaftLimits;
  readonly log: RaftLog;
  readonly members: MembershipHistory;
  readonly outbox = new Outbox();
  readonly counters: RaftCounters = {
    elections: 0,
    leaderships: 0,
    proposalsBusy: 0,
    readsBusy: 0,
    messagesBusy: 0,
    messagesMalformed: 0,
    windowsFull: 0,
    snapshotsSent: 0,
  };
  /** A follower's reads that go to the leader with the next `drain`. */
  openReads: ReadId[] = [];
  reads: ReadState[] = [];
  lostReads: ReadId[] = [];
  refusals: ProposalRefusal[] = [];
  role: Role = { kind: 'follower', leader: undefined };
  electionElapsed = 0;
  electionTimeout = 0;
  private readonly rng: Rng;
  private currentTerm: Term;
  private votedFor: PeerId | undefined;

  constructor(options: RaftOptions) {
    this.id = options.id;
    this.rng = options.rng;
    this.timing = timingOf(options);
    this.limits = limitsOf(options);
    const { snapshot, firstIndex, lastIndex } = options.log;
    const state = { firstIndex, lastIndex, snapshot: snapshot.index };
    const isWhole = firstIndex - 1 <= snapshot.index && snapshot.index <= lastIndex;
    assert(isWhole, 'the log goes on from its snapshot', state);
    this.log = new RaftLog(options.log, options);
    this.members = new MembershipHistory(snapshot);
    this.readMemberships(snapshot);
    this.currentTerm = options.hardState?.term ?? NO_TERM;
    this.votedFor = options.hardState?.vote;
    const lastTerm = this.log.lastTerm;
    assert(lastTerm <= this.currentTerm, 'a log has no entries of later terms', { lastTerm });
    this.resetElectionTimer();
  }

  get term(): Term {
    return this.currentTerm;
  }

  get vote(): PeerId | undefined {
    return this.votedFor;
  }

  get hardState(): HardState {
    return { term: this.currentTerm, vote: this.votedFor };
  }

  get leader(): PeerId | undefined {
    if (this.role.kind === 'leader') return this.id;
    return this.role.kind === 'follower' ? this.role.leader : undefined;
  }

  /** Heard from a leader so lately that another election would only disturb (thesis, 4.2.3). */
  get hasLease(): boolean {
    return this.leader !== undefined && this.electionElapsed < this.timing.electionTicks;
  }

  /**
   * Whether it may stand for election; a snapshot that is being installed leaves it without a log.
   */
  get mayStand(): boolean {
    return !this.log.isInstalling && this.members.mayStand(this.id, this.log.committed);
  }

  get isVoter(): boolean {
    return this.members.latest.voters.includes(this.id);
  }

  /** Whether this leader's commit index holds everything that earlier leaders committed. */
  get hasCommittedOwnTerm(): boolean {
    return this.log.term(this.log.committed) === this.currentTerm;
  }

  send(message: Message): void {
    this.outbox.put(message);
  }

  /** Any role -> Follower, of a term that is not behind. */
  becomeFollower(term: Term, leader: PeerId | undefined): void {
    assert(term >= this.currentTerm, 'terms only grow', { term, current: this.currentTerm });
    this.leaveLeadership();
    if (term > this.currentTerm) this.setTerm(term, undefined);
    this.role = { kind: 'follower', leader };
    this.resetElectionTimer();
  }

  /** Enters the next term with this peer's own vote. */
  enterNextTerm(): void {
    this.setTerm((this.currentTerm + 1) as Term, this.id);
  }

  /** One vote in each term, and none in a term that has a leader. */
  mayVoteFor(candidate: PeerId): boolean {
    if (this.votedFor === candidate) return true;
    return this.votedFor === undefined && this.leader === undefined;
  }

  giveVote(candidate: PeerId): void {
    assert(this.mayVoteFor(candidate), 'one vote in each term', { vote: this.votedFor, candidate });
    this.votedFor = candidate;
  }

  /**
   * The connection to the leader broke, as it does when a process dies. Its lease is given up, and
   * less than an election time is left to hear of it. Others that hear it refuse the pre-vote.
   */
  doubtLeader(): void {
    if (this.role.kind !== 'follower') return;
    this.role = { kind: 'follower', leader: undefined, isDoubting: true };
    const soon = this.electionElapsed + 1 + randomBelow(this.rng, this.timing.electionTicks);
    this.electionTimeout = Math.min(this.electionTimeout, soon);
  }

  /** A leader of this term was heard. Precondition: this peer follows. */
  followLeader(leader: PeerId): void {
    const { role } = this;
    if (role.kind === 'follower' && role.isDoubting === true) this.resetElectionTimer();
    this.electionElapsed = 0;
    this.role = { kind: 'follower', leader };
  }

  /** Draws a new timeout, so that candidates that collided part. */
  resetElectionTimer(): void {
    const { electionTicks } = this.timing;
    this.electionElapsed = 0;
    this.electionTimeout = electionTicks + 1 + randomBelow(this.rng, electionTicks);
  }

  private setTerm(term: Term, vote: PeerId | undefined): void {
    this.currentTerm = term;
    this.votedFor = vote;
  }

  private leaveLeadership(): void {
    if (this.role.kind !== 'leader') return;
    for (const { from, id } of this.role.reads.takeAll()) {
      if (from === this.id) this.lostReads.push(id);
      else this.send({ kind: 'read.reply', from: this.id, to: from, ids: [id], index: undefined });
    }
  }

  private readMemberships(snapshot: SnapshotMeta): void {
    let next = nextIndex(snapshot.index);
    while (next <= this.log.lastIndex) {
      const entries = this.log.entriesFrom(next, this.limits.applyBytesMax) ?? [];
      assert(entries.length > 0, 'the log gives its entries', { next });
      this.members.noteAppended(entries);
      next = nextIndex((entries.at(-1) as Entry).index);
    }
  }
}
