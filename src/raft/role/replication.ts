/** How a leader speaks to its followers. Everything goes out at `drain`, so that it is grouped. */
import type { Progress } from '../progress/progress.ts';
import {
  bytesOf,
  minIndex,
  previousIndex,
  type LogIndex,
  type PeerId,
  type ReadId,
} from '../types.ts';
import type { Core } from './core.ts';
import type { LeaderRole } from './leader-role.ts';

/** Appends to all that lack something, heartbeats for reads that wait. */
export function flushLeader(core: Core, role: LeaderRole): void {
  if (role.reads.hasOpen && core.hasCommittedOwnTerm) {
    role.reads.beginRound(core.log.committed);
    sendHeartbeats(core, role);
    releaseReads(core, role);
  }
  sendAllAppends(core, role);
}

/** Whether `flushLeader` has something to say. */
export function wantsFlush(core: Core, role: LeaderRole): boolean {
  if (role.reads.hasOpen && core.hasCommittedOwnTerm) return true;
  const { lastIndex, committed } = core.log;
  return [...role.peers.values()].some((progress) => progress.wantsAppend(lastIndex, committed));
}

export function sendHeartbeats(core: Core, role: LeaderRole): void {
  role.heartbeatElapsed = 0;
  for (const [to, { match }] of role.peers) {
    // A follower may hold another leader's entries after `match`: those are not committed.
    const commit = minIndex(match, core.log.committed);
    const { round } = role.reads;
    core.send({ kind: 'heartbeat.request', from: core.id, to, term: core.term, commit, round });
  }
}

export function sendAllAppends(core: Core, role: LeaderRole): void {
  for (const [to, progress] of role.peers) sendAppends(core, to, progress);
}

/** As many appends as the follower's window takes. */
function sendAppends(core: Core, to: PeerId, progress: Progress): void {
  while (progress.wantsAppend(core.log.lastIndex, core.log.committed)) {
    if (!trySendAppend(core, to, progress)) {
      maybeSendSnapshot(core, to, progress);
      return;
    }
  }
  const isFull = progress.state.kind === 'replicate' && progress.isPaused;
  if (isFull && progress.next <= core.log.lastIndex) core.counters.windowsFull += 1;
}

/** False when what the follower lacks is forgotten. */
function trySendAppend(core: Core, to: PeerId, progress: Progress): boolean {
  const { log, limits } = core;
  const previous = previousIndex(progress.next);
  const previousTerm = log.term(previous);
  if (previousTerm === undefined) return false;
  const bytesMax = limits.appendBytesMax;
  const entries = progress.isPaused ? [] : log.entriesFrom(progress.next, bytesMax);
  if (entries === undefined) return false;
  core.send({
    kind: 'append.request',
    from: core.id,
    to,
    term: core.term,
    previousIndex: previous,
    previousTerm,
    entries,
    commit: log.committed,
  });
  const last: LogIndex = entries.at(-1)?.index ?? previous;
  progress.noteSent({ last, bytes: bytesOf(entries), commit: log.committed });
  return true;
}

/** Only to a follower that listens: a snapshot is large. */
function maybeSendSnapshot(core: Core, to: PeerId, progress: Progress): void {
  if (!progress.isActive) {
    progress.awaitAnswer();
    return;
  }
  const { snapshot } = core.log;
  progress.becomeSnapshot(snapshot.index);
  core.counters.snapshotsSent += 1;
  core.send({ kind: 'snapshot.request', from: core.id, to, term: core.term, snapshot });
}

/** Gives out the reads that a quorum confirmed. */
export function releaseReads(core: Core, role: LeaderRole): void {
  for (const { index, reads } of role.reads.takeConfirmed(core.members.latest.voters, core.id)) {
    const remote = new Map<PeerId, ReadId[]>();
    for (const { from, id } of reads) {
      if (from === core.id) core.reads.push({ id, index });
      else idsOf(remote, from).push(id);
    }
    for (const [to, ids] of remote)
      core.send({ kind: 'read.reply', from: core.id, to, ids, index });
  }
}

function idsOf(remote: Map<PeerId, ReadId[]>, peer: PeerId): ReadId[] {
  const ids = remote.get(peer) ?? [];
  remote.set(peer, ids);
  return ids;
}
