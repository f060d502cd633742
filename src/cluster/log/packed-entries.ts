/**
 * Entries as they lie in a segment's bytes, decoded each time they are asked for: a log that was
 * just read from the disk takes little more memory than its bytes, and no time for entries that
 * nobody needs.
 */
import { assert } from '../../base/index.ts';
import { decodeEntry, type Entry, type LogIndex, type Term } from '../../raft/index.ts';
import type { Run } from './wal/records.ts';

const LENGTH_BYTES = 4;
const OFFSETS_BEGIN = 256;

interface TermFrom {
  readonly index: number;
  readonly term: Term;
}

/** A run of entries without gaps, whose terms never go back. */
export class PackedEntries {
  private readonly bytes: Buffer;
  private readonly first: LogIndex;
  private offsets = new Uint32Array(OFFSETS_BEGIN);
  private count = 0;
  /** From which index on each term holds. */
  private readonly terms: TermFrom[] = [];

  /** `bytes` is at most 4 GiB, and is not written to afterwards. */
  constructor(bytes: Buffer, first: LogIndex) {
    this.bytes = bytes;
    this.first = first;
  }

  get firstIndex(): LogIndex {
    return this.first;
  }

  get lastIndex(): LogIndex {
    return (this.first + this.count - 1) as LogIndex;
  }

  /** Takes a run that follows on the last entry; its offset counts from the start of `bytes`. */
  add({ term, count, from }: Omit<Run, 'first'>): void {
    this.reserve(this.count + count);
    if (this.terms.at(-1)?.term !== term) this.terms.push({ index: this.lastIndex + 1, term });
    let at = from;
    for (let added = 0; added < count; added += 1) {
      this.offsets[this.count] = at;
      this.count += 1;
      at += LENGTH_BYTES + this.bytes.readUInt32BE(at);
    }
  }

  /** Forgets every entry from `index` on. */
  truncate(index: LogIndex): void {
    this.count = Math.max(0, Math.min(this.count, index - this.first));
    while ((this.terms.at(-1)?.index ?? 0) >= index) this.terms.pop();
  }

  /** Precondition, here and below: `index` is in `[firstIndex, lastIndex]`. */
  term(index: LogIndex): Term {
    let low = 0;
    for (let high = this.terms.length; high - low > 1;) {
      const middle = (low + high) >> 1;
      if ((this.terms[middle]?.index ?? Infinity) <= index) low = middle;
      else high = middle;
    }
    const found = this.terms[low];
    assert(found !== undefined, 'an entry has a term', { index });
    return found.term;
  }

  entry(index: LogIndex): Entry {
    const at = this.offsetOf(index);
    const body = at + LENGTH_BYTES;
    return decodeEntry(this.bytes.subarray(body, body + this.bytes.readUInt32BE(at)));
  }

  /** Roughly what `entryBytes` counts for it. */
  entryBytes(index: LogIndex): number {
    return this.bytes.readUInt32BE(this.offsetOf(index));
  }

  private offsetOf(index: LogIndex): number {
    const offset = index < this.first ? undefined : this.offsets[index - this.first];
    assert(offset !== undefined && index <= this.lastIndex, 'an entry is here', { index });
    return offset;
  }

  private reserve(count: number): void {
    if (count <= this.offsets.length) return;
    const grown = new Uint32Array(Math.max(count, 2 * this.offsets.length));
    grown.set(this.offsets);
    this.offsets = grown;
  }
}
