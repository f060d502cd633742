/**
 * A log and its rotated predecessors (`log`, `log.1`, `log.2`), read in order even while they are
 * being rotated.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { errnoOf } from '../errors.ts';

/** How many rotated files are kept beside the current one. */
export const ROTATED_MAX = 2;

/** Oldest first. */
export function logFileNames(logFile: string): string[] {
  const names = [logFile];
  for (let age = 1; age <= ROTATED_MAX; age += 1) names.unshift(`${logFile}.${age}`);
  return names;
}

export interface OpenLogFile {
  readonly handle: FileHandle;
  readonly inode: number;
}

export async function tryOpenLog(name: string): Promise<OpenLogFile | undefined> {
  let handle;
  try {
    handle = await open(name, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const { ino } = await handle.stat();
  return { handle, inode: ino };
}

/** The oldest file there is. */
export async function tryOpenOldest(logFile: string): Promise<OpenLogFile | undefined> {
  for (const name of logFileNames(logFile)) {
    const file = await tryOpenLog(name);
    if (file !== undefined) return file;
  }
  return undefined;
}

/**
 * The file after the one with `inode`: found by inode, since rotation renames under the reader's
 * feet. Undefined while that one is the current one. When it was rotated away altogether, reading
 * goes on at the oldest there is.
 */
export async function tryOpenNext(
  logFile: string,
  inode: number,
): Promise<OpenLogFile | undefined> {
  const names = logFileNames(logFile);
  const inodes = await Promise.all(names.map(inodeOf));
  const index = inodes.indexOf(inode);
  if (index === names.length - 1) return undefined;
  if (index < 0) return tryOpenOldest(logFile);
  for (const name of names.slice(index + 1)) {
    const file = await tryOpenLog(name);
    if (file !== undefined) return file;
  }
  return undefined;
}

async function inodeOf(name: string): Promise<number> {
  return stat(name).then(
    ({ ino }) => ino,
    () => -1,
  );
}
