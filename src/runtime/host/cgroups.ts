/**
 * The cgroup that holds the containers' cgroups: runc makes it with its first one, and nobody
 * removes it.
 */
import { readdir, rmdir } from 'node:fs/promises';
import path from 'node:path';

const CGROUP_ROOT = '/sys/fs/cgroup';

/** Removes the parent, and its own parents, in every hierarchy where they are empty. */
export async function removeEmptyCgroups(cgroupParent: string): Promise<void> {
  const hierarchies = await readdir(CGROUP_ROOT).catch(() => []);
  for (const root of [CGROUP_ROOT, ...hierarchies.map((name) => path.join(CGROUP_ROOT, name))]) {
    await removeUpwards(root, path.posix.join('/', cgroupParent));
  }
}

async function removeUpwards(root: string, cgroup: string): Promise<void> {
  for (let inner = cgroup; inner !== '/'; inner = path.posix.dirname(inner)) {
    try {
      await rmdir(path.join(root, inner));
    } catch {
      // Not there, or not empty: it is in use, and so is everything above it.
      if (inner !== cgroup) return;
    }
  }
}
