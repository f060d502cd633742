/**
 * What members say to each other. Messages may be lost, repeated, reordered and late; each is safe
 * to handle at any time.
 */
import type { Brand } from '../../base/index.ts';
import type { NetworkId, NodeId } from '../../model/index.ts';
import type { PeerAddress } from './address.ts';

/**
 * 32 bits that stand for a member where its whole id is not worth its bytes. Two members may share
 * one by chance: every use only costs time then, never correctness.
 */
export type MemberHash = Brand<number, 'MemberHash'>;

/** How often a member was born or has refuted, 0 to `INCARNATION_MAX`. Only it raises its own. */
export type Incarnation = Brand<number, 'Incarnation'>;

/** Pairs a question with its answers; 32 bits. */
export type Sequence = Brand<number, 'Sequence'>;

/** Counts what a member has said of its networks, 0 to 2^32 - 1. Only it raises its own. */
export type NetworkTime = Brand<number, 'NetworkTime'>;

/**
 * Leaves room above for every refutation to come, even when incarnations start as seconds since
 * the epoch (this one is in 2104). A message beyond it is refused, so nobody can push a member to
 * the end of its numbers.
 */
export const INCARNATION_MAX = 0xfd00_0000 as Incarnation;
export const NETWORK_TIME_MAX = 0xfd00_0000 as NetworkTime;
export const ID_BYTES_MAX = 64;
/** As memberlist's. */
export const META_BYTES_MAX = 512;
/** More accusers make a suspicion no faster. */
export const ACCUSERS_MAX = 8;
/** Buckets of a `Digest`, one 32-bit word for each. */
export const DIGEST_BUCKETS = 32;

/** Versions of this protocol that a member can speak, both inclusive. */
export interface ProtocolRange {
  readonly min: number;
  readonly max: number;
}

/** "Are you there?" Also who is meant and who asks, since addresses are handed on. */
export interface Ping {
  readonly kind: 'ping';
  readonly sequence: Sequence;
  readonly target: MemberHash;
  readonly source: MemberHash;
}

export interface Ack {
  readonly kind: 'ack';
  readonly sequence: Sequence;
}

/** "I am well, but the one you asked me to ping does not answer" (Lifeguard, section IV.A). */
export interface Nack {
  readonly kind: 'nack';
  readonly sequence: Sequence;
}

/** "Ping this one for me." */
export interface PingRequest {
  readonly kind: 'ping.request';
  readonly sequence: Sequence;
  readonly target: MemberHash;
  readonly address: PeerAddress;
}

export interface Alive {
  readonly kind: 'alive';
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  readonly address: PeerAddress;
  readonly protocol: ProtocolRange;
  /** The host's, opaque here; at most `META_BYTES_MAX`. */
  readonly meta: Uint8Array;
}

export interface Suspect {
  readonly kind: 'suspect';
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  /** Who got no answer, 1 to `ACCUSERS_MAX`, each once: so confirmations travel together. */
  readonly accusers: readonly MemberHash[];
}

export interface Dead {
  readonly kind: 'dead';
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  readonly accuser: MemberHash;
}

/** Said by the member itself only. */
export interface Left {
  readonly kind: 'left';
  readonly id: NodeId;
  readonly incarnation: Incarnation;
}

/** A member has joined a network, or left it. */
export interface NetworkNews {
  readonly kind: 'network';
  readonly id: NodeId;
  readonly network: NetworkId;
  readonly time: NetworkTime;
  readonly isJoined: boolean;
}

/**
 * A message of the tables of rows, opaque here. Only to members that have the network that it is
 * about.
 */
export interface Rows {
  readonly kind: 'rows';
  readonly source: MemberHash;
  readonly bytes: Uint8Array;
}

/** Opens a push/pull, and answers it. */
export interface SyncHello {
  readonly kind: 'sync.hello';
  readonly id: NodeId;
  readonly protocol: ProtocolRange;
  /** What the sender holds of each bucket; see members/digest.ts. `DIGEST_BUCKETS` words. */
  readonly digest: Uint32Array;
}

/** The sender has nothing to say to anything that it has heard so far. */
export interface SyncDone {
  readonly kind: 'sync.done';
  /** Messages of the other side that it has heard on this stream, other `sync.done`s left out. */
  readonly heard: number;
}

/** What may travel by itself between members, in packets and in streams. */
export type News = Alive | Suspect | Dead | Left | NetworkNews;

export type Message = Ping | Ack | Nack | PingRequest | News | Rows | SyncHello | SyncDone;
