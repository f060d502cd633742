import type { Logger, Rng } from '../../base/index.ts';
import type {
  LogIndex,
  Membership,
  PeerId,
  PeerStatus,
  RaftLimits,
  Term,
  Timing,
} from '../../raft/index.ts';
import type {
  ConsensusMetrics,
  OpenedConsensus,
  Pace,
  PeerWire,
  SnapshotPolicy,
  StateMachine,
} from './ports.ts';

export interface DriverOptions<Outcome> {
  readonly id: PeerId;
  /** The driver owns it from here on, and closes it. */
  readonly opened: OpenedConsensus;
  readonly machine: StateMachine<Outcome>;
  readonly wire: PeerWire;
  readonly snapshotPolicy: () => SnapshotPolicy;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics?: ConsensusMetrics;
  readonly pace?: Pace;
  readonly timing?: Timing;
  readonly raftLimits?: Partial<RaftLimits>;
  readonly limits?: Partial<DriverLimits>;
}

export interface DriverLimits {
  /** One of the core's ticks. */
  readonly tickMs: number;
  /** After standing still, at most so many are made up for, so that nobody is doubted unfairly. */
  readonly ticksAtOnceMax: number;
  /** Commands of this process that wait or are under way; above, `propose` is busy. */
  readonly proposalsMax: number;
  readonly proposalBytesMax: number;
  /** How long a command may be tried before its outcome is given up as unknown. */
  readonly proposeMs: number;
  /** A command under way is tried again when nothing was heard of it for so long. */
  readonly retryMs: number;
  /** Callers of `readBarrier` that wait; above, it is busy. */
  readonly readsMax: number;
  readonly readMs: number;
  /**
   * How long callers wait for a leader to appear. Above the time of a usual election, so that a
   * failover is not felt; after it everything is refused at once until a leader is known.
   */
  readonly noLeaderMs: number;
  /** The event loop is given to others after so long a time of applying. */
  readonly applySliceMs: number;
  /** A snapshot is due after this many bytes of entries, however few they are. */
  readonly snapshotBytes: number;
  /** Between attempts at a write that the disk did not take. */
  readonly diskRetryMinMs: number;
  readonly diskRetryMaxMs: number;
}

export const DRIVER_LIMITS: DriverLimits = {
  tickMs: 50,
  ticksAtOnceMax: 2,
  proposalsMax: 8192,
  proposalBytesMax: 64 << 20,
  proposeMs: 10_000,
  retryMs: 1000,
  readsMax: 8192,
  readMs: 10_000,
  noLeaderMs: 1500,
  applySliceMs: 10,
  snapshotBytes: 64 << 20,
  diskRetryMinMs: 100,
  diskRetryMaxMs: 2000,
};

/** A peer as it sees itself and its group. */
export interface DriverStatus {
  readonly id: PeerId;
  readonly role: 'follower' | 'pre-candidate' | 'candidate' | 'leader';
  readonly term: Term;
  readonly leader: PeerId | undefined;
  /** The membership in effect: the latest in the log. */
  readonly membership: Membership;
  /** Whether that membership is not committed yet. */
  readonly isMembershipPending: boolean;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  /** Followers and learners as a leader knows them. */
  readonly peers: readonly PeerStatus[];
  /** The disk does not take what is to be written. */
  readonly isDiskFailing: boolean;
}
