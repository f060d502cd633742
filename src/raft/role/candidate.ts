import type { TermedMessage } from '../messages.ts';
import type { CandidateRole, Core } from './core.ts';
import { askForPreVotes, askVoters, recordVote } from './election.ts';
import { stepFollower } from './follower.ts';

export function tickCandidate(core: Core, role: CandidateRole): void {
  core.electionElapsed += 1;
  if (core.electionElapsed >= core.electionTimeout) askForPreVotes(core);
  else if (core.electionElapsed % core.timing.heartbeatTicks === 0) askVoters(core, role);
}

/** Precondition: the message is of this term, or a pre-vote's answer for the next one. */
export function stepCandidate(core: Core, role: CandidateRole, message: TermedMessage): void {
  switch (message.kind) {
    case 'append.request':
    case 'heartbeat.request':
    case 'snapshot.request': {
      // Somebody else won this term (paper, section 5.2).
      core.becomeFollower(core.term, message.from);
      stepFollower(core, message);
      return;
    }
    case 'pre-vote.reply':
      if (role.kind === 'pre-candidate') recordVote(core, role, message);
      return;
    case 'vote.reply':
      if (role.kind === 'candidate') recordVote(core, role, message);
      return;
    default:
  }
}
