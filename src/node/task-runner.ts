/** Carries one task of this node through its life, one step at a time, and says how it stands. */
import { messageOf, type Clock, type Logger } from '../base/index.ts';
import { isTerminal, type Task, type TaskId, type TaskStatus } from '../model/index.ts';
import {
  RuntimeError,
  type ContainerSpec,
  type ContainerStatus,
  type Runtime,
} from '../runtime/index.ts';
import { containerIdOf } from './container-spec.ts';
import { nextTaskStep, type TaskStep } from './task-step.ts';

/** A task's network on this node. */
export interface TaskNetwork {
  has(taskId: TaskId): boolean;
  /** Ensures sandbox, links and resolver; resolves when the kernel holds all of it. */
  attach(task: Task): Promise<void>;
  release(taskId: TaskId): Promise<void>;
}

export interface TaskDeps {
  readonly runtime: Runtime;
  readonly network: TaskNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the runtime is to run; valid once the task is attached. */
  specOf(task: Task): Promise<ContainerSpec>;
  report(taskId: TaskId, status: TaskStatus): void;
  /** Nothing of the task is left here. */
  onForgotten(taskId: TaskId): void;
}

/** Between tries of a step that failed for a reason that may pass (stop, release, remove). */
const RETRY_MS = 1000;

export class TaskRunner {
  private readonly taskId: TaskId;
  private readonly deps: TaskDeps;
  private task: Task | undefined;
  private isRemembered = false;
  private hasEnded = false;
  private isRunning = false;
  private isDirty = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | undefined;
  private reported: TaskStatus | undefined;

  constructor(taskId: TaskId, deps: TaskDeps) {
    this.taskId = taskId;
    this.deps = deps;
  }

  /** Sets what is wanted; `undefined` when the view, told or remembered, has no such task. */
  want(task: Task | undefined, { isRemembered }: { readonly isRemembered: boolean }): void {
    this.task = task;
    this.isRemembered = isRemembered;
    this.wake();
  }

  /** Looks again: the container, the sandbox or the clock may have changed. */
  wake(): void {
    this.isDirty = true;
    if (this.isRunning || this.isClosed) return;
    this.isRunning = true;
    void this.run();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private get container(): ContainerStatus | undefined {
    return this.deps.runtime.get(containerIdOf(this.taskId));
  }

  private async run(): Promise<void> {
    while (this.isDirty && !this.isClosed) {
      this.isDirty = false;
      this.reportContainer();
      const step = nextTaskStep(
        {
          task: this.task,
          container: this.container,
          hasSandbox: this.deps.network.has(this.taskId),
          isRemembered: this.isRemembered,
          hasEnded: this.hasEnded,
        },
        this.deps.clock.wallMs(),
      );
      await this.carryOut(step);
    }
    this.isRunning = false;
  }

  private async carryOut(step: TaskStep): Promise<void> {
    if (step.do === 'wait') {
      if (step.untilMs !== undefined) this.wakeIn(step.untilMs - this.deps.clock.wallMs());
      const isRunning = this.container?.state === 'running';
      if (this.task?.desiredState === 'shutdown' && !isRunning) this.sayGone();
      return;
    }
    try {
      await this.perform(step.do);
      this.isDirty = true;
    } catch (error) {
      this.fail(step.do, error);
    }
  }

  private async perform(action: Exclude<TaskStep['do'], 'wait'>): Promise<void> {
    const id = containerIdOf(this.taskId);
    switch (action) {
      case 'prepare':
        return this.prepare();
      case 'start':
        this.say({ state: 'starting', message: 'starting' });
        return this.deps.runtime.start(id);
      case 'stop':
        return this.deps.runtime.stop(id);
      case 'release':
        return this.deps.network.release(this.taskId);
      case 'remove':
        return this.deps.runtime.remove(id);
      case 'forget':
        this.sayGone();
        this.close();
        this.deps.onForgotten(this.taskId);
    }
  }

  private async prepare(): Promise<void> {
    const task = this.task;
    if (!task) return;
    this.say({ state: 'preparing', message: 'preparing' });
    const image = task.spec.ContainerSpec.Image;
    if ((await this.deps.runtime.images.find(image)) === undefined) {
      throw new RuntimeError(
        { code: 'not_found', what: 'image', name: image },
        `No such image: ${image}`,
      );
    }
    await this.deps.network.attach(task);
    await this.deps.runtime.create(await this.deps.specOf(task));
    this.say({ state: 'ready', message: 'prepared' });
  }

  /** A task that cannot be made or started is over; what cannot be undone yet is tried again. */
  private fail(action: TaskStep['do'], error: unknown): void {
    this.deps.logger.warn(
      { taskId: this.taskId, action, error: messageOf(error) },
      'task step failed',
    );
    if (action === 'prepare' || action === 'start') {
      this.hasEnded = true;
      const state = action === 'prepare' ? 'rejected' : 'failed';
      this.say({
        state,
        message: action === 'prepare' ? 'preparing' : 'starting',
        error: messageOf(error),
      });
      this.isDirty = true;
      return;
    }
    this.wakeIn(RETRY_MS);
  }

  /** Says what became of the container. */
  private reportContainer(): void {
    const container = this.container;
    if (container === undefined) return;
    const known = { containerId: container.id, ...(container.pid ? { pid: container.pid } : {}) };
    if (container.state === 'running') {
      this.say({ state: 'running', message: 'started', ...known });
    } else if (container.state === 'exited') {
      this.hasEnded = true;
      this.say(this.endOf(container));
    }
  }

  private endOf(container: ContainerStatus): Omit<TaskStatus, 'atMs'> {
    const exitCode = container.exitCode ?? 0;
    const known = { containerId: container.id, exitCode };
    if (
      this.task === undefined ||
      this.task.desiredState === 'shutdown' ||
      this.task.desiredState === 'remove'
    ) {
      return { state: 'shutdown', message: 'shutdown', ...known };
    }
    if (exitCode === 0 && container.error === undefined) {
      return { state: 'complete', message: 'finished', ...known };
    }
    const error = container.error ?? `task: non-zero exit (${exitCode})`;
    return { state: 'failed', message: 'started', error, ...known };
  }

  /** A task that never ran, or whose container is gone, is shut down when nothing of it is used. */
  private sayGone(): void {
    this.say({ state: 'shutdown', message: 'shutdown' });
  }

  /** Reports a status once, and never one that goes back behind an end. */
  private say(status: Omit<TaskStatus, 'atMs'>): void {
    const before = this.reported ?? this.task?.status;
    if (before !== undefined && isTerminal(before.state)) return;
    if (before?.state === status.state && before.pid === status.pid) return;
    const full = { ...status, atMs: this.deps.clock.wallMs() };
    this.reported = full;
    this.deps.report(this.taskId, full);
  }

  private wakeIn(delayMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.wake(), Math.max(0, delayMs));
  }
}
