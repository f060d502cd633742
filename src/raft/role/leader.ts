/** What a leader does: take proposals, hear its followers, stay only while a quorum hears it. */
import { assert } from '../../base/index.ts';
import type { AppendReply, HeartbeatReply, TermedMessage } from '../messages.ts';
import type { Progress } from '../progress/progress.ts';
import { quorumSize, quorumValue } from '../quorum/majority.ts';
import { NO_INDEX, bytesOf, nextIndex, type Entry, type PeerId, type Payload } from '../types.ts';
import type { Core } from './core.ts';
import { LeaderRole } from './leader-role.ts';
import { releaseReads, sendAllAppends, sendHeartbeats } from './replication.ts';

/**
 * Candidate -> Leader. Its first entry lets it commit what it found (paper, 5.4.2). The first one
 * of all says who began the group, for those who join later and read the log from there.
 */
export function lead(core: Core): void {
  assert(core.role.kind === 'candidate', 'only a candidate is elected', core.role.kind);
  const role = new LeaderRole(core.limits);
  core.role = role;
  core.electionElapsed = 0;
  core.counters.leaderships += 1;
  role.syncPeers(core.id, core.members.latest, core.log.lastIndex);
  const membership = core.members.latest;
  const isFirst = core.log.lastIndex === NO_INDEX;
  appendOwn(core, role, [isFirst ? { kind: 'membership', membership } : { kind: 'empty' }]);
}

/** Appends this leader's entries. They go out with the next `drain`. */
export function appendOwn(core: Core, role: LeaderRole, payloads: readonly Payload[]): void {
  let index = core.log.lastIndex;
  const entries = payloads.map((payload): Entry => {
    index = nextIndex(index);
    return { term: core.term, index, payload };
  });
  core.log.append(entries);
  role.uncommitted.add(index, bytesOf(entries));
  if (core.members.noteAppended(entries))
    role.syncPeers(core.id, core.members.latest, core.log.lastIndex);
}

export function tickLeader(core: Core, role: LeaderRole): void {
  const { electionTicks, heartbeatTicks } = core.timing;
  if (role.transfer !== undefined) {
    role.transfer.elapsedTicks += 1;
    if (role.transfer.elapsedTicks >= electionTicks) role.transfer = undefined;
  }
  core.electionElapsed += 1;
  if (core.electionElapsed >= electionTicks) {
    core.electionElapsed = 0;
    if (!hearsQuorum(core, role)) {
      core.becomeFollower(core.term, undefined);
      return;
    }
  }
  role.heartbeatElapsed += 1;
  if (role.heartbeatElapsed >= heartbeatTicks) sendHeartbeats(core, role);
}

/** Check-quorum (thesis, 6.2): whether a quorum said something since this was last asked. */
function hearsQuorum(core: Core, role: LeaderRole): boolean {
  const { voters } = core.members.latest;
  const active = voters.filter(
    (voter) => voter === core.id || role.peers.get(voter)?.isActive === true,
  );
  for (const progress of role.peers.values()) progress.isActive = false;
  return active.length >= quorumSize(voters.length);
}

/** Precondition: the message is of this leader's term. */
export function stepLeader(core: Core, role: LeaderRole, message: TermedMessage): void {
  switch (message.kind) {
    case 'append.reply':
      hearAppendReply(core, role, message);
      return;
    case 'heartbeat.reply':
      hearHeartbeatReply(core, role, message);
      return;
    default:
      assert(!isFromLeader(message), 'a term has one leader', { term: core.term, message });
  }
}

function isFromLeader({ kind }: TermedMessage): boolean {
  return kind === 'append.request' || kind === 'heartbeat.request' || kind === 'snapshot.request';
}

function hearAppendReply(core: Core, role: LeaderRole, { from, outcome }: AppendReply): void {
  const progress = role.peers.get(from);
  if (progress === undefined) return;
  progress.isActive = true;
  if (outcome.kind === 'rejected') {
    const hint = core.log.lastNotAbove({ index: outcome.hintIndex, term: outcome.hintTerm });
    progress.noteRejected(outcome.previousIndex, hint.index);
    return;
  }
  if (!progress.noteAccepted(outcome.match, core.log.firstIndex)) return;
  maybeCommit(core, role);
  maybeHandOver(core, role);
}

function hearHeartbeatReply(core: Core, role: LeaderRole, { from, round }: HeartbeatReply): void {
  const progress = role.peers.get(from);
  if (progress === undefined) return;
  progress.noteHeartbeat(core.log.lastIndex);
  role.reads.noteAnswer(from, round);
  releaseReads(core, role);
}

/**
 * Commits what a quorum holds durably, this peer among it if it votes. Called whenever one of them
 * may hold more.
 */
export function maybeCommit(core: Core, role: LeaderRole): void {
  const { log, members, id } = core;
  const held = quorumValue(members.latest.voters, (voter) =>
    voter === id ? log.stableIndex : (role.peers.get(voter)?.match ?? 0),
  );
  if (!log.maybeCommit(held as typeof log.committed, core.term)) return;
  role.uncommitted.freeThrough(log.committed);
  if (!core.isVoter && !members.isPending(log.committed)) leave(core, role);
}

/** Leader -> Follower, after the entry that ends its vote is committed (paper, section 6). */
function leave(core: Core, role: LeaderRole): void {
  sendAllAppends(core, role);
  const successor = bestSuccessor(core, role);
  if (successor !== undefined)
    core.send({ kind: 'timeout-now', from: core.id, to: successor, term: core.term });
  core.becomeFollower(core.term, undefined);
}

/** The voter that can take over soonest: it hears this leader, and holds the most. */
export function bestSuccessor(core: Core, role: LeaderRole): PeerId | undefined {
  const known = core.members.latest.voters
    .map((voter) => [voter, role.peers.get(voter)] as const)
    .filter((pair): pair is [PeerId, Progress] => pair[1]?.isActive === true);
  return known.sort(([, a], [, b]) => b.match - a.match)[0]?.[0];
}

/** When the one that is to lead next holds everything, tells it to begin (thesis, 3.10). */
export function maybeHandOver(core: Core, role: LeaderRole): void {
  const to = role.transfer?.to;
  if (core.role !== role || to === undefined) return;
  if (role.peers.get(to)?.match !== core.log.lastIndex) return;
  core.send({ kind: 'timeout-now', from: core.id, to, term: core.term });
}
