/**
 * How well this node itself keeps up: 0 when all is well, up to `max`. A node that often misses
 * acks and nacks, is late with its own work or has to refute suspicions is likely slow itself, so
 * it waits longer before it doubts others (Lifeguard, section IV.A, "local health aware probe").
 */
export class Awareness {
  private readonly max: number;
  private current = 0;

  constructor(max: number) {
    this.max = max;
  }

  get score(): number {
    return this.current;
  }

  /** Worse by a positive `delta`. */
  apply(delta: number): void {
    this.current = Math.min(this.max, Math.max(0, this.current + delta));
  }

  /** An interval or timeout at this health: `ms * (score + 1)`. */
  scale(ms: number): number {
    return ms * (this.current + 1);
  }
}
