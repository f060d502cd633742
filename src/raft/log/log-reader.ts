import type { Entry, LogIndex, SnapshotMeta, Term } from '../types.ts';

/**
 * The durable part of the log, as the host shows it to the core. It changes only by what a `Write`
 * asked for, shown before `advance` is told of that write, and by `compact`, at any time between
 * two calls of the core. No method may fail: what must be read from a disk that can is kept in
 * memory, or compacted away (a follower that needs it then gets a snapshot).
 */
export interface LogReader {
  /** The first entry that `entries` can give; `lastIndex + 1` when there is none. */
  readonly firstIndex: LogIndex;
  /** `snapshot.index` when there are no entries after it. */
  readonly lastIndex: LogIndex;
  /** The newest durable snapshot. `firstIndex - 1 <= snapshot.index <= lastIndex`. */
  readonly snapshot: SnapshotMeta;
  /** Of any index in `[firstIndex - 1, lastIndex]`, else `undefined`. */
  term(index: LogIndex): Term | undefined;
  /**
   * Entries in `[low, high)`, cut off after `bytesMax` but never before the first one. `undefined`
   * when `low < firstIndex`. Precondition: `low < high <= lastIndex + 1`.
   */
  entries(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] | undefined;
}
