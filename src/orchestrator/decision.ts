import { randomId, type Rng } from '../base/index.ts';
import type { Node, NodeId, Service, ServiceId, Task, TaskId, TaskStatus } from '../model/index.ts';
import { taskNetworkIds, type Command, type NewTask, type Store } from '../store/index.ts';
import { isWanted } from './group.ts';
import { NodeLoads } from './placement/node-loads.ts';
import type { Occupancy } from './placement/occupancy.ts';
import { Placer } from './placement/placer.ts';

const DESIRED_ORDER: readonly Task['desiredState'][] = ['ready', 'running', 'shutdown', 'remove'];

type TasksChange = Extract<Command, { type: 'tasks.change' }>;

/**
 * Tasks created by one command at most: it travels in the log, and is applied without a pause. The
 * rest follows in the next decision.
 */
export const CREATES_MAX = 250;
/** Changes of any kind after which a decision is full. One service may take it beyond. */
const CHANGES_MAX = 1_000;

export interface DecisionOptions {
  readonly store: Store;
  readonly occupancy: Occupancy;
  /** Wall clock time. */
  readonly nowMs: number;
  readonly rng: Rng;
}

/** The change that a decision adds up to, and when to look again. */
export class Decision {
  readonly store: Store;
  private readonly options: DecisionOptions;
  /** The earliest time at which waiting alone changes the decision. */
  wakeAtMs: number | undefined;
  private readonly creates: NewTask[] = [];
  private readonly places: { readonly id: TaskId; readonly nodeId: NodeId }[] = [];
  private readonly desires = new Map<TaskId, Task['desiredState']>();
  private readonly statuses: { readonly id: TaskId; readonly status: TaskStatus }[] = [];
  private readonly removes: TaskId[] = [];
  /** Endpoints that this decision puts on each network, counted against what is free there. */
  private readonly promised = new Map<string, number>();
  private readonly placers = new Map<ServiceId, Placer>();
  private lazyLoads: NodeLoads | undefined;
  private isStirred = false;

  constructor(options: DecisionOptions) {
    this.store = options.store;
    this.options = options;
  }

  /** From here on, one service is looked at. */
  beginLook(): void {
    this.isStirred = false;
  }

  /**
   * Since `beginLook` nothing was decided, and nothing was asked whose answer changes without the
   * store's rows: neither time, nor what is free.
   */
  get isQuiet(): boolean {
    return !this.isStirred;
  }

  get isFull(): boolean {
    const { creates, places, desires, statuses, removes } = this;
    const changes = places.length + desires.size + statuses.length + removes.length;
    return creates.length >= CREATES_MAX || changes >= CHANGES_MAX;
  }

  get nowMs(): number {
    this.isStirred = true;
    return this.options.nowMs;
  }

  /** Loads of the nodes; made only when something is to be placed. */
  get loads(): NodeLoads {
    this.isStirred = true;
    return (this.lazyLoads ??= this.createLoads());
  }

  get canCreate(): boolean {
    this.isStirred = true;
    return this.creates.length < CREATES_MAX;
  }

  nodeOf(task: Task): Node | undefined {
    return task.nodeId === undefined ? undefined : this.store.nodes.get(task.nodeId);
  }

  create(service: Service, task: Omit<NewTask, 'id' | 'serviceId' | 'spec' | 'specVersion'>): void {
    const spec = service.spec.TaskTemplate;
    const id = randomId(this.options.rng) as TaskId;
    this.creates.push({
      ...task,
      id,
      serviceId: service.id,
      spec,
      specVersion: service.specVersion,
    });
    if (task.nodeId === undefined) return;
    const hostPorts = service.ports.filter((port) => port.PublishMode === 'host');
    this.loads.add(task.nodeId, { serviceId: service.id, spec, hostPorts });
  }

  place(task: Task, nodeId: NodeId): void {
    this.isStirred = true;
    this.places.push({ id: task.id, nodeId });
    this.loads.add(nodeId, task);
  }

  /**
   * Asks for a state that is further than what the task is asked for already; else changes nothing.
   */
  desire(task: Task, desiredState: Task['desiredState']): void {
    const isFurther =
      DESIRED_ORDER.indexOf(desiredState) > DESIRED_ORDER.indexOf(this.desiredOf(task));
    if (!isFurther) return;
    this.isStirred = true;
    const wasWanted = this.isWanted(task);
    this.desires.set(task.id, desiredState);
    if (wasWanted && !this.isWanted(task)) this.lazyLoads?.retire(task);
  }

  /** What the task is asked for once this decision is applied. */
  desiredOf(task: Task): Task['desiredState'] {
    return this.desires.get(task.id) ?? task.desiredState;
  }

  isWanted(task: Task): boolean {
    const desired = this.desiredOf(task);
    return desired === 'ready' || desired === 'running';
  }

  placerFor(service: Service): Placer {
    this.isStirred = true;
    const known = this.placers.get(service.id);
    if (known !== undefined) return known;
    this.loads.countService(service.id);
    const placer = new Placer(service, this.loads, this.options.rng);
    this.placers.set(service.id, placer);
    return placer;
  }

  setStatus(task: Task, status: TaskStatus): void {
    this.isStirred = true;
    this.statuses.push({ id: task.id, status });
  }

  remove(task: Task): void {
    this.isStirred = true;
    this.removes.push(task.id);
  }

  /** Whether waiting until then is still needed; remembers to look again if so. */
  waitsUntil(timeMs: number): boolean {
    if (timeMs <= this.options.nowMs) return false;
    this.isStirred = true;
    this.wakeAtMs = Math.min(this.wakeAtMs ?? timeMs, timeMs);
    return true;
  }

  /**
   * Sets addresses aside for one more task of the service; the network that has none left, if one
   * has.
   */
  promiseAddresses(service: Service): string | undefined {
    this.isStirred = true;
    const ids = taskNetworkIds(service);
    for (const id of ids) {
      const free = this.store.freeAddresses(id) - (this.promised.get(id) ?? 0);
      if (free > 0) continue;
      const name = this.store.networks.get(id)?.spec.Name ?? id;
      return `no available IPv4 addresses on network ${name}`;
    }
    for (const id of ids) this.promised.set(id, (this.promised.get(id) ?? 0) + 1);
    return undefined;
  }

  /** The change as a command; `undefined` when there is nothing to change. */
  command(): TasksChange | undefined {
    const { creates, places, statuses, removes } = this;
    const desires = [...this.desires].map(([id, desiredState]) => ({ id, desiredState }));
    const size = creates.length + places.length + desires.length + statuses.length + removes.length;
    if (size === 0) return undefined;
    return {
      type: 'tasks.change',
      atMs: this.options.nowMs,
      creates,
      places,
      desires,
      statuses,
      removes,
    };
  }

  private createLoads(): NodeLoads {
    const { store, occupancy, nowMs } = this.options;
    const loads = new NodeLoads(store, {
      occupancy,
      nowMs,
      isWanted: (task) => this.isWanted(task),
    });
    for (const id of this.desires.keys()) {
      const task = store.tasks.get(id);
      if (task !== undefined && isWanted(task) && !this.isWanted(task)) loads.retire(task);
    }
    return loads;
  }
}
