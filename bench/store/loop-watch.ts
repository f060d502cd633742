/** For how long the event loop was held at most. */
import { closeSync, openSync, readSync } from 'node:fs';
import { limitRow, median, type Row } from '../table.ts';

/** What is asked of a state as large as the fixture's. */
export const BLOCK_MS_MAX = 50;
const WHOLE_MS_MAX = 10_000;

const LOOK_MS = 1;

export interface Watched<Result> {
  readonly result: Result;
  readonly ms: number;
  readonly longestBlockMs: number;
}

/**
 * Runs `work` and tells how long it took, and the longest that nothing else had its turn. Time in
 * which the kernel gave the processor to other processes does not count: the machine is shared.
 */
export async function watched<Result>(work: () => Promise<Result>): Promise<Watched<Result>> {
  const clock = new OwnClock();
  let last = clock.ms();
  let longestBlockMs = 0;
  const look = (): void => {
    const ms = clock.ms();
    longestBlockMs = Math.max(longestBlockMs, ms - last - LOOK_MS);
    last = ms;
  };
  const timer = setInterval(look, LOOK_MS);
  const startMs = clock.ms();
  try {
    const result = await work();
    look();
    return { result, ms: clock.ms() - startMs, longestBlockMs };
  } finally {
    clearInterval(timer);
    clock.close();
  }
}

/** How long it took, and the longest block. */
export function watchedRows(what: string, runs: readonly Watched<unknown>[]): Row[] {
  const ms = median(runs.map((run) => run.ms));
  const blockMs = Math.max(...runs.map((run) => run.longestBlockMs));
  return [
    limitRow(what, ms, { max: WHOLE_MS_MAX, unit: 'ms' }),
    limitRow(`${what}, longest block`, blockMs, { max: BLOCK_MS_MAX, unit: 'ms' }),
  ];
}

/** Milliseconds in which this process's first thread ran or had nothing to do. */
class OwnClock {
  private readonly file = openSync('/proc/self/schedstat', 'r');
  private readonly buffer = Buffer.alloc(128);

  ms(): number {
    const bytes = readSync(this.file, this.buffer, 0, this.buffer.length, 0);
    // Nanoseconds on a processor, nanoseconds of waiting for one, and how often.
    const [, waitedNs] = this.buffer.toString('latin1', 0, bytes).split(' ');
    return performance.now() - Number(waitedNs) / 1e6;
  }

  close(): void {
    closeSync(this.file);
  }
}
