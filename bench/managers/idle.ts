/** What the agents of five managers use when nobody asks for anything. */
import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { limitRow, median, type Row } from '../table.ts';
import { agents, withFive } from './five.ts';

/** Until nothing that follows from a start is left to do, or to compile. */
const SETTLE_MS = 90_000;
const ROUNDS = 3;
const ROUND_MS = 30_000;
const GOAL = { max: 1, unit: '% of a core' };
const MEMORY_GOAL = { max: 120, unit: 'MB' };

interface Figures {
  readonly leader: number;
  readonly follower: number;
}

export async function idleRows(): Promise<Row[]> {
  return withFive(async () => {
    await delay(SETTLE_MS);
    const rounds: Figures[] = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measure());
    const of = (part: keyof Figures): number => median(rounds.map((figures) => figures[part]));
    return [
      limitRow('idle leader of five managers', of('leader'), GOAL),
      limitRow('idle follower of five managers, median', of('follower'), GOAL),
      limitRow('memory of the largest of them', await largestMegabytes(), MEMORY_GOAL),
    ];
  });
}

async function measure(): Promise<Figures> {
  const [leader, ...followers] = await agents();
  if (leader === undefined) throw new Error('nobody leads');
  const pids = [leader, ...followers].map(({ pid }) => pid);
  const before = await Promise.all(pids.map(processorMs));
  const startMs = performance.now();
  await delay(ROUND_MS);
  const after = await Promise.all(pids.map(processorMs));
  const spanMs = performance.now() - startMs;
  const [ofLeader = Number.NaN, ...ofFollowers] = after.map(
    (ms, at) => ((ms - (before[at] ?? 0)) / spanMs) * 100,
  );
  return { leader: ofLeader, follower: median(ofFollowers) };
}

/** Of all threads, as the scheduler counts it: clock ticks are too coarse for so little. */
async function processorMs(pid: number): Promise<number> {
  let nanoseconds = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
    nanoseconds += Number(text.split(' ')[0]);
  }
  return nanoseconds / 1e6;
}

async function largestMegabytes(): Promise<number> {
  const sizes = (await agents()).map(async ({ pid }) => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+([0-9]+) kB/.exec(status)?.[1]) / 1024;
  });
  return Math.max(...(await Promise.all(sizes)));
}
