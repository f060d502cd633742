/**
 * What nodes tell each other without a manager in between: who is gone, and whose agent only; which
 * task has ended.
 */
import { execFileSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { labStart, labStop } from '../../src/lab/index.ts';
import {
  apiOf,
  ask,
  eventually,
  hostsOf,
  IMAGE,
  inLab,
  labDown,
  labNode,
  nodeOf,
  QUICK,
  run,
  startLab,
  tasksOf,
  verb,
  whenRunning,
  type TaskDocument,
} from './lab-fixture.ts';

const NODES = [1, 2, 3, 4];
const URL = '127.0.0.1:8000';
/** Row D9: the tasks of a lost node are out of every balance. */
const LOST_LIMIT_MS = 3000;
/** Longer than a failure takes to be known; managers call a node down after 10 s. */
const WATCH_MS = 7000;
const POLL_MS = 25;

test.before(() => startLab(NODES.length));
test.after.always(() => labDown());

interface Attached extends TaskDocument {
  readonly NetworksAttachments: readonly {
    readonly Network: { readonly ID: string; readonly Spec: { readonly Name: string } };
    readonly Addresses: readonly string[];
  }[];
}

/** Where a task takes what comes to the published port. */
function ingressOf(task: TaskDocument): { readonly networkId: string; readonly address: string } {
  const { NetworksAttachments } = task as Attached;
  const ingress = NetworksAttachments.find(({ Network }) => Network.Spec.Name === 'ingress');
  const address = ingress?.Addresses[0]?.split('/')[0] ?? '';
  return { networkId: ingress?.Network.ID ?? '', address };
}

/** Whether a node's kernel gives new connections to a task. */
async function isInBalance(node: number, task: TaskDocument): Promise<boolean> {
  const { networkId, address } = ingressOf(task);
  const path = `${labNode(node).runDirectory}/netns/n-${networkId.slice(0, 12)}`;
  // Not by its name alone: a package of the test runner has a program of that name.
  const listed = await run(['nsenter', `--net=${path}`, '/usr/sbin/nft', 'list', 'ruleset']);
  if (listed.status !== 0) throw new Error(listed.stderr);
  const backends = listed.stdout.split('\n').filter((line) => line.includes('numgen'));
  return backends.some((line) => new RegExp(`\\b${address}\\b`).test(line));
}

/** Milliseconds from `sinceMs` until the task is out of a node's balance. */
async function leftBalance(node: number, task: TaskDocument, sinceMs: number): Promise<number> {
  while (await isInBalance(node, task)) {
    if (performance.now() - sinceMs > 5 * LOST_LIMIT_MS) return Infinity;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return Math.round(performance.now() - sinceMs);
}

async function whenBalanced(t: ExecutionContext, nodes: readonly number[]): Promise<void> {
  await whenRunning(t, 'whoami', 3);
  for (const node of nodes)
    await eventually(t, `three hosts behind node ${node}`, {
      look: () => ask(node, URL, 12),
      holds: (answers) => hostsOf(answers).length === 3 && !answers.includes(''),
    });
}

async function metric(node: number, name: string): Promise<number> {
  const url = `http://${labNode(node).metricsAddress}/metrics`;
  const { stdout } = await inLab('client', 'curl', '-s', url);
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(stdout)?.[1]);
}

async function whenMembers(t: ExecutionContext, nodes: readonly number[]): Promise<void> {
  await eventually(t, `${nodes.length} members for all of them`, {
    look: () => Promise.all(nodes.map((node) => metric(node, 'hawser_gossip_members'))),
    holds: (counts) => counts.every((count) => count === nodes.length),
  });
}

/** A task on another node than the manager's, and that node. */
async function victim(): Promise<{ readonly task: TaskDocument; readonly node: number }> {
  for (const task of await tasksOf('whoami')) {
    const node = await nodeOf(task);
    if (node !== 1 && task.Status.State === 'running') return { task, node };
  }
  throw new Error('no task runs beside the manager');
}

const plug = (node: number, state: 'up' | 'down'): void =>
  void execFileSync('ip', ['-n', 'hawser-lab-net', 'link', 'set', labNode(node).port, state]);

test.serial('all nodes find each other, with keys that the manager made', async (t) => {
  const publish = ['--replicas', '3', '-p', '8000:8000', '--constraint', 'node.role==worker'];
  await verb(t, 1, 'service', 'create', ...QUICK, '-d', '--name', 'whoami', ...publish, IMAGE);
  await whenMembers(t, NODES);
  for (const node of NODES) t.is(await metric(node, 'hawser_gossip_keys_index'), 1);
  await whenBalanced(t, NODES);
});

test.serial('an agent that is killed takes no task out of any balance', async (t) => {
  const { task, node } = await victim();
  const others = NODES.filter((other) => other !== node);
  const endMs = performance.now() + WATCH_MS;
  await labStop(String(node), 'SIGKILL');
  const missed = new Set<number>();
  while (performance.now() < endMs)
    for (const other of others) if (!(await isInBalance(other, task))) missed.add(other);
  const counts = await Promise.all(others.map((other) => metric(other, 'hawser_gossip_members')));
  const answers = await ask('client', `${labNode(others[0] ?? 0).address}:8000`, 12);
  await labStart(String(node));
  t.deepEqual([...missed], []);
  t.deepEqual(counts, [3, 3, 3], 'all know that its agent is gone');
  t.is(hostsOf(answers).length, 3, answers.join());
  await whenMembers(t, NODES);
  await whenBalanced(t, NODES);
});

test.serial(
  'tasks of a node that is lost leave every balance within 3 s, and come back',
  async (t) => {
    const { task, node } = await victim();
    const others = NODES.filter((other) => other !== node);
    const sinceMs = performance.now();
    await labStop(String(node), 'SIGKILL');
    plug(node, 'down');
    const tookMs = await Promise.all(others.map((other) => leftBalance(other, task, sinceMs)));
    t.log(`out of the balance of nodes ${others.join()} after ${tookMs.join(', ')} ms`);
    for (const took of tookMs) t.true(took < LOST_LIMIT_MS, `${took} ms`);
    for (const other of others) {
      const answers = await ask(other, URL, 12);
      t.is(hostsOf(answers).length, 2, answers.join());
      t.false(answers.includes(''), 'nobody is sent to the lost node');
    }
    plug(node, 'up');
    await labStart(String(node));
    await whenMembers(t, NODES);
    await whenBalanced(t, NODES);
  },
);

test.serial('tasks of a node whose cable is pulled come back with the cable', async (t) => {
  const { task, node } = await victim();
  const others = NODES.filter((other) => other !== node);
  const sinceMs = performance.now();
  plug(node, 'down');
  const tookMs = await Promise.all(others.map((other) => leftBalance(other, task, sinceMs)));
  t.log(`out of the balance of nodes ${others.join()} after ${tookMs.join(', ')} ms`);
  for (const took of tookMs) t.true(took < LOST_LIMIT_MS, `${took} ms`);
  plug(node, 'up');
  await whenMembers(t, NODES);
  await whenBalanced(t, NODES);
});

test.serial('a task that ends leaves the balance while no manager is there', async (t) => {
  const { task, node } = await victim();
  const others = NODES.filter((other) => other !== node && other !== 1);
  await labStop('1', 'SIGKILL');
  const sinceMs = performance.now();
  execFileSync('kill', ['-9', String(task.Status.ContainerStatus?.PID)]);
  const tookMs = await Promise.all(others.map((other) => leftBalance(other, task, sinceMs)));
  t.log(`out of the balance of nodes ${others.join()} after ${tookMs.join(', ')} ms`);
  for (const took of tookMs) t.true(took < LOST_LIMIT_MS, `${took} ms`);
  await labStart('1');
  await whenBalanced(t, NODES);
  await apiOf(1).call({ method: 'DELETE', path: '/services/whoami' });
});
