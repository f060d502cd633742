import test from 'ava';
import type { RestartPolicy, Task } from '../../src/model/index.ts';
import {
  historyForRestarts,
  restartDelayMs,
  wantsRestart,
} from '../../src/orchestrator/restart.ts';

interface Life {
  readonly state?: Task['status']['state'];
  readonly createdAtMs?: number;
  readonly startAfterMs?: number;
  readonly endedAtMs?: number;
  readonly specVersion?: number;
}

function ended(policy: RestartPolicy, life: Life = {}): Task {
  const { state = 'failed', createdAtMs = 0, endedAtMs = 1000, specVersion = 1 } = life;
  return {
    spec: { ContainerSpec: { Image: 'x' }, RestartPolicy: policy },
    specVersion,
    status: { state, atMs: 0, message: '' },
    meta: { revision: 1, createdAtMs, updatedAtMs: endedAtMs },
    ...(life.startAfterMs !== undefined && { startAfterMs: life.startAfterMs }),
  } as unknown as Task;
}

const wants: readonly {
  name: string;
  policy: RestartPolicy;
  lives: readonly Life[];
  nowMs?: number;
  expected: boolean;
}[] = [
  { name: 'by default after a failure', policy: {}, lives: [{}], expected: true },
  { name: 'by default after success', policy: {}, lives: [{ state: 'complete' }], expected: true },
  {
    name: 'never with condition none',
    policy: { Condition: 'none' },
    lives: [{ state: 'failed' }],
    expected: false,
  },
  {
    name: 'on failure after a failure',
    policy: { Condition: 'on-failure' },
    lives: [{ state: 'rejected' }],
    expected: true,
  },
  {
    name: 'on failure not after success',
    policy: { Condition: 'on-failure' },
    lives: [{ state: 'complete' }],
    expected: false,
  },
  {
    name: 'while attempts are left',
    policy: { MaxAttempts: 2 },
    lives: [{}, {}],
    expected: true,
  },
  {
    name: 'not after the last attempt',
    policy: { MaxAttempts: 2 },
    lives: [{}, {}, {}],
    expected: false,
  },
  {
    name: 'as older versions do not count',
    policy: { MaxAttempts: 1 },
    lives: [{ specVersion: 0 }, { specVersion: 0 }, {}],
    expected: true,
  },
  {
    name: 'as tasks that were told to stop do not count',
    policy: { MaxAttempts: 1 },
    lives: [{ state: 'shutdown' }, { state: 'orphaned' }, {}],
    expected: true,
  },
  {
    name: 'as attempts outside the window do not count',
    policy: { MaxAttempts: 1, Window: 10e9 },
    lives: [{ endedAtMs: 1000 }, { endedAtMs: 60_000 }],
    nowMs: 60_000,
    expected: true,
  },
  {
    name: 'not when all attempts lie in the window',
    policy: { MaxAttempts: 1, Window: 120e9 },
    lives: [{ endedAtMs: 1000 }, { endedAtMs: 60_000 }],
    nowMs: 60_000,
    expected: false,
  },
];

for (const { name, policy, lives, nowMs = 1000, expected } of wants) {
  test(`another task is wanted ${name}`, (t) => {
    const tasks = lives.map((life) => ended(policy, life));
    t.is(wantsRestart(tasks.at(-1) as Task, tasks, nowMs), expected);
  });
}

const delays: readonly {
  name: string;
  policy: RestartPolicy;
  lives: readonly Life[];
  expected: number;
}[] = [
  { name: 'five seconds by default', policy: {}, lives: [{}], expected: 5000 },
  { name: 'what the policy says', policy: { Delay: 250e6 }, lives: [{}, {}], expected: 250 },
  { name: 'nothing if so asked', policy: { Delay: 0 }, lives: [{}, {}], expected: 0 },
  {
    name: 'twice the last delay from the third crash on',
    policy: {},
    lives: [{}, {}, { createdAtMs: 1000, startAfterMs: 6000, endedAtMs: 6500 }],
    expected: 10_000,
  },
  {
    name: 'a second to begin with where there was none',
    policy: { Delay: 0 },
    lives: [{}, {}, {}],
    expected: 1000,
  },
  {
    name: 'a minute at most',
    policy: {},
    lives: [{}, {}, { createdAtMs: 0, startAfterMs: 50_000, endedAtMs: 50_100 }],
    expected: 60_000,
  },
  {
    name: 'never less than the policy says',
    policy: { Delay: 600e9 },
    lives: [{}, {}, {}, {}],
    expected: 600_000,
  },
  {
    name: 'the plain one after a task that lived',
    policy: {},
    lives: [{}, {}, {}, { createdAtMs: 0, endedAtMs: 60_000 }],
    expected: 5000,
  },
  {
    name: 'the plain one for a new version',
    policy: {},
    lives: [{ specVersion: 0 }, { specVersion: 0 }, { specVersion: 0 }, {}],
    expected: 5000,
  },
];

for (const { name, policy, lives, expected } of delays) {
  test(`the delay is ${name}`, (t) => {
    const tasks = lives.map((life) => ended(policy, life));
    t.is(restartDelayMs(tasks.at(-1) as Task, tasks), expected);
  });
}

test('history keeps as many tasks as the attempts are counted on', (t) => {
  t.is(historyForRestarts(undefined), 0);
  t.is(historyForRestarts({ MaxAttempts: 0 }), 0);
  t.is(historyForRestarts({ MaxAttempts: 3 }), 4);
});
