/**
 * One change of membership at a time, by one voter at most: any quorum before and any quorum after
 * share a peer (thesis, 4.1), so no joint configuration is needed.
 */
import { LEARNERS_MAX, VOTERS_MAX } from '../options.ts';
import type { Membership, PeerId } from '../types.ts';

export type MembershipChange =
  /** Every member begins so: it receives, and counts for nothing. */
  | { readonly kind: 'add-learner'; readonly peer: PeerId }
  /** A learner that has caught up becomes a voter. */
  | { readonly kind: 'promote'; readonly peer: PeerId }
  /** A voter becomes a learner. */
  | { readonly kind: 'demote'; readonly peer: PeerId }
  | { readonly kind: 'remove'; readonly peer: PeerId };

export type ChangeRefusal =
  | 'already-member'
  | 'not-a-learner'
  | 'not-a-voter'
  | 'not-a-member'
  | 'last-voter'
  | 'too-many-voters'
  | 'too-many-learners';

export type ChangeResult =
  | { readonly kind: 'changed'; readonly membership: Membership }
  | { readonly kind: 'refused'; readonly reason: ChangeRefusal };

export function changeMembership(before: Membership, change: MembershipChange): ChangeResult {
  const reason = refusalOf(before, change);
  if (reason !== undefined) return { kind: 'refused', reason };
  const voters = before.voters.filter((peer) => peer !== change.peer);
  const learners = before.learners.filter((peer) => peer !== change.peer);
  if (change.kind === 'promote') voters.push(change.peer);
  if (change.kind === 'add-learner' || change.kind === 'demote') learners.push(change.peer);
  return { kind: 'changed', membership: { voters: voters.sort(), learners: learners.sort() } };
}

function refusalOf(
  { voters, learners }: Membership,
  { kind, peer }: MembershipChange,
): ChangeRefusal | undefined {
  const isVoter = voters.includes(peer);
  const isLearner = learners.includes(peer);
  switch (kind) {
    case 'add-learner':
      if (isVoter || isLearner) return 'already-member';
      return learners.length >= LEARNERS_MAX ? 'too-many-learners' : undefined;
    case 'promote':
      if (!isLearner) return 'not-a-learner';
      return voters.length >= VOTERS_MAX ? 'too-many-voters' : undefined;
    case 'demote':
      if (!isVoter) return 'not-a-voter';
      if (voters.length === 1) return 'last-voter';
      return learners.length >= LEARNERS_MAX ? 'too-many-learners' : undefined;
    case 'remove':
      if (!isVoter && !isLearner) return 'not-a-member';
      return isVoter && voters.length === 1 ? 'last-voter' : undefined;
  }
}
