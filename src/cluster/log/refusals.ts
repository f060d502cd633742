/** Everything that the log refuses: what is wrong, where, and the way out. */
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import { ClusterError } from '../errors.ts';
import { errnoOf } from './disk.ts';

const WAY_OUT =
  `Nothing was changed. If other managers are alive: run "swarm leave --force" here, remove this ` +
  `node there, and join again. If this is the only manager, restore the directory from a backup`;

/** Damage that no crash explains. What was acknowledged may be in it, so it is never cut away. */
export function damaged(file: string, offset: number, reason: string): ClusterError {
  return new ClusterError(
    { code: 'damaged', file, offset },
    `${file} is damaged at byte ${offset}: ${reason}. ${WAY_OUT}`,
  );
}

export function missing(directory: string, what: string): ClusterError {
  return new ClusterError(
    { code: 'damaged', file: directory, offset: 0 },
    `the cluster log in ${directory} is incomplete: ${what}. ${WAY_OUT}`,
  );
}

export function wrongKey(file: string, hasKey: boolean): ClusterError {
  const message = hasKey
    ? `${file} is sealed with another key than the one given; it is not damaged. Nothing was ` +
      `changed. Give the key of this cluster ("swarm unlock"), or restore the directory ` +
      `together with its key`
    : `${file} is sealed and no key was given. Nothing was changed. Give the key of this cluster`;
  return new ClusterError({ code: 'wrong-key', file }, message);
}

export function unknownFormat(file: string, version: number): ClusterError {
  return new ClusterError(
    { code: 'unknown-format', file, version },
    `${file} has version ${version} of its format, which this release cannot read. Nothing was ` +
      `changed. Start the release that wrote it, or leave the cluster and join again`,
  );
}

/** There is a log already where one should begin. */
export function occupied(directory: string, name: string): ClusterError {
  return new ClusterError(
    { code: 'already-member' },
    `a cluster log is already in ${directory}: ${join(directory, name)}`,
  );
}

const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * What to throw for a write that failed and left nothing behind. What no system call threw is a
 * bug, and stays as it is.
 */
export function diskError(file: string, error: unknown): Error {
  const errno = errnoOf(error);
  if (errno === undefined && error instanceof Error) return error;
  if (errno !== undefined && DISK_FULL.has(errno)) {
    const message =
      `the change was not made: no space left for ${file} (${errno}). ` +
      `Free some space and try again`;
    return new ClusterError({ code: 'disk-full', file }, message, error);
  }
  const message = `the change was not made: writing ${file} failed: ${messageOf(error)}`;
  return new ClusterError({ code: 'disk-failed', file }, message, error);
}
