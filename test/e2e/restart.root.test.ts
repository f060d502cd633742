/**
 * An agent that is killed and started again: the data plane goes on, and the tasks are the same.
 */
import test from 'ava';
import { labStart, labStop } from '../../src/lab/index.ts';
import {
  ask,
  eventually,
  hostsOf,
  IMAGE,
  QUICK,
  run,
  inTask,
  labDown,
  labNode,
  startLab,
  tasksOf,
  verb,
  whenRunning,
  type TaskDocument,
} from './lab-fixture.ts';

test.before(() => startLab(2));
test.after.always(() => labDown());

const identities = (tasks: readonly TaskDocument[]): string[] =>
  tasks.map((task) => `${task.ID} ${task.Status.ContainerStatus?.ContainerID ?? ''}`).sort();

/** Asks from a task's own namespace without the help of any agent. */
async function askFromTask(clientTasks: readonly TaskDocument[], url: string): Promise<string[]> {
  const [task] = clientTasks;
  const pid = String(task?.Status.ContainerStatus?.PID ?? 0);
  const script = `for i in 1 2 3 4 5 6 7 8; do curl -s --max-time 3 ${url} || echo; done`;
  const { stdout } = await run(['nsenter', '-t', pid, '-n', '--', 'sh', '-c', script]);
  return stdout.trimEnd().split('\n');
}

test.serial('two services share a network, one of them is published', async (t) => {
  await verb(t, 1, 'network', 'create', '-d', 'overlay', 'demo');
  const common = ['service', 'create', ...QUICK, '-d', '--network', 'demo'];
  await verb(t, 1, ...common, '--name', 'whoami', '--replicas', '2', '-p', '8000:8000', IMAGE);
  await verb(t, 1, ...common, '--name', 'client', IMAGE, 'sleep', '86400');
  await whenRunning(t, 'whoami', 2);
  await whenRunning(t, 'client', 1);
  for (const node of [1, 2]) {
    await eventually(t, `two hosts behind node ${node}`, {
      look: () => ask('client', `${labNode(node).address}:8000`, 12),
      holds: (answers) => hostsOf(answers).length === 2 && !answers.includes(''),
    });
  }
});

for (const node of [2, 1]) {
  test.serial(`kill -9 of node ${node}'s agent harms no packet and no task`, async (t) => {
    const before = identities([...(await tasksOf('whoami')), ...(await tasksOf('client'))]);
    const [vip = ''] = (await inTask(t, 'client', 'nslookup', '-type=a', 'whoami'))
      .split('\n')
      .flatMap((line, at, lines) =>
        (lines[at - 1] ?? '').startsWith('Name:')
          ? [line.replace(/^Address(?: \d+)?:\s+/, '')]
          : [],
      );
    const clientTasks = await tasksOf('client');
    await labStop(String(node), 'SIGKILL');
    const answers = await ask('client', `${labNode(node).address}:8000`, 12);
    t.is(hostsOf(answers).length, 2, answers.join());
    t.false(answers.includes(''), 'no connection fails while the agent is away');
    const virtual = await askFromTask(clientTasks, `${vip}:8000`);
    t.is(hostsOf(virtual).length, 2, `the virtual IP while the agent is away: ${virtual.join()}`);

    await labStart(String(node));
    const after = await eventually(t, 'the tasks to be reported again', {
      look: async () => identities([...(await tasksOf('whoami')), ...(await tasksOf('client'))]),
      holds: (seen) => seen.length === before.length,
    });
    t.deepEqual(after, before, 'the same tasks in the same containers');
    await eventually(t, 'names to answer', {
      look: () =>
        inTask(t, 'client', 'timeout', '3', 'wget', '-q', '-O', '-', 'http://whoami:8000/'),
      holds: (text) => /^\S+ \S+$/m.test(text),
    });
    t.regex(await inTask(t, 'client', 'nslookup', '-type=a', 'whoami'), new RegExp(vip));
  });
}

test.serial('after both restarts the service still scales', async (t) => {
  await verb(t, 1, 'service', 'scale', '-d', 'whoami=3');
  await whenRunning(t, 'whoami', 3);
  await eventually(t, 'three hosts behind node 2', {
    look: () => ask(2, '127.0.0.1:8000', 24),
    holds: (answers) => hostsOf(answers).length === 3 && !answers.includes(''),
  });
});
