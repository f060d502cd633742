/** Standing for election, and answering those who do (paper, 5.2 and 5.4.1; thesis, 9.6). */
import type { PreVoteRequest, VoteRequest } from '../messages.ts';
import { Ballot } from '../quorum/ballot.ts';
import type { PeerId, Term } from '../types.ts';
import type { CandidateRole, Core } from './core.ts';
import { lead } from './leader.ts';

/**
 * Follower, Candidate -> Pre-candidate: asks first, so that a peer that cannot win disturbs nobody.
 */
export function askForPreVotes(core: Core): void {
  if (!core.mayStand) return;
  const role: CandidateRole = { kind: 'pre-candidate', ballot: new Ballot(), isTransfer: false };
  core.role = role;
  core.resetElectionTimer();
  // Not a vote: a pre-vote promises nothing, so nothing needs to be durable.
  role.ballot.record(core.id, true);
  askVoters(core, role);
  countVotes(core, role);
}

/**
 * Pre-candidate -> Candidate; or Follower -> Candidate when the leader asked for it. Its own vote
 * counts when it is durable, see `countOwnVote`.
 */
export function standForElection(core: Core, isTransfer: boolean): void {
  if (!core.mayStand) return;
  const role: CandidateRole = { kind: 'candidate', ballot: new Ballot(), isTransfer };
  core.enterNextTerm();
  core.role = role;
  core.resetElectionTimer();
  core.counters.elections += 1;
  askVoters(core, role);
}

/** The vote for itself, which this peer's hard state holds, is durable. */
export function countOwnVote(core: Core, durable: { readonly term: Term }): void {
  const { role } = core;
  if (role.kind !== 'candidate' || durable.term !== core.term) return;
  recordVote(core, role, { from: core.id, isGranted: true });
}

/** Asks those that have not answered; repeated, because messages get lost. */
export function askVoters(core: Core, role: CandidateRole): void {
  const end = { lastIndex: core.log.lastIndex, lastTerm: core.log.lastTerm };
  for (const to of core.members.latest.voters) {
    if (to === core.id || role.ballot.hasVoteOf(to)) continue;
    if (role.kind === 'pre-candidate') {
      core.send({
        kind: 'pre-vote.request',
        from: core.id,
        to,
        term: (core.term + 1) as Term,
        ...end,
      });
    } else {
      const { isTransfer } = role;
      core.send({ kind: 'vote.request', from: core.id, to, term: core.term, ...end, isTransfer });
    }
  }
}

export function recordVote(
  core: Core,
  role: CandidateRole,
  vote: { readonly from: PeerId; readonly isGranted: boolean },
): void {
  role.ballot.record(vote.from, vote.isGranted);
  countVotes(core, role);
}

function countVotes(core: Core, role: CandidateRole): void {
  switch (role.ballot.result(core.members.latest.voters)) {
    case 'won':
      if (role.kind === 'candidate') lead(core);
      else standForElection(core, false);
      return;
    case 'lost':
      core.becomeFollower(core.term, undefined);
      return;
    case 'open':
  }
}

/** In any role. Precondition: `request.term >= core.term`. */
export function answerVoteRequest(core: Core, request: PreVoteRequest | VoteRequest): void {
  const isGranted =
    mayVoteFor(core, request) &&
    core.log.isUpToDate({ index: request.lastIndex, term: request.lastTerm });
  if (request.kind === 'pre-vote.request') {
    const term = isGranted ? request.term : core.term;
    core.send({ kind: 'pre-vote.reply', from: core.id, to: request.from, term, isGranted });
    return;
  }
  if (isGranted) {
    core.giveVote(request.from);
    core.electionElapsed = 0;
  }
  core.send({ kind: 'vote.reply', from: core.id, to: request.from, term: core.term, isGranted });
}

function mayVoteFor(core: Core, request: PreVoteRequest | VoteRequest): boolean {
  if (request.kind === 'pre-vote.request' && request.term > core.term) return true;
  return core.mayVoteFor(request.from);
}
