/**
 * What tests and labs could leave on the machine: a snapshot before and after, and the difference.
 *
 * Only names that Hawser gives (`hawser…`, its run and data directories) are looked at, so that
 * whatever else runs on the machine is left out of it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Lines such as `namespace hawser-lab-1` or `mount /run/hawser-lab/1/netns/t-1`. */
export function snapshotLeftovers(): ReadonlySet<string> {
  return new Set([
    ...namespaces(),
    ...mounts(),
    ...directories(),
    ...processes(),
    ...cgroups(),
    ...links(),
    ...tables(),
  ]);
}

export function leftSince(before: ReadonlySet<string>): string[] {
  return [...snapshotLeftovers()].filter((thing) => !before.has(thing)).sort();
}

const isOurs = (text: string): boolean => /hawser/i.test(text);

function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function namespaces(): string[] {
  return list('/run/netns').map((name) => `namespace ${name}`);
}

function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mountPoint) => isOurs(mountPoint))
    .map((mountPoint) => `mount ${mountPoint}`);
}

function directories(): string[] {
  return ['/run/hawser-lab', '/var/lib/hawser-lab', '/run/hawser', '/var/lib/hawser']
    .filter((directory) => existsSync(directory))
    .map((directory) => `directory ${directory}`);
}

const TEST_PROGRAMS = /(^|\/)(conmon|runc|nsenter)$/;

/** Agents, container monitors and what they run; each by pid, so that two of a kind are two. */
function processes(): string[] {
  return list('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      const command = commandOf(pid);
      const program = command[0] ?? '';
      const isAgent = command.some((word) => word === 'agent') && isOurs(command.join(' '));
      const isHelper = TEST_PROGRAMS.test(program) && isOurs(command.join(' '));
      return isAgent || isHelper ? [`process ${pid}: ${command.join(' ').slice(0, 160)}`] : [];
    });
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8')
      .split('\0')
      .filter(Boolean);
  } catch {
    return []; // It ended between the listing and the look.
  }
}

/**
 * Named cgroups of ours, at most three levels down and in every controller of a hybrid hierarchy.
 */
function cgroups(): string[] {
  const found: string[] = [];
  const visit = (directory: string, depth: number): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const path = join(directory, entry.name);
      if (isOurs(entry.name)) found.push(`cgroup ${path}`);
      else if (depth < 3) visit(path, depth + 1);
    }
  };
  if (existsSync('/sys/fs/cgroup')) visit('/sys/fs/cgroup', 1);
  return found;
}

function links(): string[] {
  return list('/sys/class/net')
    .filter((name) => isOurs(name))
    .map((name) => `link ${name}`);
}

function tables(): string[] {
  if (process.getuid?.() !== 0) return [];
  try {
    return execFileSync('nft', ['list', 'tables'], { encoding: 'utf8', stdio: 'pipe' })
      .split('\n')
      .filter((line) => isOurs(line))
      .map((line) => `nft ${line.trim()}`);
  } catch {
    return []; // No nft on this machine: then no test could have made a table.
  }
}
