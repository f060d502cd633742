/** A machine's clocks: off by a little, and perhaps too fast. */
import type { EventQueue } from '../../raft/sim/event-queue.ts';

/** Wall clock time at which runs begin. */
const EPOCH_MS = 1_700_000_000_000;

export class NodeClock {
  private readonly queue: EventQueue;
  private readonly skewMs: number;
  /** Above 1 for a clock that runs fast. */
  private readonly pace: number;

  constructor(queue: EventQueue, { skewMs, pace }: { skewMs: number; pace: number }) {
    this.queue = queue;
    this.skewMs = skewMs;
    this.pace = pace;
  }

  wallMs(): number {
    return Math.floor(EPOCH_MS + this.queue.now * this.pace + this.skewMs);
  }

  /** Whole milliseconds that have passed by this clock. */
  monotonicMs(): number {
    return Math.floor(this.queue.now * this.pace);
  }

  /** How long a timer of this many milliseconds really takes here. */
  span(ms: number): number {
    return Math.round(ms / this.pace);
  }
}
