/**
 * The log as consensus sees it: durable entries (`LogReader`), then entries on their way to the
 * disk (`Unstable`), with three marks in it.
 *
 *     snapshot.index <= applied <= handed <= min(committed, stableIndex)
 *     committed <= lastIndex
 *
 * Committed entries never change. Only durable ones are handed out to be applied, so that a
 * snapshot of the state machine never holds what this peer's log could lose.
 */
import { assert } from '../../base/index.ts';
import {
  NO_INDEX,
  NO_TERM,
  maxIndex,
  minIndex,
  nextIndex,
  previousIndex,
  type Entry,
  type LogIndex,
  type SnapshotMeta,
  type Term,
} from '../types.ts';
import { cutOff } from './cut-off.ts';
import type { LogReader } from './log-reader.ts';
import { Unstable, type UnstableWrite } from './unstable.ts';

export interface EntryId {
  readonly index: LogIndex;
  readonly term: Term;
}

export class RaftLog {
  private readonly reader: LogReader;
  private readonly unstable: Unstable;
  private commitMark: LogIndex;
  private handedMark: LogIndex;
  private appliedMark: LogIndex;

  constructor(reader: LogReader, marks: { commit?: LogIndex; applied?: LogIndex }) {
    const { snapshot, lastIndex } = reader;
    this.reader = reader;
    this.unstable = new Unstable(lastIndex);
    const applied = maxIndex(snapshot.index, marks.applied ?? NO_INDEX);
    assert(applied <= lastIndex, 'what is applied is in the log', { applied, lastIndex });
    this.commitMark = maxIndex(applied, minIndex(marks.commit ?? NO_INDEX, lastIndex));
    this.handedMark = applied;
    this.appliedMark = applied;
  }

  get firstIndex(): LogIndex {
    const { snapshot } = this.unstable;
    return snapshot === undefined ? this.reader.firstIndex : nextIndex(snapshot.index);
  }

  get lastIndex(): LogIndex {
    return this.unstable.lastIndex;
  }

  get lastTerm(): Term {
    return this.term(this.lastIndex) ?? NO_TERM;
  }

  get committed(): LogIndex {
    return this.commitMark;
  }

  get applied(): LogIndex {
    return this.appliedMark;
  }

  get stableIndex(): LogIndex {
    return this.unstable.stableIndex;
  }

  get unstableBytes(): number {
    return this.unstable.bytes;
  }

  get isDirty(): boolean {
    return this.unstable.isDirty;
  }

  /** The newest snapshot, installed or about to be. */
  get snapshot(): SnapshotMeta {
    return this.unstable.snapshot ?? this.reader.snapshot;
  }

  get isInstalling(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  /** `undefined` when the index is forgotten or not there yet. */
  term(index: LogIndex): Term | undefined {
    const term = this.unstable.term(index);
    if (term !== undefined || index >= this.unstable.firstIndex) return term;
    return index < previousIndex(this.firstIndex) ? undefined : this.reader.term(index);
  }

  /** Whether this log holds that entry. */
  has({ index, term }: EntryId): boolean {
    return this.term(index) === term;
  }

  /**
   * From `low` to the end, cut off after `bytesMax` but never before the first; `undefined` when
   * forgotten.
   */
  entriesFrom(low: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    return this.entries(low, nextIndex(this.lastIndex), bytesMax);
  }

  private entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    if (low < this.firstIndex) return undefined;
    if (low >= high) return [];
    const { firstIndex: offset, entries } = this.unstable;
    if (low < offset) {
      const durable = this.reader.entries(low, minIndex(high, offset), bytesMax);
      assert(durable?.[0]?.index === low, 'the host shows the durable log', { low, high, offset });
      return durable;
    }
    return cutOff(entries, { from: low - offset, to: high - offset }, bytesMax);
  }

  /**
   * Whether a candidate whose log ends so may get this peer's vote (paper, section 5.4.1): a later
   * last term wins, then a longer log.
   */
  isUpToDate({ index, term }: EntryId): boolean {
    if (term !== this.lastTerm) return term > this.lastTerm;
    return index >= this.lastIndex;
  }

  /** A leader's own entries. They follow on the last one. */
  append(entries: readonly Entry[]): void {
    assert(entries[0]?.index === nextIndex(this.lastIndex), 'a leader only appends', entries[0]);
    this.unstable.append(entries);
  }

  /**
   * Takes a leader's entries after `previous` (paper, figure 2, AppendEntries 2 to 4). Nothing is
   * cut off unless an entry differs. `undefined` when this log does not hold `previous`.
   */
  tryAppend(previous: EntryId, entries: readonly Entry[]): AppendResult | undefined {
    if (!this.has(previous)) return undefined;
    const last = (previous.index + entries.length) as LogIndex;
    const fresh = entries.slice(this.countHeld(entries));
    const first = fresh[0];
    if (first !== undefined) {
      const state = { index: first.index, committed: this.commitMark };
      assert(first.index > this.commitMark, 'a committed entry stays', state);
      this.unstable.append(fresh);
    }
    return { last, fresh };
  }

  /**
   * The last index at or before `index` whose term is not above `term`, and its term: after it, no
   * log whose term at `index` is `term` can equal this one (paper, end of section 5.3). Term 0 when
   * that part is forgotten.
   */
  lastNotAbove({ index, term }: EntryId): EntryId {
    for (let at = index; at > 0; at = previousIndex(at)) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: NO_TERM };
      if (own <= term) return { index: at, term: own };
    }
    return { index: NO_INDEX, term: NO_TERM };
  }

  /** A follower learns of a commit. Never goes back. */
  commitTo(index: LogIndex): void {
    const state = { index, lastIndex: this.lastIndex };
    assert(index <= this.lastIndex, 'only what is in the log is committed', state);
    this.commitMark = maxIndex(this.commitMark, index);
  }

  /**
   * A leader commits what a quorum holds, through an entry of its own term (paper, section 5.4.2).
   * Whether that moved the mark.
   */
  maybeCommit(index: LogIndex, term: Term): boolean {
    if (index <= this.commitMark || this.term(index) !== term) return false;
    this.commitTo(index);
    return true;
  }

  /** Gives everything up for a snapshot of committed entries. */
  restore(snapshot: SnapshotMeta): void {
    assert(snapshot.index > this.commitMark, 'a snapshot goes beyond the commit', snapshot);
    this.commitMark = snapshot.index;
    this.unstable.restore(snapshot);
  }

  /** Whether there is something to apply, and nothing is being applied. */
  get hasCommitted(): boolean {
    if (this.isInstalling || this.handedMark > this.appliedMark) return false;
    return this.handedMark < minIndex(this.commitMark, this.stableIndex);
  }

  /** What can be applied next; one batch at a time. */
  takeCommitted(bytesMax: number): readonly Entry[] {
    if (!this.hasCommitted) return [];
    const low = nextIndex(this.handedMark);
    const high = nextIndex(minIndex(this.commitMark, this.stableIndex));
    const entries = this.entries(low, high, bytesMax);
    assert(entries !== undefined, 'entries are kept until they are applied', { low });
    this.handedMark = entries.at(-1)?.index ?? this.handedMark;
    return entries;
  }

  /** The host says that it applied this far, or restored a snapshot. */
  appliedTo(index: LogIndex): void {
    const state = { index, handed: this.handedMark };
    assert(index <= this.handedMark, 'only what was handed out is applied', state);
    this.appliedMark = maxIndex(this.appliedMark, index);
  }

  beginWrite(): UnstableWrite {
    return this.unstable.beginWrite();
  }

  /** What `beginWrite` gave is durable, and an installed snapshot is applied with it. */
  endWrite(): void {
    this.unstable.endWrite();
    if (this.isInstalling) return;
    const { stableIndex } = this.unstable;
    assert(this.reader.term(stableIndex) !== undefined, 'a durable entry is shown', stableIndex);
    const installed = this.reader.snapshot.index;
    const state = { installed, committed: this.commitMark };
    assert(installed <= this.commitMark, 'a snapshot holds committed entries', state);
    this.handedMark = maxIndex(this.handedMark, installed);
    this.appliedMark = maxIndex(this.appliedMark, installed);
  }

  private countHeld(entries: readonly Entry[]): number {
    const differing = entries.findIndex((entry) => !this.has(entry));
    return differing < 0 ? entries.length : differing;
  }
}

export interface AppendResult {
  /** The last index at which this log equals the leader's for certain. */
  readonly last: LogIndex;
  /** What was really appended, in place of everything from its first index on. */
  readonly fresh: readonly Entry[];
}
