/** How long a core waits, and how much of everything it holds. */
import type { Rng } from '../base/index.ts';
import { RaftError } from './errors.ts';
import type { LogReader } from './log/log-reader.ts';
import type { HardState, LogIndex, PeerId } from './types.ts';

/** The most voters that pay: seven survive three failures, and each write waits for four disks. */
export const VOTERS_MAX = 7;
export const LEARNERS_MAX = 7;

/** In ticks, whose length is the host's. */
export interface Timing {
  /** A leader speaks to each follower at least this often. */
  readonly heartbeatTicks: number;
  /**
   * A follower that hears nothing this long doubts its leader, and stands for election after
   * `(electionTicks, 2 * electionTicks]`, drawn anew each time. A leader that hears no quorum this
   * long steps down. More: fewer elections on slow networks. Less: shorter outages.
   */
  readonly electionTicks: number;
}

/** With 50 ms ticks: heartbeats each 100 ms, a dead leader is replaced within about a second. */
export const DEFAULT_TIMING: Timing = { heartbeatTicks: 2, electionTicks: 10 };

export interface RaftLimits {
  /** A larger command is refused as too large. */
  readonly entryBytesMax: number;
  /** Entries in one append; a single larger entry still goes, alone. */
  readonly appendBytesMax: number;
  /** Appends on their way to one follower: the product with the delay is the throughput. */
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** A leader's entries that no quorum holds; above, proposals are busy. */
  readonly uncommittedBytesMax: number;
  /** Entries that wait for this peer's disk; above, proposals and appends are busy. */
  readonly unstableBytesMax: number;
  /** Entries in one `Ready.committed`; a single larger entry still comes, alone. */
  readonly applyBytesMax: number;
  /** A leader's reads that wait for a quorum; above, reads are busy. */
  readonly readsMax: number;
  /** Messages that wait for `drain`; above, everything that would add one is busy. */
  readonly outboxMessagesMax: number;
  /** A learner that lacks more entries than this is not promoted. */
  readonly promoteLagEntriesMax: number;
}

export const RAFT_LIMITS: RaftLimits = {
  entryBytesMax: 16 << 20,
  appendBytesMax: 1 << 20,
  inflightMessagesMax: 256,
  inflightBytesMax: 32 << 20,
  uncommittedBytesMax: 64 << 20,
  unstableBytesMax: 128 << 20,
  applyBytesMax: 4 << 20,
  readsMax: 8192,
  outboxMessagesMax: 16_384,
  promoteLagEntriesMax: 1024,
};

export interface RaftOptions {
  readonly id: PeerId;
  /** What is durable here. */
  readonly log: LogReader;
  /** The newest durable one; `undefined` for a peer that never had any. */
  readonly hardState?: HardState;
  /** From `Write.commit`; an older one, or none, is as safe. */
  readonly commit?: LogIndex;
  /** Through where the host's state machine is. The snapshot's index when left out. */
  readonly applied?: LogIndex;
  readonly rng: Rng;
  readonly timing?: Timing;
  readonly limits?: Partial<RaftLimits>;
}

/** Throws `RaftError` for values with which no group would work. */
export function limitsOf(options: RaftOptions): RaftLimits {
  const limits = { ...RAFT_LIMITS, ...options.limits };
  for (const [option, value] of Object.entries<number>(limits)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new RaftError({ code: 'bad-option', option }, `${option} must be at least 1`);
  }
  return limits;
}

/** Throws `RaftError` for values with which no leader would last. */
export function timingOf({ timing = DEFAULT_TIMING }: RaftOptions): Timing {
  const { heartbeatTicks, electionTicks } = timing;
  if (!Number.isSafeInteger(heartbeatTicks) || heartbeatTicks < 1) {
    const detail = { code: 'bad-option', option: 'heartbeatTicks' } as const;
    throw new RaftError(detail, 'heartbeatTicks must be at least 1');
  }
  if (!Number.isSafeInteger(electionTicks) || electionTicks <= heartbeatTicks) {
    const detail = { code: 'bad-option', option: 'electionTicks' } as const;
    throw new RaftError(detail, 'electionTicks must be greater than heartbeatTicks');
  }
  return timing;
}
