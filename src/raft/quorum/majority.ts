/**
 * What a majority of voters says. All functions count only voters: others' values are not asked.
 */
import type { PeerId } from '../types.ts';

/** How many of `count` voters make a quorum. */
export function quorumSize(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The highest value that a quorum of voters has reached or passed; 0 without voters, because nobody
 * can be asked.
 */
export function quorumValue(voters: readonly PeerId[], valueOf: (voter: PeerId) => number): number {
  const values = voters.map(valueOf).sort((a, b) => b - a);
  return values[quorumSize(voters.length) - 1] ?? 0;
}

export type VoteResult = 'won' | 'lost' | 'open';

/** Lost as soon as no quorum can be reached any more. Nobody wins without voters. */
export function voteResult(
  voters: readonly PeerId[],
  votes: ReadonlyMap<PeerId, boolean>,
): VoteResult {
  const quorum = quorumSize(voters.length);
  const granted = voters.filter((voter) => votes.get(voter) === true).length;
  const refused = voters.filter((voter) => votes.get(voter) === false).length;
  if (granted >= quorum) return 'won';
  return voters.length - refused < quorum ? 'lost' : 'open';
}
