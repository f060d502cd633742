import test from 'ava';
import { nextTaskStep, type TaskFacts, type TaskStep } from '../../src/node/task-step.ts';
import type { Task } from '../../src/model/index.ts';

function task(desiredState: Task['desiredState'], more: Partial<Task> = {}): Task {
  return {
    desiredState,
    status: { state: 'assigned', atMs: 0, message: '' },
    ...more,
  } as Task;
}

const NOTHING: Omit<TaskFacts, 'task'> = {
  container: undefined,
  hasSandbox: false,
  isRemembered: false,
  hasEnded: false,
};
const created = { state: 'created' } as const;
const running = { state: 'running' } as const;
const exited = { state: 'exited' } as const;

const cases: { name: string; facts: TaskFacts; expected: TaskStep['do']; atMs?: number }[] = [
  {
    name: 'a new task is prepared',
    facts: { ...NOTHING, task: task('running') },
    expected: 'prepare',
  },
  {
    name: 'a prepared task is started',
    facts: { ...NOTHING, task: task('running'), container: created, hasSandbox: true },
    expected: 'start',
  },
  {
    name: 'a prepared task whose sandbox is gone is prepared again',
    facts: { ...NOTHING, task: task('running'), container: created },
    expected: 'prepare',
  },
  {
    name: 'a task that is only to be ready is not started',
    facts: { ...NOTHING, task: task('ready'), container: created, hasSandbox: true },
    expected: 'wait',
  },
  {
    name: 'a restart delay is waited out',
    facts: {
      ...NOTHING,
      task: task('running', { startAfterMs: 50 }),
      container: created,
      hasSandbox: true,
    },
    atMs: 49,
    expected: 'wait',
  },
  {
    name: 'a restart delay that is over does not hold the task',
    facts: {
      ...NOTHING,
      task: task('running', { startAfterMs: 50 }),
      container: created,
      hasSandbox: true,
    },
    atMs: 50,
    expected: 'start',
  },
  {
    name: 'a running task that is wanted is left alone',
    facts: { ...NOTHING, task: task('running'), container: running, hasSandbox: true },
    expected: 'wait',
  },
  {
    name: 'a running task that is not wanted is stopped',
    facts: { ...NOTHING, task: task('shutdown'), container: running, hasSandbox: true },
    expected: 'stop',
  },
  {
    name: 'a running container without a task is stopped',
    facts: { ...NOTHING, task: undefined, container: running, hasSandbox: true },
    expected: 'stop',
  },
  {
    name: 'an ended task gives its sandbox back',
    facts: {
      ...NOTHING,
      task: task('running'),
      container: exited,
      hasSandbox: true,
      hasEnded: true,
    },
    expected: 'release',
  },
  {
    name: 'an ended task never starts again',
    facts: {
      ...NOTHING,
      task: task('running'),
      container: exited,
      hasSandbox: false,
      hasEnded: true,
    },
    expected: 'wait',
  },
  {
    name: 'a task that the cluster knows as ended is not started by a new agent',
    facts: {
      ...NOTHING,
      task: task('running', { status: { state: 'failed', atMs: 0, message: '' } }),
    },
    expected: 'wait',
  },
  {
    name: 'the container of a removed task goes',
    facts: {
      ...NOTHING,
      task: task('remove'),
      container: exited,
      hasSandbox: false,
      hasEnded: true,
    },
    expected: 'remove',
  },
  {
    name: 'a removed task gives its sandbox back before its container goes',
    facts: {
      ...NOTHING,
      task: task('remove'),
      container: exited,
      hasSandbox: true,
      hasEnded: true,
    },
    expected: 'release',
  },
  {
    name: 'a removed task of which nothing is left is forgotten',
    facts: { ...NOTHING, task: undefined },
    expected: 'forget',
  },
  {
    name: 'a task that is only remembered is not prepared',
    facts: { ...NOTHING, task: task('running'), isRemembered: true },
    expected: 'wait',
  },
  {
    name: 'a task that is only remembered is not started',
    facts: {
      ...NOTHING,
      task: task('running'),
      container: created,
      hasSandbox: true,
      isRemembered: true,
    },
    expected: 'wait',
  },
  {
    name: 'a container whose task may be newer than the remembered view is left alone',
    facts: {
      ...NOTHING,
      task: undefined,
      container: running,
      hasSandbox: true,
      isRemembered: true,
    },
    expected: 'wait',
  },
  {
    name: 'a task that is remembered to be shut down is stopped',
    facts: {
      ...NOTHING,
      task: task('shutdown'),
      container: running,
      hasSandbox: true,
      isRemembered: true,
    },
    expected: 'stop',
  },
  {
    name: 'what a remembered task that ended held is given back',
    facts: {
      ...NOTHING,
      task: task('running'),
      container: exited,
      hasSandbox: true,
      isRemembered: true,
      hasEnded: true,
    },
    expected: 'release',
  },
];

for (const { name, facts, expected, atMs } of cases) {
  test(name, (t) => t.is(nextTaskStep(facts, atMs ?? 100).do, expected));
}
