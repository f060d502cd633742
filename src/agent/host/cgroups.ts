/** The cgroup above those of all containers, whichever agent of the machine they are of. */
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** As runc is told; below the root of every hierarchy. */
export const CGROUP_PARENT = '/hawser';

const CGROUP_ROOT = '/sys/fs/cgroup';

/**
 * Removes it from every hierarchy where nothing is left in it: the kernel refuses where something
 * is.
 */
export async function removeEmptyCgroups(): Promise<void> {
  const entries = await readdir(CGROUP_ROOT, { withFileTypes: true });
  const hierarchies = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  await Promise.allSettled(
    ['', ...hierarchies].map((name) => rmdir(join(CGROUP_ROOT, name, CGROUP_PARENT))),
  );
}
