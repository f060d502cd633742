import test from 'ava';
import { SILENT_LOGGER, type Clock } from '../../src/base/index.ts';
import type { Task, TaskId, TaskStatus } from '../../src/model/index.ts';
import { containerIdOf } from '../../src/node/container-spec.ts';
import { TaskRunner, type TaskDeps } from '../../src/node/task-runner.ts';
import type { ContainerSpec, ContainerStatus, Runtime } from '../../src/runtime/index.ts';

const TASK_ID = 'taska0000000000000000000a' as TaskId;
const TOLD = { isRemembered: false };
const CONTAINER_ID = containerIdOf(TASK_ID);

/**
 * A world of one task: a runtime that obeys, a network that attaches, and everything that was
 * reported.
 */
class World {
  readonly events: string[] = [];
  readonly statuses: TaskStatus[] = [];
  container: ContainerStatus | undefined;
  isAttached = false;
  images = ['busybox'];
  failing: string | undefined;
  readonly runner: TaskRunner;
  private readonly waiters: (() => void)[] = [];

  constructor() {
    this.runner = new TaskRunner(TASK_ID, this.deps());
  }

  /** Resolves once `isDone` holds, looking again after every event. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  exit(exitCode: number): void {
    this.container = { ...this.status('exited'), exitCode };
    this.runner.wake();
  }

  get states(): string[] {
    return this.statuses.map(({ state }) => state);
  }

  private note(event: string): void {
    this.events.push(event);
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private act(event: string): void {
    this.note(event);
    if (this.failing === event) throw new Error(`${event} does not work`);
  }

  private status(state: ContainerStatus['state']): ContainerStatus {
    return {
      id: CONTAINER_ID,
      spec: {} as ContainerSpec,
      imageId: 'sha256:0',
      state,
      createdAtMs: 0,
      ...(state === 'running' ? { pid: 7 } : {}),
    };
  }

  private deps(): TaskDeps {
    const runtime = {
      images: { find: async (name: string) => (this.images.includes(name) ? {} : undefined) },
      get: () => this.container,
      create: async () => {
        this.act('create');
        this.container = this.status('created');
      },
      start: async () => {
        this.act('start');
        this.container = this.status('running');
      },
      stop: async () => {
        this.act('stop');
        this.container = { ...this.status('exited'), exitCode: 143 };
      },
      remove: async () => {
        this.act('remove');
        this.container = undefined;
      },
    } as unknown as Runtime;
    return {
      runtime,
      network: {
        has: () => this.isAttached,
        attach: async () => {
          this.act('attach');
          this.isAttached = true;
        },
        release: async () => {
          this.act('release');
          this.isAttached = false;
        },
      },
      clock: { wallMs: () => 1000, monotonicMs: () => 1000 } satisfies Clock,
      logger: SILENT_LOGGER,
      specOf: async () => ({}) as ContainerSpec,
      report: (_, status) => {
        this.statuses.push(status);
        this.note(status.state);
      },
      onForgotten: () => this.note('forgotten'),
    };
  }
}

function task(desiredState: Task['desiredState'], image = 'busybox'): Task {
  return {
    id: TASK_ID,
    desiredState,
    spec: { ContainerSpec: { Image: image } },
    status: { state: 'assigned', atMs: 0, message: '' },
    attachments: [],
  } as unknown as Task;
}

test('a task that is shut down before it runs ends', async (t) => {
  const world = new World();
  world.runner.want(task('ready'), TOLD);
  await world.until(() => world.states.includes('ready'));
  world.runner.want(task('shutdown'), TOLD);
  await world.until(() => world.states.includes('shutdown'));
  t.deepEqual(world.events.slice(-2), ['release', 'shutdown']);
});

test("a task is attached, created, started and reported in Docker's order of states", async (t) => {
  const world = new World();
  world.runner.want(task('running'), TOLD);
  await world.until(() => world.states.includes('running'));
  t.deepEqual(world.states, ['preparing', 'ready', 'starting', 'running']);
  t.deepEqual(
    world.events.filter((event) => ['attach', 'create', 'start'].includes(event)),
    ['attach', 'create', 'start'],
  );
});

test('a task whose image is not here is rejected and touches nothing', async (t) => {
  const world = new World();
  world.runner.want(task('running', 'nosuch'), TOLD);
  await world.until(() => world.states.includes('rejected'));
  t.is(world.statuses.at(-1)?.error, 'No such image: nosuch');
  t.false(world.events.includes('attach'));
});

test('a task that cannot be created is rejected once and its sandbox is given back', async (t) => {
  const world = new World();
  world.failing = 'create';
  world.runner.want(task('running'), TOLD);
  await world.until(() => world.events.includes('release'));
  t.deepEqual(world.states, ['preparing', 'rejected']);
});

test('a container that ends by itself is reported and never started again', async (t) => {
  const world = new World();
  world.runner.want(task('running'), TOLD);
  await world.until(() => world.states.includes('running'));
  world.exit(3);
  await world.until(() => world.events.includes('release'));
  t.like(world.statuses.at(-1), { state: 'failed', exitCode: 3, error: 'task: non-zero exit (3)' });
  world.runner.want(task('running'), TOLD);
  t.is(world.events.filter((event) => event === 'start').length, 1);
});

test('a task that is to shut down counts as shut down whatever its exit code', async (t) => {
  const world = new World();
  world.runner.want(task('running'), TOLD);
  await world.until(() => world.states.includes('running'));
  world.runner.want(task('shutdown'), TOLD);
  await world.until(() => world.events.includes('release'));
  t.like(world.statuses.at(-1), { state: 'shutdown', exitCode: 143 });
  t.false(world.events.includes('remove'), 'its container stays for its logs');
});

test('nothing is left of a task that is taken away', async (t) => {
  const world = new World();
  world.runner.want(task('running'), TOLD);
  await world.until(() => world.states.includes('running'));
  world.runner.want(undefined, TOLD);
  await world.until(() => world.events.includes('forgotten'));
  t.is(world.container, undefined);
  t.false(world.isAttached);
});

test('a running container of an earlier agent is adopted and not touched', async (t) => {
  const world = new World();
  world.isAttached = true;
  world.container = { id: CONTAINER_ID, state: 'running', pid: 7 } as ContainerStatus;
  world.runner.want(task('running'), TOLD);
  await world.until(() => world.states.includes('running'));
  t.deepEqual(world.events, ['running']);
});
