/** Output of tasks, asked of managers that do not lead. */
import test from 'ava';
import type { TaskLogEntry, TaskLogQuery } from '../../../src/cluster/index.ts';
import { isClusterError } from '../../../src/cluster/index.ts';
import { ClusterClient, taskLogsSchema, trustOf } from '../../../src/cluster/transport/index.ts';
import { isLocked, loadMembership } from '../../../src/cluster/identity/index.ts';
import { join } from 'node:path';
import { NO_LOGS, createService, joinRequest, managerOf, service, until } from '../fixture.ts';
import { QUICK, group, idOf, joinManager, leaderOf, setRole } from './group.ts';

const QUERY = { wantStdout: true, wantStderr: true, isFollowing: false };

function query(changes: Partial<TaskLogQuery> = {}): TaskLogQuery {
  return { ...QUERY, signal: new AbortController().signal, ...changes };
}

async function collect(entries: AsyncIterable<TaskLogEntry>): Promise<TaskLogEntry[]> {
  const all: TaskLogEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

test('output of tasks is had through any manager, whole, and ends when nobody reads', async (t) => {
  t.timeout(120_000);
  const { lab, members } = await group(t, 3);
  const first = leaderOf(members);
  let active = 0;
  const worker = await lab.member({
    ...QUICK,
    localNode: {
      ...NO_LOGS,
      taskLogs: async function* (taskId, { isFollowing, signal, tailLines }) {
        active += 1;
        try {
          yield { stream: 'stdout', time: '1', line: Buffer.from(`${taskId} ${tailLines}`) };
          yield { stream: 'stderr', time: '2', line: Buffer.from([0, 255, 10]) };
          while (isFollowing && !signal.aborted) await new Promise((r) => setTimeout(r, 2));
        } finally {
          active -= 1;
        }
      },
    },
  });
  await worker.join(joinRequest(first));
  for (const member of members) await drain(member);
  await createService(managerOf(first), 'web', service('web', 2));
  await until('two tasks', () => worker.view?.assignments.size === 2);
  for (const member of members) {
    const manager = managerOf(member);
    await manager.sync();
    const tasks = [...manager.store.tasks.values()];
    const entries = await collect(manager.taskLogs(tasks, query({ tailLines: 7 })));
    t.deepEqual(
      entries
        .map(({ taskId, stream, line }) => `${taskId} ${stream} ${line.toString('hex')}`)
        .sort(),
      tasks
        .flatMap(({ id }) => [
          `${id} stdout ${Buffer.from(`${id} 7`).toString('hex')}`,
          `${id} stderr 00ff0a`,
        ])
        .sort(),
    );
  }
  const follower = managerOf(members.find((each) => each !== leaderOf(members)) ?? first);
  const controller = new AbortController();
  const tasks = [...follower.store.tasks.values()];
  const { signal } = controller;
  const following = collect(follower.taskLogs(tasks, query({ isFollowing: true, signal })));
  await until('both to speak', () => active === 2);
  controller.abort();
  t.true((await following).length <= 4);
  await until('both to stop', () => active === 0);

  await worker.close();
  const error = await t.throwsAsync(collect(follower.taskLogs(tasks, query())));
  t.true(isClusterError(error, 'logs-incomplete'));
  t.regex(error.message, /^incomplete log stream\. .*is not available/);

  async function drain(member: typeof first): Promise<void> {
    const manager = managerOf(first);
    await manager.sync();
    const node = manager.store.nodes.get(idOf(member)) ?? t.fail();
    const spec = { ...node.spec, Availability: 'drain' } as const;
    const { id, meta } = node;
    await manager.propose({ type: 'node.update', atMs: 1, id, version: meta.revision, spec });
  }
});

test('a node that was a manager once is told nothing with the certificate of then', async (t) => {
  t.timeout(120_000);
  const { lab, members } = await group(t, 3);
  const leader = leaderOf(members);
  const dataDirectory = await lab.directory();
  const other = await joinManager(lab, leader, { dataDirectory });
  const held = await loadMembership(join(dataDirectory, 'cluster'));
  if (held === undefined || isLocked(held)) throw new Error('no membership');
  await setRole(managerOf(leader), idOf(other), 'worker');
  await until('a worker', () => other.manager === undefined);
  const [host = '', port = ''] = (leader.status().advertiseAddress ?? '').split(':');
  const client = await ClusterClient.connect({ host, port: Number(port) }, trustOf(held));
  t.teardown(() => client.close());
  const error = await t.throwsAsync(
    client.openStream('POST /v1/task-logs', { taskIds: [], query: QUERY }),
  );
  t.true(isClusterError(error, 'forbidden'));
});

test('what asks for output is checked', (t) => {
  t.true(taskLogsSchema.safeParse({ taskIds: ['a'], query: QUERY }).success);
  for (const bad of [
    {},
    { taskIds: ['a'] },
    { taskIds: 'a', query: QUERY },
    { taskIds: [''], query: QUERY },
    { taskIds: [], query: { ...QUERY, tailLines: -1 } },
    { taskIds: Array.from({ length: 5_001 }, (_, at) => `t${at}`), query: QUERY },
  ])
    t.false(taskLogsSchema.safeParse(bad).success);
});
