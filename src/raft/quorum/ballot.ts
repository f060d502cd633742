import type { PeerId } from '../types.ts';
import { voteResult, type VoteResult } from './majority.ts';

/** The votes of one election, or of the question before it. */
export class Ballot {
  private readonly votes = new Map<PeerId, boolean>();

  /** A peer's first word counts: later ones are repetitions. */
  record(peer: PeerId, isGranted: boolean): void {
    if (!this.votes.has(peer)) this.votes.set(peer, isGranted);
  }

  hasVoteOf(peer: PeerId): boolean {
    return this.votes.has(peer);
  }

  result(voters: readonly PeerId[]): VoteResult {
    return voteResult(voters, this.votes);
  }
}
