/**
 * What is durable, as the core reads it: entries found at the start as bytes (`PackedEntries`),
 * then those written since as they were given.
 */
import { assert } from '../../base/index.ts';
import {
  entryBytes,
  type Entry,
  type LogIndex,
  type LogReader,
  type SnapshotMeta,
  type Term,
} from '../../raft/index.ts';
import type { PackedEntries } from './packed-entries.ts';
import type { LogEnd } from './wal/records.ts';

const NO_MEMBERS = { voters: [], learners: [] };

export class DurableLog implements LogReader {
  private meta: SnapshotMeta;
  /** The entry before the first one: what was forgotten last. */
  private before: LogEnd;
  /** In sequence and without gaps, the first of them perhaps with forgotten entries. */
  private packed: PackedEntries[] = [];
  private list: Entry[] = [];
  private listFirst: number;

  /** Begins empty after `before`. */
  constructor(before: LogEnd) {
    this.meta = { ...before, membership: NO_MEMBERS };
    this.before = before;
    this.listFirst = before.index + 1;
  }

  get snapshot(): SnapshotMeta {
    return this.meta;
  }

  get firstIndex(): LogIndex {
    return (this.before.index + 1) as LogIndex;
  }

  get lastIndex(): LogIndex {
    return (this.listFirst + this.list.length - 1) as LogIndex;
  }

  get end(): LogEnd {
    return this.endAt(this.lastIndex);
  }

  /** The entry at `index`, which is in `[firstIndex - 1, lastIndex]`. */
  endAt(index: LogIndex): LogEnd {
    const term = this.term(index);
    assert(term !== undefined, 'the log reaches there', { index });
    return { index, term };
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.before.index) return this.before.term;
    if (index < this.before.index) return undefined;
    if (index >= this.listFirst) return this.list[index - this.listFirst]?.term;
    return this.packedAt(index).term(index);
  }

  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    if (low < this.firstIndex) return undefined;
    const taken: Entry[] = [];
    let bytes = 0;
    for (let index = low; index < high; index = (index + 1) as LogIndex) {
      const entry = this.entry(index);
      bytes += entryBytes(entry);
      if (bytes > bytesMax && taken.length > 0) break;
      taken.push(entry);
    }
    return taken;
  }

  /** Puts entries in place of everything from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.truncate(first.index);
    for (const entry of entries) this.list.push(entry);
  }

  /** The same, for entries that were read from a disk. */
  appendPacked(entries: PackedEntries): void {
    this.truncate(entries.firstIndex);
    assert(this.list.length === 0, 'what was found comes before what is written');
    if (entries.lastIndex < entries.firstIndex) return;
    this.packed.push(entries);
    this.listFirst = entries.lastIndex + 1;
  }

  /** Begins anew after a snapshot that came from elsewhere. */
  install(snapshot: SnapshotMeta): void {
    this.meta = snapshot;
    this.before = snapshot;
    this.packed = [];
    this.list = [];
    this.listFirst = snapshot.index + 1;
  }

  /** Notes a durable snapshot of what this log holds. */
  noteSnapshot(snapshot: SnapshotMeta): void {
    assert(snapshot.index <= this.lastIndex, 'a snapshot holds entries of this log', snapshot);
    if (snapshot.index >= this.meta.index) this.meta = snapshot;
  }

  /** Forgets all that the snapshot holds, except its last entries within both bounds. */
  compact(keep: { readonly entries: number; readonly bytes: number }): void {
    let index = this.meta.index;
    let bytes = 0;
    while (index > this.before.index && this.meta.index - index < keep.entries) {
      bytes += this.entryBytesAt(index);
      if (bytes > keep.bytes) break;
      index = (index - 1) as LogIndex;
    }
    this.forgetThrough(index);
  }

  private forgetThrough(index: LogIndex): void {
    if (index <= this.before.index) return;
    this.before = this.endAt(index);
    this.packed = this.packed.filter(({ lastIndex }) => lastIndex > index);
    if (index < this.listFirst) return;
    this.list = this.list.slice(index + 1 - this.listFirst);
    this.listFirst = index + 1;
  }

  private truncate(index: LogIndex): void {
    const state = { index, first: this.firstIndex, last: this.lastIndex };
    assert(index > this.before.index && index <= this.lastIndex + 1, 'entries follow on', state);
    if (index >= this.listFirst) {
      this.list.length = index - this.listFirst;
      return;
    }
    this.list = [];
    this.listFirst = index;
    this.packed = this.packed.filter(({ firstIndex }) => firstIndex < index);
    this.packed.at(-1)?.truncate(index);
  }

  private entry(index: LogIndex): Entry {
    if (index < this.listFirst) return this.packedAt(index).entry(index);
    const entry = this.list[index - this.listFirst];
    assert(entry !== undefined, 'the log reaches there', { index });
    return entry;
  }

  private entryBytesAt(index: LogIndex): number {
    if (index < this.listFirst) return this.packedAt(index).entryBytes(index);
    return entryBytes(this.entry(index));
  }

  private packedAt(index: LogIndex): PackedEntries {
    let low = 0;
    for (let high = this.packed.length; high - low > 1;) {
      const middle = (low + high) >> 1;
      if ((this.packed[middle]?.firstIndex ?? Infinity) <= index) low = middle;
      else high = middle;
    }
    const found = this.packed[low];
    assert(found !== undefined, 'an entry is packed or listed', { index });
    return found;
  }
}
