/**
 * The end of the log that is not durable yet, and a snapshot that is not installed yet.
 *
 * One write is on its way at a time. What it holds stays here until it is durable, and may
 * meanwhile be replaced by a new leader: then only the part before the replacement counts as
 * durable when the write is done.
 */
import { assert } from '../../base/index.ts';
import {
  entryBytes,
  nextIndex,
  type Entry,
  type LogIndex,
  type SnapshotMeta,
  type Term,
} from '../types.ts';

/** The log's part of a write. */
export interface UnstableWrite {
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotMeta | undefined;
}

interface InFlight {
  /** The last entry of the write that is still in the log as it was written. */
  through: LogIndex;
  readonly snapshot: SnapshotMeta | undefined;
}

export class Unstable {
  /** The index of `list[0]`, or of what comes next. */
  private offset: LogIndex;
  private list: Entry[] = [];
  private pendingSnapshot: SnapshotMeta | undefined;
  private inFlight: InFlight | undefined;
  private size = 0;

  constructor(lastIndex: LogIndex) {
    this.offset = nextIndex(lastIndex);
  }

  get firstIndex(): LogIndex {
    return this.offset;
  }

  get lastIndex(): LogIndex {
    return (this.offset + this.list.length - 1) as LogIndex;
  }

  get entries(): readonly Entry[] {
    return this.list;
  }

  get snapshot(): SnapshotMeta | undefined {
    return this.pendingSnapshot;
  }

  get bytes(): number {
    return this.size;
  }

  /** Whether there is something that no write holds. */
  get isDirty(): boolean {
    return this.list.length > 0 || this.pendingSnapshot !== undefined;
  }

  /** Everything before is durable. */
  get stableIndex(): LogIndex {
    return (this.offset - 1) as LogIndex;
  }

  term(index: LogIndex): Term | undefined {
    if (this.pendingSnapshot?.index === index) return this.pendingSnapshot.term;
    return this.list[index - this.offset]?.term;
  }

  /** Puts entries in place of everything from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index <= nextIndex(this.lastIndex), 'entries follow on the log', first.index);
    this.cutFrom(first.index);
    for (const entry of entries) {
      this.list.push(entry);
      this.size += entryBytes(entry);
    }
  }

  /** Gives everything up for a snapshot. */
  restore(snapshot: SnapshotMeta): void {
    this.list = [];
    this.size = 0;
    this.offset = nextIndex(snapshot.index);
    this.pendingSnapshot = snapshot;
    // What is on its way is written before the snapshot, which then replaces it.
    if (this.inFlight !== undefined) this.inFlight.through = 0 as LogIndex;
  }

  /** Everything here, to be written. Precondition: no write is on its way. */
  beginWrite(): UnstableWrite {
    assert(this.inFlight === undefined, 'one write is on its way at a time');
    this.inFlight = { through: this.lastIndex, snapshot: this.pendingSnapshot };
    return { entries: [...this.list], snapshot: this.pendingSnapshot };
  }

  /** The write that `beginWrite` gave out is durable. */
  endWrite(): void {
    const written = this.inFlight;
    assert(written !== undefined, 'a write is on its way');
    this.inFlight = undefined;
    if (written.snapshot === this.pendingSnapshot) this.pendingSnapshot = undefined;
    const count = written.through - this.offset + 1;
    if (count <= 0) return;
    for (const entry of this.list.slice(0, count)) this.size -= entryBytes(entry);
    this.list = this.list.slice(count);
    this.offset = nextIndex(written.through);
  }

  private cutFrom(index: LogIndex): void {
    if (this.inFlight !== undefined && this.inFlight.through >= index)
      this.inFlight.through = (index - 1) as LogIndex;
    const keep = Math.max(0, index - this.offset);
    for (const entry of this.list.slice(keep)) this.size -= entryBytes(entry);
    this.list.length = Math.min(keep, this.list.length);
    if (index < this.offset) this.offset = index;
  }
}
