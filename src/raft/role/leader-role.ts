import { Inflights } from '../progress/inflights.ts';
import { Progress } from '../progress/progress.ts';
import type { RaftLimits } from '../options.ts';
import { nextIndex, type LogIndex, type Membership, type PeerId } from '../types.ts';
import { ReadQueue } from './read-queue.ts';

/** A handing over of leadership: until it ends or is given up, nothing new is proposed. */
export interface Transfer {
  readonly to: PeerId;
  elapsedTicks: number;
}

/** What a peer knows while, and only while, it leads. */
export class LeaderRole {
  readonly kind = 'leader';
  readonly reads: ReadQueue;
  /** Entries that no quorum holds yet. */
  readonly uncommitted = new Inflights();
  readonly peers = new Map<PeerId, Progress>();
  transfer: Transfer | undefined;
  heartbeatElapsed = 0;
  private readonly limits: RaftLimits;

  constructor(limits: RaftLimits) {
    this.limits = limits;
    this.reads = new ReadQueue(limits.readsMax);
  }

  /** Follows a change of membership: newcomers are probed from the log's end, leavers forgotten. */
  syncPeers(self: PeerId, { voters, learners }: Membership, lastIndex: LogIndex): void {
    const wanted = new Set([...voters, ...learners]);
    wanted.delete(self);
    for (const peer of this.peers.keys()) if (!wanted.has(peer)) this.peers.delete(peer);
    for (const peer of wanted) {
      if (this.peers.has(peer)) continue;
      this.peers.set(peer, new Progress(nextIndex(lastIndex), this.limits));
    }
    if (this.transfer !== undefined && !voters.includes(this.transfer.to))
      this.transfer = undefined;
  }
}
