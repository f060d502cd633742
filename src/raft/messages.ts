/**
 * What peers say to each other. Messages may be lost, repeated, reordered and late; each is safe to
 * handle at any time.
 *
 * Two kinds by when they may leave: those in `AFTER_PERSIST` promise something that a restart must
 * not forget (a vote, a term taken, entries held), so they wait until the write they came out of
 * `drain()` with is durable. All others go at once, appends too: a follower's disk works while the
 * leader's does, and the leader counts itself only when its own write is done (thesis, 10.2.1).
 */
import type {
  Command,
  Entry,
  LogIndex,
  PeerId,
  ReadId,
  SessionStamp,
  SnapshotMeta,
  Term,
} from './types.ts';

interface Envelope {
  readonly from: PeerId;
  readonly to: PeerId;
}

interface Termed extends Envelope {
  /** The sender's term, except where told otherwise. */
  readonly term: Term;
}

/**
 * Asks whether a vote would be given, before anything is changed for it (thesis, 9.6). `term` is
 * the one the sender would stand in.
 */
export interface PreVoteRequest extends Termed {
  readonly kind: 'pre-vote.request';
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

/** `term` is that of the request when granted, else the sender's own. */
export interface PreVoteReply extends Termed {
  readonly kind: 'pre-vote.reply';
  readonly isGranted: boolean;
}

export interface VoteRequest extends Termed {
  readonly kind: 'vote.request';
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The leader asked for this election, so its lease does not stand against it. */
  readonly isTransfer: boolean;
}

export interface VoteReply extends Termed {
  readonly kind: 'vote.reply';
  readonly isGranted: boolean;
}

export interface AppendRequest extends Termed {
  readonly kind: 'append.request';
  readonly previousIndex: LogIndex;
  readonly previousTerm: Term;
  /** Follow `previousIndex` without gaps; may be none. */
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

export interface AppendReply extends Termed {
  readonly kind: 'append.reply';
  readonly outcome: AppendOutcome;
}

export type AppendOutcome =
  /** The logs are equal through `match`, and the sender's is durable as far. */
  | { readonly kind: 'accepted'; readonly match: LogIndex }
  | {
      readonly kind: 'rejected';
      /** As in the request. */
      readonly previousIndex: LogIndex;
      /** The logs cannot be equal after this index. */
      readonly hintIndex: LogIndex;
      /** The sender's term there, 0 if it has forgotten. */
      readonly hintTerm: Term;
    };

export interface HeartbeatRequest extends Termed {
  readonly kind: 'heartbeat.request';
  /** Never above what the receiver is known to hold. */
  readonly commit: LogIndex;
  /** The newest round of reads, to be said back; 0 for none. */
  readonly round: number;
}

export interface HeartbeatReply extends Termed {
  readonly kind: 'heartbeat.reply';
  readonly round: number;
}

/** Handed to the core when the host has the whole snapshot; the bytes travel the host's way. */
export interface SnapshotRequest extends Termed {
  readonly kind: 'snapshot.request';
  readonly snapshot: SnapshotMeta;
}

/** Tells a follower that holds everything to stand for election at once (thesis, 3.10). */
export interface TimeoutNow extends Termed {
  readonly kind: 'timeout-now';
}

export interface ProposalForward extends Envelope {
  readonly kind: 'proposal.forward';
  readonly commands: readonly Command[];
}

/** Why a command was not appended. It has no effect, now or later, unless it is tried again. */
export type ProposalRefusalReason =
  /** No leader is known here, so nothing can be decided. */
  | 'no-leader'
  /** The peer it was forwarded to does not lead. */
  | 'not-leader'
  /** A bound is reached; try again later. */
  | 'busy'
  /** Leadership is being handed over; try again soon. */
  | 'transferring'
  | 'too-large';

export interface ProposalRefusal {
  readonly session: SessionStamp;
  readonly reason: ProposalRefusalReason;
}

export interface ProposalRefused extends Envelope {
  readonly kind: 'proposal.refused';
  readonly refusals: readonly ProposalRefusal[];
}

export interface ReadRequest extends Envelope {
  readonly kind: 'read.request';
  readonly ids: readonly ReadId[];
}

export interface ReadReply extends Envelope {
  readonly kind: 'read.reply';
  readonly ids: readonly ReadId[];
  /** Reads may be served once this is applied; `undefined` when the reads are refused. */
  readonly index: LogIndex | undefined;
}

export type Message =
  | PreVoteRequest
  | PreVoteReply
  | VoteRequest
  | VoteReply
  | AppendRequest
  | AppendReply
  | HeartbeatRequest
  | HeartbeatReply
  | SnapshotRequest
  | TimeoutNow
  | ProposalForward
  | ProposalRefused
  | ReadRequest
  | ReadReply;

export const AFTER_PERSIST = ['vote.request', 'vote.reply', 'append.reply'] as const;

/**
 * A vote.request is among them: it names a log's end, and a candidate that forgets entries or its
 * own vote in a crash must not find itself elected on the strength of them.
 */
export type MessageAfterPersist = Extract<Message, { kind: (typeof AFTER_PERSIST)[number] }>;
export type MessageAtOnce = Exclude<Message, MessageAfterPersist>;
export type TermedMessage = Extract<Message, { term: Term }>;
