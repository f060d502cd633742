/** Carries one task of a node through its life, a step at a time, as its runner in `node` does. */
import { randomBelow } from '../../../src/base/index.ts';
import {
  isTerminal,
  type Task,
  type TaskId,
  type TaskState,
  type TaskStatus,
} from '../../../src/model/index.ts';
import { nextTaskStep, type TaskStep } from '../../../src/node/task-step.ts';
import type { SimNode } from './sim-node.ts';

/** The longest that a step takes. */
const STEP_MAX_MS: Readonly<Record<Exclude<TaskStep['do'], 'wait'>, number>> = {
  prepare: 300,
  start: 100,
  stop: 400,
  release: 20,
  remove: 20,
  forget: 1,
};

export class TaskCarrier {
  private readonly node: SimNode;
  private readonly id: TaskId;
  private task: Task | undefined;
  private isRemembered = true;
  private isBusy = false;
  private hasEnded = false;
  private reported: TaskStatus | undefined;

  constructor(node: SimNode, id: TaskId) {
    this.node = node;
    this.id = id;
  }

  want(task: Task | undefined, { isRemembered }: { readonly isRemembered: boolean }): void {
    this.task = task;
    this.isRemembered = isRemembered;
    this.look();
  }

  look(): void {
    if (this.isBusy) return;
    this.reportContainer();
    const { containers, clock } = this.node;
    const container = containers.all.get(this.id);
    const hasSandbox = containers.sandboxes.has(this.id);
    const { task, hasEnded, isRemembered } = this;
    const facts = { task, container, hasSandbox, isRemembered, hasEnded };
    const step = nextTaskStep(facts, clock.wallMs());
    if (step.do !== 'wait') {
      this.begin(step.do);
      return;
    }
    const isToEnd = task?.desiredState === 'shutdown' || task?.desiredState === 'remove';
    if (isToEnd && container?.state !== 'running') this.say('shutdown');
    if (step.untilMs === undefined) return;
    const waitMs = clock.span(Math.max(1, step.untilMs - clock.wallMs()));
    this.node.after(waitMs, () => this.look());
  }

  private begin(action: Exclude<TaskStep['do'], 'wait'>): void {
    this.isBusy = true;
    if (action === 'prepare') this.say('preparing');
    if (action === 'start') this.say('starting');
    const ms = 1 + randomBelow(this.node.world.rng, STEP_MAX_MS[action]);
    this.node.after(ms, () => {
      this.isBusy = false;
      this.finish(action);
      if (action !== 'forget') this.look();
    });
  }

  private finish(action: Exclude<TaskStep['do'], 'wait'>): void {
    const { containers, world } = this.node;
    const container = containers.all.get(this.id);
    world.trace.note(`${this.node.nodeId} task ${this.id.slice(0, 6)} ${action}`);
    switch (action) {
      case 'prepare':
        containers.attach(this.id);
        if (this.task !== undefined) containers.create(this.task);
        return this.say('ready');
      case 'start':
        if (container?.state !== 'created') return;
        container.state = 'running';
        this.node.gossip?.containersChanged();
        return world.checks.allocation.started(this.node.nodeId, this.id, container.attachments);
      case 'stop':
        return this.node.endContainer(this.id, 143);
      case 'release':
        return void containers.sandboxes.delete(this.id);
      case 'remove':
        return void containers.all.delete(this.id);
      case 'forget':
        this.say('shutdown');
        this.node.worker.forget(this.id);
    }
  }

  private reportContainer(): void {
    const container = this.node.containers.all.get(this.id);
    if (container?.state === 'running') this.say('running');
    if (container?.state !== 'exited') return;
    this.hasEnded = true;
    const desired = this.task?.desiredState;
    const wasWanted = desired === 'running' || desired === 'ready';
    if (!wasWanted) this.say('shutdown');
    else this.say(container.exitCode === 0 ? 'complete' : 'failed');
  }

  /** Reports a state once, and nothing after an end. */
  private say(state: TaskState): void {
    const before = this.reported ?? this.task?.status;
    if (before !== undefined && (isTerminal(before.state) || before.state === state)) return;
    const status = { state, atMs: this.node.clock.wallMs(), message: state };
    this.reported = status;
    this.node.worker.report(this.id, status);
  }
}
