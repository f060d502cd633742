/**
 * Keeps two agents from one directory: a file with the pid and the start time of whoever uses it.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from './errors.ts';
import { errnoOf } from './log/index.ts';

/**
 * Takes the directory; the returned function gives it back. Throws `ClusterError` with code
 * `locked`.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock');
  const mark = `${process.pid} ${(await startTimeOf(process.pid)) ?? ''}`;
  for (;;) {
    try {
      await writeFile(path, mark, { flag: 'wx', mode: 0o600 });
      return () => rm(path, { force: true });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    await removeStale(path, directory);
  }
}

async function removeStale(path: string, directory: string): Promise<void> {
  const [pidText, startTime] = (await tryRead(path))?.split(' ') ?? [];
  const pid = Number(pidText);
  const isAlive = pid > 0 && (await startTimeOf(pid)) === startTime;
  if (isAlive)
    throw new ClusterError(
      { code: 'locked', pid },
      `${directory} is in use by process ${pid}: stop that agent, or give this one another ` +
        `--data-dir`,
    );
  await rm(path, { force: true });
}

/** Clock ticks from boot to the start of the process: with the pid, it names a process for good. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await tryRead(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, and may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

async function tryRead(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}
