/**
 * What nodes that share a network tell each other about its rows.
 *
 * `news` is gossip. A push/pull begins with a `digest` of every owner, answered with a digest of
 * those that differ; each side then `pull`s what it lacks and gets it as `rows`. Every message can
 * be lost, repeated or late: it says what its sender knows, and asks for what the receiver of the
 * answer needs next, so nobody keeps a conversation in mind.
 */
import type { NetworkId, NodeId } from '../../../model/index.ts';
import type { LamportTime, Row } from '../rows/row.ts';

/** A version of a row, and that its owner wrote nothing else in `(since, row.time)`. */
export interface NewsItem {
  readonly owner: NodeId;
  /** `since < row.time`. */
  readonly since: LamportTime;
  readonly row: Row;
}

export interface News {
  readonly kind: 'news';
  readonly networkId: NetworkId;
  readonly items: readonly NewsItem[];
}

/** What the sender has of one owner. */
export interface DigestEntry {
  readonly owner: NodeId;
  /** Through which time it is complete. */
  readonly mark: LamportTime;
  /** Live rows, and the sum of their hashes (u32). */
  readonly count: number;
  readonly hash: number;
}

/** Sorted by owner. */
export interface Digest {
  readonly kind: 'digest';
  readonly networkId: NetworkId;
  /**
   * Present when an answer is wanted: owners in `(after, through]` that are not listed are unknown
   * to the sender. An absent one is the end.
   */
  readonly range?: { readonly after?: NodeId; readonly through?: NodeId };
  readonly entries: readonly DigestEntry[];
}

export interface PullEntry {
  readonly owner: NodeId;
  /** Rows written after this time are wanted. */
  readonly since: LamportTime;
  /** The `floor` of the sweep that goes on here; 0 when none is under way. */
  readonly sweep: LamportTime;
}

export interface Pull {
  readonly kind: 'pull';
  readonly networkId: NetworkId;
  readonly entries: readonly PullEntry[];
}

/**
 * Rows of one owner in the order of their times. When `isLast`, rows after `through` follow that
 * the sender has by chance.
 */
export interface Section {
  readonly owner: NodeId;
  /**
   * A part of a sweep: all rows of the owner, told in sections from time 0 on, because the receiver
   * may lack deletions that are forgotten. What a whole sweep does not name is gone.
   */
  readonly isSweep: boolean;
  readonly since: LamportTime;
  readonly through: LamportTime;
  /** Deletions up to here may be forgotten. */
  readonly floor: LamportTime;
  readonly isLast: boolean;
  readonly rows: readonly Row[];
}

export interface Rows {
  readonly kind: 'rows';
  readonly networkId: NetworkId;
  readonly sections: readonly Section[];
  /** What did not fit, to be pulled next. */
  readonly rest: readonly PullEntry[];
}

export type TableMessage = News | Digest | Pull | Rows;
