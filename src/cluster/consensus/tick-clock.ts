/** Turns a process's time into the core's ticks. */
import { randomBelow, type Rng } from '../../base/index.ts';
import type { DriverLimits } from './options.ts';
import type { Pace } from './ports.ts';

export interface TickClockOptions {
  readonly pace: Pace;
  readonly rng: Rng;
  readonly limits: Pick<DriverLimits, 'tickMs' | 'ticksAtOnceMax'>;
  /** So many ticks are due; rarely none. */
  readonly run: (ticks: number, nowMs: number) => void;
}

export class TickClock {
  private readonly options: TickClockOptions;
  private lastMs: number;
  private stopTimer: () => void = () => undefined;

  constructor(options: TickClockOptions) {
    this.options = options;
    this.lastMs = options.pace.monotonicMs();
  }

  /** Peers that began together do not tick together, and so rarely stand at the same moment. */
  start(): void {
    const { pace, rng, limits } = this.options;
    this.stopTimer = pace.after(randomBelow(rng, limits.tickMs), () => {
      this.lastMs = pace.monotonicMs();
      this.stopTimer = pace.every(limits.tickMs, () => this.look());
    });
  }

  stop(): void {
    this.stopTimer();
  }

  private look(): void {
    const nowMs = this.options.pace.monotonicMs();
    this.options.run(this.ticksDue(nowMs), nowMs);
  }

  /** A process that stood still does not make up for all of it. */
  private ticksDue(nowMs: number): number {
    const { tickMs, ticksAtOnceMax } = this.options.limits;
    const due = Math.round((nowMs - this.lastMs) / tickMs);
    this.lastMs = due > ticksAtOnceMax ? nowMs : this.lastMs + due * tickMs;
    return Math.min(due, ticksAtOnceMax);
  }
}
