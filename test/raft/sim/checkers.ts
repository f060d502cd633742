/**
 * What must hold in every run, seen from outside (paper, figure 3): election safety, log matching,
 * leader completeness, state machine safety; commands applied once; reads linearizable; memberships
 * as the log says.
 */
import type {
  Command,
  Entry,
  LogIndex,
  Membership,
  PeerId,
  Raft,
  Term,
} from '../../../src/raft/index.ts';
import type { RaftLog } from '../../../src/raft/log/raft-log.ts';
import type { Machine } from './machine.ts';

export class Violation extends Error {}

function fail(what: string): never {
  throw new Violation(`violation: ${what}`);
}

/** The inside of a peer: the checkers look at entries before they are durable, too. */
export function logOf(raft: Raft): RaftLog {
  return (raft as unknown as { core: { log: RaftLog } }).core.log;
}

interface Seen {
  readonly payload: string;
  readonly previousTerm: Term | undefined;
}

export class Checkers {
  private readonly leaders = new Map<Term, PeerId>();
  private readonly entries = new Map<string, Seen>();
  /** By index, from 1. */
  private readonly committed: Entry[] = [];
  private readonly memberships: { index: LogIndex; membership: Membership }[];
  private readonly applied = new Set<string>();
  /** Every later read must see at least this much. */
  private visible = 0 as LogIndex;
  readonly acknowledged = new Set<string>();

  constructor(membership: Membership) {
    this.memberships = [{ index: 0 as LogIndex, membership }];
  }

  get commitIndex(): number {
    return this.committed.length;
  }

  get visibleIndex(): LogIndex {
    return this.visible;
  }

  /** After anything that a peer did. */
  checkPeer(raft: Raft): void {
    if (raft.role === 'leader') this.checkLeader(raft);
    if (raft.commit > this.committed.length) this.noteCommit(raft);
  }

  private checkLeader(raft: Raft): void {
    const known = this.leaders.get(raft.term);
    if (known === raft.id) return;
    if (known !== undefined) fail(`${known} and ${raft.id} both lead term ${raft.term}`);
    this.leaders.set(raft.term, raft.id);
    const log = logOf(raft);
    for (const entry of this.committed) {
      if (entry.index < log.firstIndex) continue;
      if (log.has(entry)) continue;
      fail(`${raft.id} leads term ${raft.term} without the committed entry ${entry.index}`);
    }
  }

  private noteCommit(raft: Raft): void {
    const log = logOf(raft);
    while (this.committed.length < raft.commit) {
      const low = (this.committed.length + 1) as LogIndex;
      const entries = log.entriesFrom(low, Infinity);
      if (entries === undefined || entries.length === 0)
        fail(`${raft.id} commits ${raft.commit}, but does not hold ${low}`);
      for (const entry of entries) if (entry.index <= raft.commit) this.addCommitted(entry);
    }
  }

  private addCommitted(entry: Entry): void {
    this.committed.push(entry);
    const { payload } = entry;
    if (payload.kind !== 'membership') return;
    this.memberships.push({ index: entry.index, membership: payload.membership });
  }

  /** Log matching, by induction: equal index and term mean equal content and equal predecessor. */
  noteWritten(raft: Raft, entries: readonly Entry[]): void {
    const log = logOf(raft);
    for (const { index, term, payload } of entries) {
      const key = `${index}.${term}`;
      const seen = { payload: textOf(payload), previousTerm: log.term((index - 1) as LogIndex) };
      const known = this.entries.get(key);
      if (known === undefined) this.entries.set(key, seen);
      else if (!isSame(known, seen)) fail(`logs part at ${index} in term ${term} (${raft.id})`);
    }
  }

  /** State machine safety: every peer applies the same entry at an index. */
  noteApplied(peer: PeerId, entry: Entry): void {
    const known = this.committed[entry.index - 1];
    if (known?.term !== entry.term || textOf(known.payload) !== textOf(entry.payload))
      fail(`${peer} applies another entry at ${entry.index}`);
  }

  /** Each command once, and the same ones everywhere. */
  checkHistory(peer: PeerId, { history }: Machine): void {
    const once = new Set(history);
    if (once.size !== history.length) fail(`${peer} applied a command twice`);
    for (const command of history) this.applied.add(command);
  }

  /** The membership that a peer has at an applied index is the one that the log made. */
  checkMembership(raft: Raft): void {
    // A peer that joins knows nobody until it has read the first entry.
    if (raft.applied === 0) return;
    const expected = this.memberships.findLast(({ index }) => index <= raft.applied);
    const actual = raft.membershipAt(raft.applied);
    if (textOf(actual) === textOf(expected?.membership)) return;
    fail(`${raft.id} takes ${textOf(actual)} for the membership at ${raft.applied}`);
  }

  /** A client was told that its command is applied. */
  noteAcknowledged({ session }: Command, applied: LogIndex): void {
    this.acknowledged.add(`${session.client}:${session.sequence}`);
    this.noteVisible(applied);
  }

  /** A client was shown the state as of `applied`; `since` is what was visible when it asked. */
  noteRead(peer: PeerId, applied: LogIndex, since: LogIndex): void {
    if (applied < since) fail(`${peer} answers a read as of ${applied}, but ${since} was visible`);
    this.noteVisible(applied);
  }

  private noteVisible(index: LogIndex): void {
    if (index > this.visible) this.visible = index;
  }

  /** At the end, a peer that has caught up holds every acknowledged command. */
  checkComplete(peer: PeerId, { history }: Machine): void {
    const once = new Set(history);
    for (const command of this.acknowledged)
      if (!once.has(command)) fail(`${peer} lost the acknowledged command ${command}`);
  }
}

function isSame(a: Seen, b: Seen): boolean {
  // A log that begins with a snapshot does not know what was before.
  const isPreviousKnown = a.previousTerm !== undefined && b.previousTerm !== undefined;
  return a.payload === b.payload && (!isPreviousKnown || a.previousTerm === b.previousTerm);
}

const texts = new WeakMap<object, string>();

function textOf(value: object | undefined): string {
  if (value === undefined) return 'none';
  const text = texts.get(value) ?? JSON.stringify(value);
  texts.set(value, text);
  return text;
}
