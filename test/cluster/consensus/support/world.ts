/** Time, disks and wires for drivers in one process, turned by the test: one seed, one run. */
import type { Pace } from '../../../../src/cluster/consensus/index.ts';

interface Event {
  readonly atMs: number;
  readonly run: () => void;
}

/** Virtual time. What is due runs in the order of its time, then of its making. */
export class World {
  private nowMs = 1000;
  private events: Event[] = [];
  private soonQueue: (() => void)[] = [];

  get now(): number {
    return this.nowMs;
  }

  after(ms: number, run: () => void): void {
    this.events.push({ atMs: this.nowMs + ms, run });
  }

  pace(): Pace {
    return {
      monotonicMs: () => this.nowMs,
      every: (ms, run) => {
        let isStopped = false;
        const again = (): void => {
          if (isStopped) return;
          run();
          this.after(ms, again);
        };
        this.after(ms, again);
        return () => {
          isStopped = true;
        };
      },
      after: (ms, run) => {
        let isStopped = false;
        this.after(ms, () => {
          if (!isStopped) run();
        });
        return () => {
          isStopped = true;
        };
      },
      soon: (run) => this.soonQueue.push(run),
    };
  }

  /** Runs until `condition` holds; throws, saying what was awaited, when it does not in time. */
  async until(what: string, condition: () => boolean, limitMs = 20_000): Promise<void> {
    const endMs = this.nowMs + limitMs;
    await this.settle();
    while (!condition()) {
      if (this.nowMs >= endMs) throw new Error(`waited ${limitMs} ms in vain for: ${what}`);
      await this.advance(1);
    }
  }

  async run(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await this.settle();
    while (this.nowMs < endMs) await this.advance(1);
  }

  /** The outcome of a promise, in virtual time. */
  async outcomeOf<T>(promise: Promise<T>, limitMs = 30_000): Promise<T> {
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    promise.then(done, done);
    await this.until('a promise to settle', () => isDone, limitMs);
    return promise;
  }

  /** The process stands still: time passes, and nothing runs. */
  standStill(ms: number): void {
    this.nowMs += ms;
  }

  private async advance(ms: number): Promise<void> {
    this.nowMs += ms;
    await this.settle();
    while (this.events.some(({ atMs }) => atMs <= this.nowMs)) {
      const [event] = this.events.splice(this.earliest(), 1);
      event?.run();
      await this.settle();
    }
  }

  private earliest(): number {
    let best = 0;
    for (const [at, { atMs }] of this.events.entries())
      if (atMs < (this.events[best]?.atMs ?? 0)) best = at;
    return best;
  }

  /** Everything that follows without time passing. */
  private async settle(): Promise<void> {
    await turn();
    while (this.soonQueue.length > 0) {
      for (const run of this.soonQueue.splice(0)) run();
      await turn();
    }
  }
}

/** One turn of the real event loop, in which settled promises are heard. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
