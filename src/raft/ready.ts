import type { MessageAfterPersist, MessageAtOnce, ProposalRefusal } from './messages.ts';
import type { Entry, HardState, LogIndex, ReadId, SnapshotMeta, WriteId } from './types.ts';

/**
 * What a host has to do for the core; see the duties in `index.ts`. Every part may be empty, and
 * the parts are independent of each other except where told.
 */
export interface Ready {
  /** The first outbox: may go at once, before and while `write` is on its way to the disk. */
  readonly messages: readonly MessageAtOnce[];
  /** What must become durable, with the second outbox in it. One at a time. */
  readonly write: Write | undefined;
  /** To apply, in order. The next ones come after `advance({ applied })`. */
  readonly committed: readonly Entry[];
  /** Reads that may be served as soon as `index` is applied. */
  readonly reads: readonly ReadState[];
  /** Reads that will get no answer. The host may ask again. */
  readonly lostReads: readonly ReadId[];
  /** Forwarded commands that the leader did not take. */
  readonly refusals: readonly ProposalRefusal[];
}

/** Everything in it is durable together, or `advance` is not called. */
export interface Write {
  readonly id: WriteId;
  /**
   * To install first: the state machine's state and the log's beginning, both replaced. The log
   * goes on after `snapshot.index` and holds nothing else.
   */
  readonly snapshot: SnapshotMeta | undefined;
  /** To append; they replace whatever the log holds from the first one's index on. */
  readonly entries: readonly Entry[];
  /** To replace, when there is one. Durable no later than `entries`. */
  readonly hardState: HardState | undefined;
  /** Worth noting beside the entries: a restart goes on from here. Losing it costs only time. */
  readonly commit: LogIndex;
  /**
   * False when nothing but `messages` is in it: send them and advance without touching the disk.
   */
  readonly needsSync: boolean;
  /** The second outbox: must not leave before the rest of this write is durable. */
  readonly messages: readonly MessageAfterPersist[];
}

export interface ReadState {
  readonly id: ReadId;
  readonly index: LogIndex;
}

/** What the host reports back from a `Ready`. */
export interface Done {
  /** This write, whole, is durable and its messages are on their way. */
  readonly persisted?: WriteId;
  /** Every entry through this index is applied. */
  readonly applied?: LogIndex;
}
