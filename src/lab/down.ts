/**
 * Removing a lab, in whatever state it is: whole, half made, or with its agents killed.
 *
 * First each agent's own teardown, which knows its containers; then whatever is left is found by
 * its place (namespaces, mounts, directories of the lab) and removed. What is gone already is
 * success.
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { agentPid, stopAgent, teardownAgent } from './cluster/agents.ts';
import { LabError } from './errors.ts';
import {
  LAB_DATA_DIRECTORY,
  LAB_RUN_DIRECTORY,
  labNode,
  NAMESPACE_PREFIX,
  namespacePath,
  type LabNode,
} from './layout.ts';
import { run, tryRun } from './shell.ts';
import { waitFor } from './wait.ts';

/** Where agents put the cgroups of containers. */
const TASKS_CGROUP = 'hawser';
const KILL_LIMIT_MS = 10_000;

export async function removeLab(): Promise<void> {
  const complaints = await Promise.all(nodesThatExist().map(removeNode));
  const namespaces = labNamespaces();
  await killLeftProcesses(namespaces);
  await unmountAll();
  await deleteNamespaces(namespaces);
  rmSync(LAB_RUN_DIRECTORY, { recursive: true, force: true });
  rmSync(LAB_DATA_DIRECTORY, { recursive: true, force: true });
  // A teardown that failed matters only if the sweep after it left something as well.
  assertNothingLeft(complaints.filter((complaint) => complaint !== undefined));
}

/** Nodes are known by their directories or namespaces, because the state file may be missing. */
function nodesThatExist(): LabNode[] {
  const directories = [...list(LAB_RUN_DIRECTORY), ...list(LAB_DATA_DIRECTORY)];
  const namespaces = labNamespaces().map((name) => name.slice(NAMESPACE_PREFIX.length));
  const numbers = [...directories, ...namespaces].filter((name) => /^[1-9]\d*$/.test(name));
  return [...new Set(numbers.map(Number))].sort((a, b) => a - b).map(labNode);
}

async function removeNode(node: LabNode): Promise<string | undefined> {
  if (agentPid(node) !== undefined) {
    // One that does not end when asked is killed.
    await stopAgent(node, 'SIGTERM').catch(() => stopAgent(node, 'SIGKILL'));
  }
  const hasNamespace = existsSync(namespacePath(node.namespace));
  const hasState = existsSync(node.dataDirectory) || existsSync(node.runDirectory);
  return hasNamespace && hasState ? teardownAgent(node) : undefined;
}

function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function labNamespaces(): string[] {
  return list('/run/netns').filter((name) => name.startsWith(NAMESPACE_PREFIX));
}

/**
 * Kills what still runs in the lab's namespaces or was started with the lab's paths, and its
 * cgroups.
 */
async function killLeftProcesses(namespaces: readonly string[]): Promise<void> {
  const inodes = new Set([...namespaces.map(namespacePath), ...agentNamespaces()].map(inodeOf));
  const cgroups = new Set<string>();
  await waitFor("the lab's processes to end", KILL_LIMIT_MS, async () => {
    const left = processesOf(inodes);
    for (const pid of left) {
      for (const cgroup of cgroupsOf(pid)) cgroups.add(cgroup);
      kill(pid);
    }
    return left.length === 0;
  });
  for (const cgroup of cgroups) removeCgroup(cgroup);
  removeEmptyTaskCgroups();
}

/** A cgroup with a process in it refuses to go; so does the parent of all, while one is left. */
function removeEmptyTaskCgroups(): void {
  for (const hierarchy of ['', ...list('/sys/fs/cgroup')]) {
    const parent = join('/sys/fs/cgroup', hierarchy, TASKS_CGROUP);
    for (const name of list(parent)) {
      if (/^[0-9a-f]{64}$/.test(name)) removeCgroup(join(parent, name));
    }
    removeCgroup(parent);
  }
}

/** Namespaces that agents bind-mounted: those of containers and of overlay networks. */
function agentNamespaces(): string[] {
  return list(LAB_RUN_DIRECTORY).flatMap((entry) => {
    const directory = join(LAB_RUN_DIRECTORY, entry, 'netns');
    return list(directory).map((name) => join(directory, name));
  });
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}

function processesOf(inodes: ReadonlySet<number>): number[] {
  const own = new Set([process.pid, process.ppid]);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => !own.has(pid) && (isInside(pid, inodes) || isMonitor(pid)));
}

function isInside(pid: number, inodes: ReadonlySet<number>): boolean {
  try {
    const inode = /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1];
    return inode !== undefined && inodes.has(Number(inode));
  } catch {
    return false; // It ended meanwhile.
  }
}

/** conmon and runc are given the bundle's path, which is below the lab's directories. */
function isMonitor(pid: number): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const isOurs = words.some(
      (word) =>
        word.startsWith(`${LAB_RUN_DIRECTORY}/`) || word.startsWith(`${LAB_DATA_DIRECTORY}/`),
    );
    return isOurs && /(^|\/)(conmon|runc)$/.test(words[0] ?? '');
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** Directories of the named cgroups that a process is in, whichever hierarchies the machine has. */
function cgroupsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [, controllers = '', path = ''] = line.split(':');
        if (!path.includes('hawser')) return [];
        const hierarchies = controllers === '' ? ['', 'unified'] : [controllers];
        return hierarchies.map((name) => join('/sys/fs/cgroup', name.replace(/^name=/, ''), path));
      });
  } catch {
    return [];
  }
}

function removeCgroup(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Not in this hierarchy, or shared with something that lives.
  }
}

function labMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) =>
      [LAB_RUN_DIRECTORY, LAB_DATA_DIRECTORY].some((top) => path.startsWith(`${top}/`)),
    );
}

/** Innermost first; lazily, because a killed process may hold one for another moment. */
async function unmountAll(): Promise<void> {
  const mounts = labMounts().reverse();
  if (mounts.length > 0) await tryRun(['umount', '--lazy', ...mounts]);
}

async function deleteNamespaces(namespaces: readonly string[]): Promise<void> {
  if (namespaces.length === 0) return;
  const lines = namespaces.map((name) => `netns delete ${name}\n`).join('');
  await run(['ip', '-batch', '-'], { input: lines });
}

function assertNothingLeft(complaints: readonly string[]): void {
  const things = [...labNamespaces(), ...labMounts()];
  if (things.length === 0) return;
  throw new LabError(
    { code: 'left-behind', things },
    `could not remove ` +
      `${things.join(', ')}${complaints.length > 0 ? `: ${complaints.join('; ')}` : ''}`,
  );
}
