/**
 * Paths inside a root file system that somebody else made.
 *
 * A path is resolved component by component, and symbolic links are followed as if `root` were `/`,
 * so that an image whose /etc is a link to ../../etc never makes the agent touch the host's.
 */
import { constants } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../errors.ts';

/** The kernel's own limit on links in one resolution. */
const LINKS_MAX = 40;

/**
 * The host path of `inner`; components that do not exist are taken literally. Never outside of
 * `root`.
 */
export async function resolveInRoot(root: string, inner: string): Promise<string> {
  const pending = componentsOf(inner);
  const resolved: string[] = [];
  let links = 0;
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    if (next === '..') {
      resolved.pop();
      continue;
    }
    const target = await tryReadLink(path.join(root, ...resolved, next));
    if (target === undefined) {
      resolved.push(next);
      continue;
    }
    links += 1;
    if (links > LINKS_MAX)
      throw Object.assign(new Error(`too many links: ${inner}`), { code: 'ELOOP' });
    if (target.startsWith('/')) resolved.length = 0;
    pending.unshift(...componentsOf(target));
  }
  return path.join(root, ...resolved);
}

function componentsOf(inner: string): string[] {
  return inner.split('/').filter((component) => component !== '' && component !== '.');
}

async function tryReadLink(file: string): Promise<string | undefined> {
  try {
    return await readlink(file);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EINVAL' || code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * The text of a regular file in a root file system; empty when there is none, or when it is too
 * long to be meant.
 */
export async function readTextInRoot(
  root: string,
  inner: string,
  bytesMax: number,
): Promise<string> {
  const file = await resolveInRoot(root, inner);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let handle;
  try {
    handle = await open(file, flags);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return '';
    throw error;
  }
  try {
    const { size } = await handle.stat().then((found) => (found.isFile() ? found : { size: -1 }));
    return size < 0 || size > bytesMax ? '' : await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
