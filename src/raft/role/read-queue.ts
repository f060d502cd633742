/**
 * A leader's linearizable reads without a write (thesis, 6.4).
 *
 * Reads that come between two drains share one round. A round begins with heartbeats that carry its
 * number, and takes the commit index of that moment; when a quorum has said a round's number back,
 * this peer was the leader after every read of the round had come, so no later commit could have
 * been missed. Numbers grow, so an answer to a round answers all earlier ones.
 */
import { quorumValue } from '../quorum/majority.ts';
import type { LogIndex, PeerId, ReadId } from '../types.ts';

export interface PendingRead {
  readonly from: PeerId;
  readonly id: ReadId;
}

interface Round {
  readonly number: number;
  readonly index: LogIndex;
  readonly reads: readonly PendingRead[];
}

/** A round that a quorum confirmed. */
export type ConfirmedRound = Omit<Round, 'number'>;

export class ReadQueue {
  private readonly readsMax: number;
  private open: PendingRead[] = [];
  private rounds: Round[] = [];
  private newest = 0;
  private count = 0;
  private readonly answered = new Map<PeerId, number>();

  constructor(readsMax: number) {
    this.readsMax = readsMax;
  }

  /** The newest round that began; 0 for none. */
  get round(): number {
    return this.newest;
  }

  /** Whether reads wait for a round to begin. */
  get hasOpen(): boolean {
    return this.open.length > 0;
  }

  /** Whether there was room. */
  tryAdd(read: PendingRead): boolean {
    if (this.count >= this.readsMax) return false;
    this.count += 1;
    this.open.push(read);
    return true;
  }

  /**
   * Precondition: an entry of this leader's own term is committed, else `commit` may lack what
   * earlier leaders committed.
   */
  beginRound(commit: LogIndex): void {
    this.newest += 1;
    this.rounds.push({ number: this.newest, index: commit, reads: this.open });
    this.open = [];
  }

  noteAnswer(peer: PeerId, round: number): void {
    this.answered.set(peer, Math.max(round, this.answered.get(peer) ?? 0));
  }

  /** Rounds that a quorum answered. The leader itself answers at once, if it votes. */
  takeConfirmed(voters: readonly PeerId[], self: PeerId): readonly ConfirmedRound[] {
    const confirmed = quorumValue(voters, (voter) =>
      voter === self ? this.newest : (this.answered.get(voter) ?? 0),
    );
    const waiting = this.rounds.findIndex(({ number }) => number > confirmed);
    const done = this.rounds.splice(0, waiting < 0 ? this.rounds.length : waiting);
    for (const { reads } of done) this.count -= reads.length;
    return done;
  }

  /** The leader steps down: every read that waits is lost. */
  takeAll(): readonly PendingRead[] {
    const lost = [...this.rounds.flatMap(({ reads }) => reads), ...this.open];
    this.rounds = [];
    this.open = [];
    this.count = 0;
    return lost;
  }
}
