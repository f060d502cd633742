/**
 * Processes by id and start time, so that a reused id is never taken for the process that had it
 * before.
 */
import { readFile } from 'node:fs/promises';

/** Start of a process in clock ticks since boot; undefined when it is gone or a zombie. */
export async function startTicksOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The command's name is in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  if (state === 'Z' || state === 'X') return undefined;
  return Number(fields[19]);
}

export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  return (await startTicksOf(process.pid)) === process.startTicks;
}

/** Whether the signal was delivered; false when the process is gone. */
export async function trySignal(target: ProcessIdentity, signal: number): Promise<boolean> {
  if (!(await isAlive(target))) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}
