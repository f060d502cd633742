/**
 * The words of the room: who, when, where in the log, and what an entry holds. Raw numbers and
 * strings become these at the host's codec and nowhere else.
 */
import type { Brand } from '../base/index.ts';

/**
 * A member of the consensus group. Stands for one disk: a peer that lost its disk comes back under
 * another id, because its votes are forgotten. 1 to 255 characters of visible ASCII.
 */
export type PeerId = Brand<string, 'PeerId'>;

/** An election's number, from 1; 0 before the first. At most one leader in each. */
export type Term = Brand<number, 'Term'>;

/** An entry's place in the log, from 1 without gaps; 0 stands for the beginning. */
export type LogIndex = Brand<number, 'LogIndex'>;

/**
 * Who makes a command, across retries. A client that forgets its sequence takes a new id. 1 to 255
 * characters of visible ASCII.
 */
export type ClientId = Brand<string, 'ClientId'>;

/** A read's name, chosen by the host, unique among its reads that wait. */
export type ReadId = Brand<number, 'ReadId'>;

/** Names one `Write` until it is durable. */
export type WriteId = Brand<number, 'WriteId'>;

export const NO_TERM = 0 as Term;
export const NO_INDEX = 0 as LogIndex;

/** What makes a retried command recognisable, see `SessionTable`. */
export interface SessionStamp {
  readonly client: ClientId;
  /** From 1; one per command, the same when it is tried again. */
  readonly sequence: number;
  /**
   * Every sequence below was answered and will not be tried again. `1 <= floor <= sequence`. Set by
   * the client.
   */
  readonly floor: number;
  /** What the client's peer had applied when the session began. */
  readonly since: LogIndex;
}

/** A command of the state machine: opaque bytes that may be tried again. */
export interface Command {
  readonly data: Uint8Array;
  readonly session: SessionStamp;
}

/**
 * Who takes part. Voters elect and commit; learners only receive. Both lists are sorted and share
 * no peer.
 */
export interface Membership {
  readonly voters: readonly PeerId[];
  readonly learners: readonly PeerId[];
}

export type Payload =
  /** A new leader's first entry, which commits everything before it (paper, section 5.4.2). */
  | { readonly kind: 'empty' }
  | { readonly kind: 'command'; readonly command: Command }
  /** The whole membership as it is from this entry on. */
  | { readonly kind: 'membership'; readonly membership: Membership };

export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly payload: Payload;
}

/** What a voter must remember across a restart besides its log. */
export interface HardState {
  readonly term: Term;
  readonly vote: PeerId | undefined;
}

/**
 * What the core knows of a snapshot; its bytes are the host's. A new group begins with index 0,
 * term 0 and its first members; a peer that is to be added begins with no members at all.
 */
export interface SnapshotMeta {
  /** The last entry whose effect the snapshot holds. */
  readonly index: LogIndex;
  readonly term: Term;
  /** As of `index`: no later change, committed or not. */
  readonly membership: Membership;
}

/** What an entry costs beside its data: term, index, stamp and framing. */
const ENTRY_OVERHEAD_BYTES = 64;
const PEER_BYTES = 32;

/** What an entry counts for in every bound of this room. Roughly its size on the wire. */
export function entryBytes({ payload }: Entry): number {
  switch (payload.kind) {
    case 'empty':
      return ENTRY_OVERHEAD_BYTES;
    case 'command':
      return commandBytes(payload.command);
    case 'membership': {
      const { voters, learners } = payload.membership;
      return ENTRY_OVERHEAD_BYTES + PEER_BYTES * (voters.length + learners.length);
    }
  }
}

/** What the entry of a command counts for. */
export function commandBytes({ data }: Command): number {
  return ENTRY_OVERHEAD_BYTES + data.length;
}

export function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

export function nextIndex(index: LogIndex): LogIndex {
  return (index + 1) as LogIndex;
}

export function previousIndex(index: LogIndex): LogIndex {
  return (index - 1) as LogIndex;
}

export function minIndex(a: LogIndex, b: LogIndex): LogIndex {
  return a < b ? a : b;
}

export function maxIndex(a: LogIndex, b: LogIndex): LogIndex {
  return a > b ? a : b;
}
