import { MESSAGE_BYTES_MAX } from '../../../raft/index.ts';

export interface LinkLimits {
  readonly frameBytesMax: number;
  /** Bytes that wait for a peer that does not read; above, messages to it are dropped. */
  readonly queueBytesMax: number;
  /** Messages that wait for a connection to be made. */
  readonly dialQueueMax: number;
  /** Connections whose other end has not said who it is. */
  readonly greetingsMax: number;
  readonly greetingMs: number;
  /** A link on which nothing was said for so long says that it is there. */
  readonly pingMs: number;
  /** A link on which nothing was heard for so many times `pingMs` is dead. */
  readonly silentPingsMax: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly snapshotBytesMax: number;
  readonly snapshotChunkBytes: number;
  /** A transfer of a snapshot that stands still for so long has failed. */
  readonly snapshotIdleMs: number;
  /** Snapshots that arrive at a time. */
  readonly snapshotsMax: number;
}

export const LINK_LIMITS: LinkLimits = {
  frameBytesMax: MESSAGE_BYTES_MAX,
  queueBytesMax: 64 << 20,
  dialQueueMax: 256,
  greetingsMax: 64,
  greetingMs: 5000,
  pingMs: 1000,
  silentPingsMax: 4,
  reconnectMinMs: 50,
  reconnectMaxMs: 2000,
  snapshotBytesMax: 1 << 30,
  snapshotChunkBytes: 64 << 10,
  snapshotIdleMs: 15_000,
  snapshotsMax: 2,
};

/** A hello or a refusal, the only frames of somebody who is not known. */
export const GREETING_BYTES_MAX = 8 << 10;
