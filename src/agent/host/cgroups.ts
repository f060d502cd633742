/** The cgroup above those of all containers, whichever agent of the machine they are of. */
import { existsSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** As runc is told; below the root of every hierarchy. */
export const CGROUP_PARENT = '/hawser';

const CGROUP_ROOT = '/sys/fs/cgroup';

/** Where a service manager keeps track of processes: the unified hierarchy, or systemd's own. */
const TRACKING_HIERARCHIES = ['', 'unified', 'systemd'];

/** Directories for a process that outlives the agent, in each hierarchy that matters to that. */
export function cgroupsFor(name: string): readonly string[] {
  return TRACKING_HIERARCHIES.map((hierarchy) => join(CGROUP_ROOT, hierarchy))
    .filter((root) => existsSync(join(root, 'cgroup.procs')))
    .map((root) => join(root, CGROUP_PARENT, name));
}

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
