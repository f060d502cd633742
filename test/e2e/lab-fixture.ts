/** A lab with the demo's image, and ways to drive it as an operator would. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { ApiClient } from '../../src/client/index.ts';
import { hawserProgram, labDown, labNode, labNodes, labUp } from '../../src/lab/index.ts';
import { buildDemoImage, DEMO_CHANGES } from '../../src/lab/demo/image.ts';

const execute = promisify(execFile);

export const IMAGE = 'whoami:1';
/** busybox as the first process of a container takes no SIGTERM; tests do not wait for it. */
export const QUICK = ['--stop-grace-period', '1s'];
const EFFECT_LIMIT_MS = 30_000;
const POLL_MS = 100;

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(command: readonly string[]): Promise<Ran> {
  const [program = '', ...args] = command;
  try {
    const { stdout, stderr } = await execute(program, args, {
      timeout: 60_000,
      maxBuffer: 256 * 1024 * 1024,
      env: { ...process.env, DOCKER_HOST: '', DOCKER_CONTEXT: '' },
    });
    return { status: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code?: unknown; stdout?: string; stderr?: string };
    const status = typeof failed.code === 'number' ? failed.code : -1;
    return { status, stdout: failed.stdout ?? '', stderr: failed.stderr ?? String(error) };
  }
}

function hasDocker(): boolean {
  try {
    execFileSync('docker', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** docker's CLI where the machine has it, else hawser's own verbs. */
export const CLI = hasDocker() ? 'docker' : hawserProgram();

/** Runs a verb against a node; fails the test with what was printed when the verb fails. */
export async function verb(
  t: ExecutionContext,
  node: number,
  ...words: readonly string[]
): Promise<string> {
  const ran = await tryVerb(node, ...words);
  if (ran.status !== 0) t.fail(`${CLI} ${words.join(' ')}: ${ran.stderr}`);
  return ran.stdout.trim();
}

export function tryVerb(node: number, ...words: readonly string[]): Promise<Ran> {
  return run([CLI, '-H', `unix://${labNode(node).socketPath}`, ...words]);
}

export function apiOf(node: number): ApiClient {
  return new ApiClient({ kind: 'unix', path: labNode(node).socketPath });
}

/** In the network namespace of a node (its number) or of the client outside (`client`). */
export function inLab(host: number | 'client', ...command: readonly string[]): Promise<Ran> {
  return run(['nsenter', `--net=/run/netns/hawser-lab-${host}`, '--', ...command]);
}

/** Starts a lab with the image on it. Pair it with `labDown` in `test.after.always`. */
export async function startLab(nodes: number, managers = 1): Promise<void> {
  await labUp({ nodes, managers, runtime: 'oci', lb: 'auto' });
  const directory = mkdtempSync(join(tmpdir(), 'hawser-e2e-'));
  try {
    const tarPath = join(directory, 'whoami.tar');
    // perl is what every Debian has that can answer UDP.
    await buildDemoImage(tarPath, ['perl']);
    const changes = DEMO_CHANGES.flatMap((change) => ['--change', change]);
    const imported = await tryVerb(1, 'image', 'import', ...changes, tarPath, IMAGE);
    if (imported.status !== 0) throw new Error(`cannot import the image: ${imported.stderr}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export { labDown, labNode, labNodes };

/** Waits until `look` returns what `holds` accepts; fails the test with what was seen last. */
export async function eventually<T>(
  t: ExecutionContext,
  awaited: string,
  { look, holds }: { look: () => Promise<T>; holds: (seen: T) => boolean },
): Promise<T> {
  const deadline = performance.now() + EFFECT_LIMIT_MS;
  for (;;) {
    const seen = await look();
    if (holds(seen)) {
      t.pass(awaited);
      return seen;
    }
    if (performance.now() > deadline) {
      t.log(seen);
      t.fail(`waited in vain for ${awaited}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export interface TaskDocument {
  readonly ID: string;
  readonly Slot: number;
  readonly NodeID: string;
  readonly DesiredState: string;
  readonly Status: {
    readonly State: string;
    readonly ContainerStatus?: { readonly ContainerID: string; readonly PID: number };
  };
}

/** Asks the given manager. */
export async function tasksOf(service: string, manager = 1): Promise<TaskDocument[]> {
  const filters = JSON.stringify({ service: { [service]: true } });
  const request = { method: 'GET', path: '/tasks', query: { filters } } as const;
  return (await apiOf(manager).call(request)) as TaskDocument[];
}

/** Waits until a service has exactly so many running tasks and none on its way out. */
export function whenRunning(
  t: ExecutionContext,
  service: string,
  count: number,
): Promise<TaskDocument[]> {
  return whenRunningAt(t, { manager: 1, service, count });
}

/** The same, as the given manager tells it. */
export function whenRunningAt(
  t: ExecutionContext,
  awaited: { readonly manager: number; readonly service: string; readonly count: number },
): Promise<TaskDocument[]> {
  const { manager, service, count } = awaited;
  return eventually(t, `${count} running tasks of ${service}`, {
    look: async () =>
      (await tasksOf(service, manager)).filter((task) => task.Status.State === 'running'),
    holds: (running) =>
      running.length === count && running.every((task) => task.DesiredState === 'running'),
  });
}

/** Number of the lab node that a task is on. */
export async function nodeOf(task: TaskDocument): Promise<number> {
  const node = (await apiOf(1).call({ method: 'GET', path: `/nodes/${task.NodeID}` })) as {
    Status: { Addr: string };
  };
  return labNodes(100).find(({ address }) => address === node.Status.Addr)?.number ?? 0;
}

/** Runs a command in the container of a service's first running task. */
export async function inTask(
  t: ExecutionContext,
  service: string,
  ...command: readonly string[]
): Promise<string> {
  const [task] = (await tasksOf(service)).filter(({ Status }) => Status.State === 'running');
  if (task === undefined) {
    t.fail(`${service} has no running task`);
  }
  const container = task.Status.ContainerStatus?.ContainerID ?? '';
  const ran = await tryVerb(await nodeOf(task), 'exec', container, ...command);
  return ran.stdout + ran.stderr;
}

/** Addresses that busybox's nslookup prints after the name. */
export async function lookUp(
  t: ExecutionContext,
  service: string,
  name: string,
): Promise<string[]> {
  const printed = await inTask(t, service, 'nslookup', '-type=a', name);
  return [...printed.matchAll(/^Name:\s+\S+\s+Address(?: \d+)?:\s+(\S+)/gm)]
    .map((match) => match[1] ?? '')
    .sort();
}

/**
 * Answers `host client` of a page, asked `times` over new connections; empty lines are failures.
 */
export async function ask(host: number | 'client', url: string, times: number): Promise<string[]> {
  const script = `for i in $(seq ${times}); do curl -s --max-time 3 ${url} || echo; done`;
  const { stdout } = await inLab(host, 'sh', '-c', script);
  return stdout.trimEnd().split('\n');
}

export const hostsOf = (answers: readonly string[]): string[] =>
  [...new Set(answers.map((answer) => answer.split(' ')[0] ?? ''))].sort();
