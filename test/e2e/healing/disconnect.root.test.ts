/**
 * A node whose cable is pulled while services change around it, for longer than managers wait
 * before they call it down and replace its tasks: soon after the cable's return it is as if it had
 * been there all the time.
 */
import { setTimeout as wait } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  apiOf,
  eventually,
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
  type TaskDocument,
} from '../lab-fixture.ts';

const CUT = 3;

test.before(() => startLab(3));
test.after.always(() => labDown());

async function setCable(state: 'up' | 'down'): Promise<void> {
  const ran = await run(['ip', '-n', 'hawser-lab-net', 'link', 'set', labNode(CUT).port, state]);
  if (ran.status !== 0) throw new Error(ran.stderr);
}

async function running(service: string): Promise<TaskDocument[]> {
  return (await tasksOf(service)).filter(
    ({ Status, DesiredState }) => Status.State === 'running' && DesiredState === 'running',
  );
}

async function addressOf(task: TaskDocument): Promise<string> {
  const { NetworksAttachments: attached } = (await apiOf(1).call({
    method: 'GET',
    path: `/tasks/${task.ID}`,
  })) as { readonly NetworksAttachments: readonly { readonly Addresses: readonly string[] }[] };
  return attached[0]?.Addresses[0]?.split('/')[0] ?? '';
}

/** Addresses that the cut node's overlays lead elsewhere, in order. */
async function remoteRows(): Promise<string[]> {
  const script =
    `for n in ${labNode(CUT).runDirectory}/netns/n-*; do ` +
    'nsenter --net=$n ip neigh show nud permanent dev vx0; done';
  const { stdout } = await inLab(CUT, 'sh', '-c', script);
  const rows = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  return rows.filter(Boolean).sort();
}

async function expectedRows(): Promise<string[]> {
  const addresses: string[] = [];
  for (const service of ['stays', 'comes'])
    for (const task of await running(service))
      if ((await nodeOf(task)) !== CUT) addresses.push(await addressOf(task));
  return addresses.sort();
}

async function whenSpread(t: ExecutionContext, service: string, count: number): Promise<void> {
  await eventually(t, `${count} tasks of ${service}`, {
    look: () => running(service),
    holds: (tasks) => tasks.length === count,
  });
}

test.serial('a node that was cut off while services changed is right soon after', async (t) => {
  t.timeout(300_000);
  await verb(t, 1, 'network', 'create', '-d', 'overlay', 'demo');
  const create = ['service', 'create', ...QUICK, '-d', '--network', 'demo', '--replicas'];
  await verb(t, 1, ...create, '6', '--name', 'stays', IMAGE, 'sleep', '86400');
  await verb(t, 1, ...create, '3', '--name', 'goes', IMAGE, 'sleep', '86400');
  await whenSpread(t, 'stays', 6);
  await whenSpread(t, 'goes', 3);
  // A task that must stay on the node keeps the network there.
  const own = ['--constraint', `node.hostname==hawser-lab-${CUT}`];
  await verb(t, 1, ...create, '1', ...own, '--name', 'own', IMAGE, 'sleep', '86400');
  await whenSpread(t, 'own', 1);

  await setCable('down');
  t.teardown(() => setCable('up'));
  await verb(t, 1, ...create, '4', '--name', 'comes', IMAGE, 'sleep', '86400');
  await verb(t, 1, 'service', 'rm', 'goes');
  await eventually(t, 'the tasks of the cut node to be replaced', {
    look: async () => {
      const nodes = await Promise.all([...(await running('stays'))].map(nodeOf));
      const others = await Promise.all([...(await running('comes'))].map(nodeOf));
      return [...nodes, ...others].filter((node) => node !== CUT).length;
    },
    holds: (elsewhere) => elsewhere === 10,
  });
  // So that its attempts to come back are as far apart as they get.
  await wait(10_000);
  const expected = await expectedRows();
  t.is(expected.length, 10);
  t.notDeepEqual(await remoteRows(), expected);

  await setCable('up');
  const backMs = performance.now();
  await eventually(t, 'the rows of what changed', {
    look: remoteRows,
    holds: (rows) => rows.join() === expected.join(),
  });
  t.log(`right after ${Math.round(performance.now() - backMs)} ms`);
  await eventually(t, 'replaced tasks to be gone from the node', {
    look: async () => (await run(['ls', `${labNode(CUT).runDirectory}/netns`])).stdout,
    holds: (names) => names.split('\n').filter((name) => name.startsWith('t-')).length === 1,
  });
});
