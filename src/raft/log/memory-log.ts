/**
 * A log in memory: what a host keeps of its durable log for the core to read, and what tests take
 * for a disk.
 */
import { assert } from '../../base/index.ts';
import {
  NO_INDEX,
  NO_TERM,
  nextIndex,
  type Entry,
  type LogIndex,
  type Membership,
  type SnapshotMeta,
  type Term,
} from '../types.ts';
import { cutOff } from './cut-off.ts';
import type { LogReader } from './log-reader.ts';

export class MemoryLog implements LogReader {
  private meta: SnapshotMeta;
  /** The entry before the first one: what was compacted away last. */
  private before: { readonly index: LogIndex; readonly term: Term };
  private list: Entry[] = [];

  constructor(snapshot: SnapshotMeta) {
    this.meta = snapshot;
    this.before = snapshot;
  }

  /** The log of a peer that begins a group, or joins one when `membership` has no members. */
  static empty(membership: Membership = { voters: [], learners: [] }): MemoryLog {
    return new MemoryLog({ index: NO_INDEX, term: NO_TERM, membership });
  }

  get snapshot(): SnapshotMeta {
    return this.meta;
  }

  get firstIndex(): LogIndex {
    return nextIndex(this.before.index);
  }

  get lastIndex(): LogIndex {
    return (this.before.index + this.list.length) as LogIndex;
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.before.index) return this.before.term;
    return this.list[index - this.firstIndex]?.term;
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    if (low < this.firstIndex) return undefined;
    return cutOff(this.list, { from: low - this.firstIndex, to: high - this.firstIndex }, bytesMax);
  }

  /** Puts entries in place of everything from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const at = first.index - this.firstIndex;
    assert(at >= 0 && at <= this.list.length, 'entries follow on the log', { index: first.index });
    this.list.length = at;
    for (const entry of entries) this.list.push(entry);
  }

  /** Begins anew after a snapshot that came from elsewhere. */
  install(snapshot: SnapshotMeta): void {
    this.meta = snapshot;
    this.before = snapshot;
    this.list = [];
  }

  /** Notes a snapshot of this peer's own state machine. */
  noteSnapshot(snapshot: SnapshotMeta): void {
    assert(snapshot.index <= this.lastIndex, 'a snapshot holds entries of this log', snapshot);
    if (snapshot.index > this.meta.index) this.meta = snapshot;
  }

  /** Forgets entries through `index`; a snapshot must hold them. */
  compact(index: LogIndex): void {
    assert(index <= this.meta.index, 'a snapshot holds what is forgotten', { index });
    const count = index - this.before.index;
    const last = this.list[count - 1];
    if (last === undefined) return;
    this.before = { index: last.index, term: last.term };
    this.list = this.list.slice(count);
  }
}
