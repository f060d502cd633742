/**
 * A store, the orchestrator and nodes that do at once what they are told: the loop that agents run,
 * without agents.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { SeededRng } from '../../src/base/index.ts';
import {
  isTerminal,
  type NodeId,
  type ServiceId,
  type Task,
  type TaskId,
  type TaskStatus,
} from '../../src/model/index.ts';
import { Orchestrator, decide, type DecideOutcome } from '../../src/orchestrator/index.ts';
import type { Command, Store } from '../../src/store/index.ts';
import { clusterStore } from '../store/cluster-fixture.ts';

/** Rounds after which a loop that still changes something counts as endless. */
const ROUNDS_MAX = 500;

export class SimulatedCluster {
  readonly store: Store;
  nowMs = 1_000_000;
  wakeAtMs: number | undefined;
  /** Nodes that neither start nor stop anything. */
  readonly frozen = new Set<NodeId>();
  /** Images whose tasks fail as soon as they start. */
  readonly broken = new Set<string>();
  private readonly orchestrator: Orchestrator;
  private readonly rng: SeededRng;

  constructor(nodes = 3, seed = 1) {
    this.store = clusterStore(nodes);
    this.orchestrator = new Orchestrator(this.store);
    this.rng = new SeededRng(seed);
  }

  apply(command: Command): void {
    const outcome = this.store.apply(command);
    if (!outcome.ok) throw new Error(`${command.type} refused: ${outcome.refusal.message}`);
  }

  /** One decision; whether it changed anything. */
  decide(): boolean {
    const { command, wakeAtMs } = this.outcome();
    this.wakeAtMs = wakeAtMs;
    if (command === undefined) return false;
    const { revision } = this.store;
    this.apply(command);
    return this.store.revision !== revision;
  }

  /** Decides and lets the nodes work until nothing changes any more. */
  settle(): void {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const hasDecided = this.decide();
      const hasWorked = this.work();
      if (!hasDecided && !hasWorked) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  /** Lets time pass in steps that miss no wake-up. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      this.settle();
      if (this.wakeAtMs === undefined || this.wakeAtMs > endMs) break;
      this.nowMs = this.wakeAtMs;
    }
    this.nowMs = endMs;
    this.settle();
  }

  /** Every node does one step for each of its tasks; whether any did. */
  work(): boolean {
    let hasWorked = false;
    for (const task of [...this.store.tasks.values()]) {
      const status = this.step(task);
      if (status === undefined) continue;
      this.report(task.id, status);
      hasWorked = true;
    }
    return hasWorked;
  }

  report(id: TaskId, status: Partial<TaskStatus> & Pick<TaskStatus, 'state'>): void {
    const nodeId = this.store.tasks.get(id)?.nodeId;
    if (nodeId === undefined) throw new Error(`task ${id} has no node`);
    const whole = { atMs: this.nowMs, message: status.state, ...status };
    this.apply({
      type: 'tasks.report',
      atMs: this.nowMs,
      nodeId,
      statuses: [{ id, status: whole }],
    });
  }

  tasks(service: string): readonly Task[] {
    return this.store.tasksByService(`svc-${service}` as ServiceId);
  }

  running(service: string): readonly Task[] {
    return this.tasks(service).filter(
      (task) => task.status.state === 'running' && task.desiredState === 'running',
    );
  }

  /** What the orchestrator decides, which must be what one that looks at everything decides. */
  private outcome(): DecideOutcome {
    const drawn: number[] = [];
    const draw = (): number => {
      drawn.push(this.rng.nextU32());
      return drawn.at(-1) ?? 0;
    };
    const expected = decide(this.store, this.nowMs, { nextU32: draw });
    const drawAgain = (): number => drawn.shift() ?? draw();
    const steps = this.orchestrator.decide(this.nowMs, { nextU32: drawAgain });
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    deepStrictEqual(sorted(step.value), sorted(expected));
    return step.value;
  }

  private step(task: Task): TaskStatus | undefined {
    const { state } = task.status;
    if (task.nodeId === undefined || this.frozen.has(task.nodeId) || isTerminal(state))
      return undefined;
    if (this.store.nodes.get(task.nodeId)?.state !== 'ready') return undefined;
    const become = (to: TaskStatus['state']): TaskStatus => ({
      state: to,
      atMs: this.nowMs,
      message: to,
    });
    if (task.desiredState === 'shutdown' || task.desiredState === 'remove')
      return become('shutdown');
    if (task.desiredState === 'ready') return state === 'ready' ? undefined : become('ready');
    if (this.broken.has(task.spec.ContainerSpec.Image)) return become('failed');
    return state === 'running' ? undefined : become('running');
  }
}

/** In which order services are looked at, is nobody's concern. */
function sorted({ command, wakeAtMs }: DecideOutcome): unknown {
  const byId = (one: { readonly id: string }, other: { readonly id: string }): number =>
    one.id < other.id ? -1 : 1;
  if (command === undefined) return { wakeAtMs };
  const { creates, places, desires, statuses, removes } = command;
  const lists = [creates, places, desires, statuses].map((list) => [...list].sort(byId));
  return { wakeAtMs, lists, removes: removes.toSorted() };
}
