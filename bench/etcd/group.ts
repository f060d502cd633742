/** A group of members that runs, whatever it is made of. */
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export interface Group {
  readonly name: string;
  /** Where the leader takes requests. */
  readonly leaderPort: number;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export interface GroupOptions {
  /** Each member's own lies below it; what is there already is gone on with. */
  readonly directory: string;
  readonly members: number;
  /** No snapshots, so that a restart reads every entry. */
  readonly keepsLog?: boolean;
}

const TICKS_PER_SECOND = 100;

/** Seconds of processor that the processes have used so far. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  let ticks = 0;
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resolves when `attempt` does without throwing, or gives up after `limitMs`. */
export async function retry<T>(attempt: () => Promise<T>, limitMs: number): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Kills it, as a machine that loses power would. */
export async function stopped(process: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => process.once('exit', resolve));
  process.kill('SIGKILL');
  await ended;
}
