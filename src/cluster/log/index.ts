/**
 * cluster/log: what one manager keeps on its disk. The log of the consensus group, the hard state,
 * and snapshots of what the log made.
 *
 * Input: a `Write` of raft's core, or a snapshot. Output: its durability, and the `LogReader` from
 * which the core reads. Decides nothing. A write is there whole or not at all; what a crash left
 * half done is cut, any other damage is refused with the file, the offset and the way out; a full
 * disk refuses writes and leaves nothing behind. Limits are in `STORAGE_LIMITS`. Start with
 * `raft-storage.ts`; formats are told in `wal/frame.ts`, `wal/records.ts`, `file-head.ts` and
 * `snapshot-files.ts`.
 */
export {
  SYSTEM_DISK,
  errnoOf,
  fileExists,
  replaceFile,
  type Disk,
  type DiskFile,
  type OpenMode,
} from './disk.ts';
export {
  RaftStorage,
  STORAGE_LIMITS,
  type OpenedStorage,
  type RaftStorageOptions,
  type SnapshotKeep,
  type StorageLimits,
} from './raft-storage.ts';
export type { Snapshot } from './snapshot-files.ts';
export type { LogSeal } from './file-head.ts';
