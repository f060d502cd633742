/**
 * raft: how a few peers agree on one log although any minority of them may fail.
 *
 * Decides: who leads, which entries are committed and in which order, who takes part, from which
 * index on a read is linearizable. Never waits, writes, sends or applies: time is counted in
 * `tick`, messages come through `step`, and what is to be done comes out of `drain`. Guide: Ongaro
 * and Ousterhout's paper ("paper") and Ongaro's dissertation ("thesis"); pre-vote, check-quorum and
 * the leader's lease against disturbers are always on.
 * Limits: `RAFT_LIMITS`, 1 to 7 voters. What goes beyond a limit is refused as `busy`, and counted.
 *
 * The duties of a host, in a loop around one `Raft`:
 *  1. Feed it: `step` for each message, `tick` at even times, commands as they come. Then `drain`
 *     once; so many proposals share a write and an append, and many reads a round of heartbeats.
 *  2. Send `ready.messages` at once, in order for each peer. They may be lost; a lost connection is
 *     told with `reportUnreachable`.
 *  3. Make `ready.write` durable as a whole: install its snapshot (state machine and log begin
 *     anew), put its entries in place of whatever the log holds from the first one's index on,
 *     replace the hard state. Show it in the `LogReader`. Only then send `write.messages`, and call
 *     `advance({ persisted })`. If the disk fails, try again, or stop: never leave a write out.
 *  4. Meanwhile go on with 1, 2 and 5. The next write comes when this one is done, with everything
 *     that has gathered.
 *  5. Apply `ready.committed` in order (a membership or empty entry changes no state), commands
 *     through a `SessionTable`; then `advance({ applied })`, which brings the next ones.
 *  6. Answer each of `ready.reads` when its index is applied. Give reads and forwarded commands a
 *     deadline: what concerns them may be lost. Commands are then tried again under the same stamp.
 *  7. Take snapshots at an applied index with `membershipAt` of that index; when one is durable,
 *     show it in the `LogReader` and forget entries before it, but keep some for slow followers.
 *  8. A `snapshot.request` in `ready.messages` means: bring that peer the newest snapshot in
 *     chunks, then the request with that snapshot's meta, which it passes to `step`; it installs
 *     the bytes only when a write says so. Then `reportSnapshot`, also when it failed.
 *  9. After a restart give back the newest hard state and log. A peer whose disk is lost is removed
 *     and comes back under another id.
 *
 * Start with `raft.ts` (the whole interface), `ready.ts` and `messages.ts` (the two outboxes), then
 * `role/` (the rules, one file for each role), `log/raft-log.ts` and `membership/history.ts`; how
 * messages and entries look as bytes is in `wire/layout.ts`.
 */
export { Raft, type PeerStatus } from './raft.ts';
export {
  DEFAULT_TIMING,
  LEARNERS_MAX,
  RAFT_LIMITS,
  VOTERS_MAX,
  type RaftLimits,
  type RaftOptions,
  type Timing,
} from './options.ts';
export { RaftError, type RaftErrorDetail } from './errors.ts';
export type { Done, ReadState, Ready, Write } from './ready.ts';
export {
  AFTER_PERSIST,
  type AppendOutcome,
  type Message,
  type MessageAfterPersist,
  type MessageAtOnce,
  type ProposalRefusal,
  type ProposalRefusalReason,
  type SnapshotRequest,
} from './messages.ts';
export type { StepOutcome, StepRefusal } from './role/step.ts';
export type {
  MembershipOutcome,
  MembershipRefusal,
  ProposalOutcome,
  ReadOutcome,
  TransferOutcome,
} from './role/proposals.ts';
export type { RaftCounters } from './role/core.ts';
export type { ChangeRefusal, MembershipChange } from './membership/change.ts';
export type { LogReader } from './log/log-reader.ts';
export { MemoryLog } from './log/memory-log.ts';
export {
  SESSION_LIMITS,
  SessionTable,
  type SessionCheck,
  type SessionLimits,
  type SessionSnapshot,
} from './session-table.ts';
export { decodeMessage } from './wire/decode-message.ts';
export { encodeMessage, encodedBytes } from './wire/encode-message.ts';
export { MESSAGE_BYTES_MAX } from './wire/layout.ts';
export type { Allocate } from './wire/writer.ts';
export {
  decodeEntry,
  decodeHardState,
  decodeMembership,
  decodeSnapshotMeta,
  encodeEntry,
  encodeHardState,
  encodeMembership,
  encodeSnapshotMeta,
} from './wire/records.ts';
export {
  NO_INDEX,
  NO_TERM,
  entryBytes,
  type ClientId,
  type Command,
  type Entry,
  type HardState,
  type LogIndex,
  type Membership,
  type Payload,
  type PeerId,
  type ReadId,
  type SessionStamp,
  type SnapshotMeta,
  type Term,
  type WriteId,
} from './types.ts';
