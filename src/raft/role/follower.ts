/** What a follower or learner does with its leader's messages (paper, 5.3 and 7). */
import type {
  AppendOutcome,
  AppendRequest,
  HeartbeatRequest,
  SnapshotRequest,
  TermedMessage,
} from '../messages.ts';
import { minIndex, type LogIndex, type PeerId } from '../types.ts';
import type { Core } from './core.ts';
import { askForPreVotes, standForElection } from './election.ts';

export function tickFollower(core: Core): void {
  core.electionElapsed += 1;
  if (core.electionElapsed >= core.electionTimeout) askForPreVotes(core);
}

/** Precondition: this peer follows, and the message is of this term. */
export function stepFollower(core: Core, message: TermedMessage): void {
  switch (message.kind) {
    case 'append.request':
      core.followLeader(message.from);
      acceptAppend(core, message);
      return;
    case 'heartbeat.request':
      core.followLeader(message.from);
      acceptHeartbeat(core, message);
      return;
    case 'snapshot.request':
      core.followLeader(message.from);
      acceptSnapshot(core, message);
      return;
    case 'timeout-now':
      standForElection(core, true);
      return;
    default:
  }
}

function acceptAppend(core: Core, request: AppendRequest): void {
  const { log } = core;
  const previous = { index: request.previousIndex, term: request.previousTerm };
  // Committed entries are equal everywhere, so a late repetition is answered with what is held.
  if (previous.index < log.committed) {
    answerAppend(core, request.from, { kind: 'accepted', match: log.committed });
    return;
  }
  const result = log.tryAppend(previous, request.entries);
  if (result === undefined) {
    answerAppend(core, request.from, rejectionOf(core, request));
    return;
  }
  core.members.noteAppended(result.fresh);
  // What lies after `last` may be another leader's and is not covered by this commit.
  log.commitTo(minIndex(request.commit, result.last));
  answerAppend(core, request.from, { kind: 'accepted', match: result.last });
}

function rejectionOf({ log }: Core, request: AppendRequest): AppendOutcome {
  const { previousIndex, previousTerm } = request;
  const from = minIndex(previousIndex, log.lastIndex);
  const hint = log.lastNotAbove({ index: from, term: previousTerm });
  return { kind: 'rejected', previousIndex, hintIndex: hint.index, hintTerm: hint.term };
}

function acceptHeartbeat(core: Core, request: HeartbeatRequest): void {
  core.log.commitTo(request.commit);
  core.send({
    kind: 'heartbeat.reply',
    from: core.id,
    to: request.from,
    term: core.term,
    round: request.round,
  });
}

/**
 * Takes a snapshot in place of the log, unless the log already holds its last entry: then nothing
 * is missing before it, and all of it is committed. One at a time: another one is dropped, as if
 * lost.
 */
function acceptSnapshot(core: Core, { from, snapshot }: SnapshotRequest): void {
  const { log } = core;
  if (log.isInstalling) return;
  if (snapshot.index > log.committed) {
    if (log.has(snapshot)) log.commitTo(snapshot.index);
    else {
      core.members.restore(snapshot, log.committed);
      log.restore(snapshot);
    }
  }
  const match: LogIndex = log.committed;
  answerAppend(core, from, { kind: 'accepted', match });
}

function answerAppend(core: Core, to: PeerId, outcome: AppendOutcome): void {
  core.send({ kind: 'append.reply', from: core.id, to, term: core.term, outcome });
}
