import type {
  AppendOutcome,
  Entry,
  LogIndex,
  Message,
  Payload,
  PeerId,
  SnapshotMeta,
  Term,
} from '../../../src/raft/index.ts';

/** Short ways to say what tests say often; numbers and strings become the room's words here. */
export function memberIds(ids: readonly string[]): PeerId[] {
  return ids.map((id) => id as PeerId);
}

export function entry(index: number, term: number, payload: Payload = { kind: 'empty' }): Entry {
  return { index: index as LogIndex, term: term as Term, payload };
}

export function membershipEntry(index: number, term: number, voters: readonly string[]): Entry {
  const membership = { voters: memberIds(voters), learners: [] };
  return entry(index, term, { kind: 'membership', membership });
}

export function snapshotMeta(
  index: number,
  term: number,
  voters: readonly string[] = ['1', '2', '3'],
): SnapshotMeta {
  const membership = { voters: memberIds(voters), learners: [] };
  return { index: index as LogIndex, term: term as Term, membership };
}

interface From {
  readonly from: string;
  readonly term: number;
}

export function append(
  { from, term }: From,
  previous: readonly [index: number, term: number],
  rest: { readonly entries?: readonly Entry[]; readonly commit?: number } = {},
): Message {
  return {
    kind: 'append.request',
    from: from as PeerId,
    to: '1' as PeerId,
    term: term as Term,
    previousIndex: previous[0] as LogIndex,
    previousTerm: previous[1] as Term,
    entries: rest.entries ?? [],
    commit: (rest.commit ?? 0) as LogIndex,
  };
}

export function heartbeat({ from, term }: From, commit = 0, round = 0): Message {
  return {
    kind: 'heartbeat.request',
    from: from as PeerId,
    to: '1' as PeerId,
    term: term as Term,
    commit: commit as LogIndex,
    round,
  };
}

export function heartbeatReply({ from, term }: From, round = 0): Message {
  const to = '1' as PeerId;
  return { kind: 'heartbeat.reply', from: from as PeerId, to, term: term as Term, round };
}

export function appendReply({ from, term }: From, outcome: AppendOutcome): Message {
  const to = '1' as PeerId;
  return { kind: 'append.reply', from: from as PeerId, to, term: term as Term, outcome };
}

export function accepted(match: number): AppendOutcome {
  return { kind: 'accepted', match: match as LogIndex };
}

export function rejected(previous: number, hint: number, hintTerm: number): AppendOutcome {
  return {
    kind: 'rejected',
    previousIndex: previous as LogIndex,
    hintIndex: hint as LogIndex,
    hintTerm: hintTerm as Term,
  };
}

/** `last` is the end of the candidate's log. */
export function voteRequest(
  { from, term }: From,
  last: readonly [index: number, term: number],
  isTransfer = false,
): Message {
  return {
    kind: 'vote.request',
    from: from as PeerId,
    to: '1' as PeerId,
    term: term as Term,
    lastIndex: last[0] as LogIndex,
    lastTerm: last[1] as Term,
    isTransfer,
  };
}

export function preVoteRequest(
  { from, term }: From,
  last: readonly [index: number, term: number],
): Message {
  return {
    kind: 'pre-vote.request',
    from: from as PeerId,
    to: '1' as PeerId,
    term: term as Term,
    lastIndex: last[0] as LogIndex,
    lastTerm: last[1] as Term,
  };
}

export function voteReply({ from, term }: From, isGranted: boolean): Message {
  const to = '1' as PeerId;
  return { kind: 'vote.reply', from: from as PeerId, to, term: term as Term, isGranted };
}

export function timeoutNow({ from, term }: From): Message {
  return { kind: 'timeout-now', from: from as PeerId, to: '1' as PeerId, term: term as Term };
}
