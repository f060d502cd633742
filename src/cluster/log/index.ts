/**
 * cluster/log: durable order. A write-ahead log of proposals, snapshots of what they made, and the
 * loop between them.
 *
 * Input: opaque entries. Output: the state machine's outcome of each, once it is durable.
 * Guarantees and file formats are told in `wal.ts` and `frame.ts`; limits in `LOG_LIMITS`. Start
 * with `single/replicated-log.ts`.
 */
export {
  LOG_LIMITS,
  ReplicatedLog,
  type LogLimits,
  type ReplicatedLogOptions,
  type StateMachine,
} from './single/replicated-log.ts';
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
export type { LogEntry, LogIndex, Term } from './single/entry.ts';
