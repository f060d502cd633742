import test from 'ava';
import {
  isClusterError,
  type ClusterMember,
  type LocalNode,
  type TaskLogEntry,
  type TaskLogQuery,
} from '../../src/cluster/index.ts';
import type { Task } from '../../src/model/index.ts';
import {
  NO_LOGS,
  createLab,
  createService,
  managerOf,
  service,
  until,
  type Lab,
} from './fixture.ts';

const QUERY = { wantStdout: true, wantStderr: true, isFollowing: false };

function query(changes: Partial<TaskLogQuery> = {}): TaskLogQuery {
  return { ...QUERY, signal: new AbortController().signal, ...changes };
}

/** A manager and a worker that both speak with `taskLogs`, and a task on each. */
async function speakers(
  lab: Lab,
  taskLogs: LocalNode['taskLogs'],
): Promise<{ member: ClusterMember; worker: ClusterMember; tasks: readonly Task[] }> {
  const localNode = { ...NO_LOGS, taskLogs };
  const { member, manager } = await lab.manager({ localNode });
  const worker = await lab.worker(member, { localNode });
  await createService(manager, 'web', service('web', 2));
  await until('a task on each', () =>
    [member, worker].every((each) => each.view?.assignments.size === 1),
  );
  return { member, worker, tasks: [...manager.store.tasks.values()] };
}

async function collect(entries: AsyncIterable<TaskLogEntry>): Promise<TaskLogEntry[]> {
  const all: TaskLogEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

test('output of tasks comes from whichever node they are on, unchanged', async (t) => {
  const lab = createLab(t);
  const bytes = Buffer.from([0, 255, 10, 13, 200]);
  const big = Buffer.alloc(3 << 20, 'x');
  const { member, tasks } = await speakers(lab, async function* (taskId) {
    yield { stream: 'stdout', time: '2026-01-01T00:00:00.000000001Z', line: Buffer.from(taskId) };
    yield { stream: 'stderr', time: '2026-01-01T00:00:00.000000002Z', line: bytes };
    yield { stream: 'stdout', time: '2026-01-01T00:00:00.000000003Z', line: big };
  });
  const entries = await collect(managerOf(member).taskLogs(tasks, query()));
  for (const { id } of tasks) {
    const own = entries.filter(({ taskId }) => taskId === id);
    t.is(own[0]?.line.toString(), id);
    t.deepEqual(own[1], {
      taskId: id,
      stream: 'stderr',
      time: '2026-01-01T00:00:00.000000002Z',
      line: bytes,
    });
    // Not deepEqual: that takes seconds for megabytes.
    t.true(Buffer.concat(own.slice(2).map(({ line }) => line)).equals(big));
  }
});

test('the query reaches the node as it was asked', async (t) => {
  const lab = createLab(t);
  const queries: Omit<TaskLogQuery, 'signal'>[] = [];
  const { member, tasks } = await speakers(lab, async function* (_taskId, asking) {
    const { wantStdout, wantStderr, isFollowing, tailLines, sinceMs } = asking;
    queries.push({
      wantStdout,
      wantStderr,
      isFollowing,
      ...(tailLines !== undefined && { tailLines }),
      ...(sinceMs !== undefined && { sinceMs }),
    });
  });
  const asked = {
    wantStdout: false,
    wantStderr: true,
    isFollowing: false,
    tailLines: 7,
    sinceMs: 1.5,
  };
  t.deepEqual(await collect(managerOf(member).taskLogs(tasks, query(asked))), []);
  t.deepEqual(queries, [asked, asked]);
});

test('a reader that stops or aborts stops the writers on their nodes', async (t) => {
  const lab = createLab(t);
  let active = 0;
  let yielded = 0;
  const { member, tasks } = await speakers(lab, async function* (_taskId, { signal }) {
    active += 1;
    try {
      while (!signal.aborted) {
        yielded += 1;
        yield { stream: 'stdout', time: 't', line: Buffer.alloc(10_000) };
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      active -= 1;
    }
  });
  const manager = managerOf(member);
  for await (const entry of manager.taskLogs(tasks, query({ isFollowing: true }))) {
    t.truthy(entry.taskId);
    break;
  }
  await until('both to stop after the break', () => active === 0);
  const controller = new AbortController();
  const following = collect(
    manager.taskLogs(tasks, query({ isFollowing: true, signal: controller.signal })),
  );
  await until('both to speak', () => active === 2 && yielded > 20);
  controller.abort();
  await following;
  await until('both to stop after the abort', () => active === 0);
});

test('a slow reader slows the writers down', async (t) => {
  const lab = createLab(t);
  let yielded = 0;
  const { member, tasks } = await speakers(lab, async function* (_taskId, { signal }) {
    while (!signal.aborted) {
      yielded += 1;
      yield { stream: 'stdout', time: 't', line: Buffer.alloc(100_000) };
    }
  });
  const reader = managerOf(member)
    .taskLogs(tasks, query({ isFollowing: true }))
    [Symbol.asyncIterator]();
  await reader.next();
  let before = -1;
  // Two looks with turns of every kind between them: nothing moves any more.
  await until('the writers to stand still', () => {
    const isSame = yielded === before;
    before = yielded;
    return isSame;
  });
  t.true(yielded < 2_000, `${yielded} entries of 100 kB wait`);
  await reader.return?.();
});

test('what cannot be had is told at the end, after what can be had', async (t) => {
  const lab = createLab(t);
  const { member, worker, tasks } = await speakers(lab, async function* (taskId) {
    yield { stream: 'stdout', time: 't', line: Buffer.from(taskId) };
    if (taskId.length > 0) throw new Error('the log file is gone');
  });
  const manager = managerOf(member);
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { taskId } of manager.taskLogs(tasks, query())) seen.push(taskId);
  };
  const error = await t.throwsAsync(read());
  t.true(isClusterError(error, 'logs-incomplete'));
  t.regex(error.message, /^incomplete log stream\. .*the log file is gone/);
  t.is(seen.length, 2);
  await worker.close();
  const gone = await t.throwsAsync(read());
  t.regex(gone.message, /node [0-9a-z]+ is not available/);
});
