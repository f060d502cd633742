import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../../../src/base/index.ts';
import type { Timers } from '../../../../src/node/reconcile/index.ts';

/** A clock that goes when it is told to, and the timers that hang on it. */
export class ManualTime implements Clock, Timers {
  private nowMs = 1_000_000;
  private readonly alarms = new Map<number, { readonly atMs: number; readonly run: () => void }>();
  private alarmsSet = 0;

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    this.alarmsSet += 1;
    const id = this.alarmsSet;
    this.alarms.set(id, { atMs: this.nowMs + delayMs, run: callback });
    return () => this.alarms.delete(id);
  }

  /**
   * Lets `durationMs` pass: alarms ring in order, and what they start runs to its end before the
   * next.
   */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    await idle();
    for (;;) {
      const next = [...this.alarms].sort(([, one], [, other]) => one.atMs - other.atMs)[0];
      if (next === undefined || next[1].atMs > endMs) break;
      this.alarms.delete(next[0]);
      this.nowMs = Math.max(this.nowMs, next[1].atMs);
      next[1].run();
      await idle();
    }
    this.nowMs = endMs;
  }
}

/** What promises and immediates of a fake kernel need to come to rest. */
async function idle(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await turn();
}
