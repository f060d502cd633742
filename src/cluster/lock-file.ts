/**
 * Keeps two agents from one directory: a file that names the process which uses it.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from './errors.ts';
import { errnoOf } from './log/index.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Takes the directory; the returned function gives it back. Throws `ClusterError` with code
 * `locked`.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock');
  const mark = (await markOf(process.pid)) ?? `${process.pid}`;
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
  const mark = await tryRead(path);
  const pid = Number.parseInt(mark ?? '', 10);
  if (pid > 0 && (await markOf(pid)) === mark)
    throw new ClusterError(
      { code: 'locked', pid },
      `${directory} is in use by process ${pid}: stop that agent, or give this one another ` +
        `--data-dir`,
    );
  await rm(path, { force: true });
}

/**
 * A running process's pid, start and boot, which no other process has ever had; undefined when
 * there is none. One that has ended and waits for its parent to notice uses nothing any more.
 */
async function markOf(pid: number): Promise<string | undefined> {
  const stat = await tryRead(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, and may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields ?? [];
  if (fields === undefined || state === 'Z' || state === 'X') return undefined;
  const startTicks = fields[19] ?? '';
  const bootId = (await tryRead(BOOT_ID))?.trim() ?? '';
  return `${pid} ${startTicks} ${bootId}`;
}

async function tryRead(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}
