/** What a peer knows of its group, who is told when it changes, and for how long nobody leads. */
import { messageOf, type Logger } from '../../base/index.ts';
import type { Raft } from '../../raft/index.ts';
import type { DriverLimits, DriverStatus } from './options.ts';
import type { Pace } from './ports.ts';

/** What listeners are told of when it changes. */
type Told = Pick<
  DriverStatus,
  'role' | 'term' | 'leader' | 'membership' | 'isMembershipPending' | 'isDiskFailing'
>;

export interface StatusWatchOptions {
  readonly raft: Raft;
  readonly isDiskFailing: () => boolean;
  readonly limits: DriverLimits;
  readonly pace: Pace;
  readonly logger: Logger;
}

export class StatusWatch {
  private readonly options: StatusWatchOptions;
  private readonly listeners = new Set<(status: DriverStatus) => void>();
  /** Since when no leader is known; `undefined` while one is. */
  private leaderlessSinceMs: number | undefined;
  private told: Told;

  constructor(options: StatusWatchOptions) {
    this.options = options;
    this.leaderlessSinceMs = options.pace.monotonicMs();
    this.told = this.toTell();
  }

  get status(): DriverStatus {
    const { id, commit, applied, peers } = this.options.raft;
    return { id, ...this.toTell(), commit, applied, peers };
  }

  /**
   * Nobody has led for longer than an election takes. A group of one has its leader as soon as the
   * disk has taken its vote.
   */
  get isLeaderMissed(): boolean {
    const { limits, pace, raft } = this.options;
    const { voters } = raft.membership;
    if (voters.length === 1 && voters[0] === raft.id) return false;
    const since = this.leaderlessSinceMs;
    return since !== undefined && pace.monotonicMs() - since >= limits.noLeaderMs;
  }

  onStatus(listener: (status: DriverStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells listeners of what changed. Whether the leader did. */
  look(nowMs: number): boolean {
    const before = this.told;
    this.told = this.toTell();
    if (this.told.leader === undefined) this.leaderlessSinceMs ??= nowMs;
    else this.leaderlessSinceMs = undefined;
    if (!isSame(before, this.told)) this.tell();
    return before.leader !== this.told.leader || before.term !== this.told.term;
  }

  private toTell(): Told {
    const { role, term, leader, membership, isMembershipPending } = this.options.raft;
    const isDiskFailing = this.options.isDiskFailing();
    return { role, term, leader, membership, isMembershipPending, isDiskFailing };
  }

  private tell(): void {
    const { status } = this;
    for (const listener of [...this.listeners]) {
      try {
        listener(status);
      } catch (error) {
        const fields = { error: messageOf(error) };
        this.options.logger.error(fields, 'a listener to the consensus status failed');
      }
    }
  }
}

function isSame(a: Told, b: Told): boolean {
  return (
    a.role === b.role &&
    a.term === b.term &&
    a.leader === b.leader &&
    a.membership === b.membership &&
    a.isMembershipPending === b.isMembershipPending &&
    a.isDiskFailing === b.isDiskFailing
  );
}
