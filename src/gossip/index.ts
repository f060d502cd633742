/**
 * gossip: who is in the cluster, who is well, and the fast facts of the networks that they share.
 *
 * Decides: whom to probe and when, when silence becomes suspicion and suspicion death, what is told
 * to whom, which of two claims holds. SWIM (Das, Gupta, Motivala, 2002) with Lifeguard's local
 * health (Dadgar, Phillips, Currey, 2017), in memberlist's words; `tables/` holds the networks'
 * rows. Never sends, waits or listens: packets and frames come through `step`, time through `tick`,
 * what is to be done out of `drain`, when to come again out of `nextDeadline`. It does not say who
 * may take part: whoever holds a key of the ring is believed about others, so ids are only as safe
 * as the keys (see `members/rules.ts` for what a namesake can and cannot do).
 *
 * Limits: `GOSSIP_LIMITS`. 5,000 members by default, packets of 1,400 bytes, frames of 64 KiB.
 *
 * The duties of a host, in a loop around one `Gossip`:
 *  1. Bind UDP and TCP to one port. Give each datagram to `step`; for each connection that a peer
 *     makes ask `tryAcceptStream`, and close it when there is no room. On a connection, frames
 *     stand behind a length of 4 bytes; give each whole frame to `step`, refuse those beyond
 *     `frameBytesMax`, say `stream.writable` when those to be sent are written and `stream.closed`
 *     when it ended without being asked to.
 *  2. Call `tick` at `nextDeadline`, or a little later; ask for it after each call, and after each
 *     write of a row. One clock that never goes back for all.
 *  3. After each of these `drain`, and do what it says in its order. Everything may fail; nothing
 *     is reported but the end of streams. Before a `tick` that comes late, read what the sockets
 *     hold: it may be what the tick would miss.
 *  4. Implement `PacketSeal` with a cipher over a `KeyRing` (AES-256-GCM: fewer than 2^32 packets
 *     for each key, NIST SP 800-38D, 8.3). Managers move the ring along a `KeyRotation`.
 *  5. Tell both the core and the tables which networks this node has, the tables first.
 *  6. Give each life a greater first incarnation than the last, if a clock is at hand; say `leave`
 *     before an orderly end and go on until `self.left`.
 *
 * Start with `gossip.ts` (the whole interface) and `effects.ts`, then `members/rules.ts` (which
 * claim holds), `probe/` (failure detection), `spread/` (gossip), `sync/sync.ts` (push/pull),
 * `wire/` (bytes), and `tables/network-tables.ts`.
 */
export { Gossip } from './gossip.ts';
export type { Deadline, Effect, Input, MemberEvent, StreamId } from './effects.ts';
export { GossipError, type GossipErrorDetail } from './errors.ts';
export {
  DEFAULT_TIMING,
  GOSSIP_LIMITS,
  type GossipLimits,
  type GossipOptions,
  type GossipTiming,
} from './options.ts';
export type { Counters as GossipCounters } from './counters.ts';
export type { MemberView } from './members/member.ts';
export type { PeerAddress } from './wire/address.ts';
export { META_BYTES_MAX, type Incarnation, type ProtocolRange } from './wire/messages.ts';
export type { PacketSeal } from './keys/seal.ts';
export {
  KEY_BYTES,
  KEYS_MAX,
  KeyRing,
  type GossipKey,
  type KeyId,
  type RingPlan,
} from './keys/key-ring.ts';
export {
  beginRotation,
  firstRotation,
  noteFollowed,
  noteGone,
  type KeyRotation,
} from './keys/key-rotation.ts';
export {
  NetworkTables,
  type JoinOutcome,
  type NetworkTablesOptions,
  type OwnRowName,
  type RowView,
  type WriteOutcome,
} from './tables/network-tables.ts';
export type { RowChange } from './tables/change-log.ts';
export type { RowName } from './tables/rows/row.ts';
export {
  FACT_KINDS,
  decodeFact,
  encodeFact,
  factKey,
  type AcknowledgedFact,
  type EndpointFact,
  type Fact,
  type FactAddress,
} from './tables/facts.ts';
