import {
  isTerminal,
  type Node,
  type NodeId,
  type ServiceId,
  type Task,
} from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import { hostPortKey, reservations, type Occupancy } from './occupancy.ts';

/** A failure counts against a node for this long, as in swarmkit. */
const FAILURE_MEMORY_MS = 5 * 60_000;

/** What a node carries, as far as placement cares. */
export interface NodeLoad {
  readonly node: Node;
  /** Tasks that are wanted and have not ended. */
  activeTasks: number;
  /** Of services that were counted: tasks that are wanted and have not ended. */
  readonly activeByService: Map<ServiceId, number>;
  /** Of services that were counted. */
  readonly failuresByService: Map<ServiceId, number>;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  readonly hostPorts: Set<string>;
}

export interface LoadOptions {
  readonly occupancy: Occupancy;
  readonly nowMs: number;
  /** Whether the task is wanted after what has been decided so far. */
  readonly isWanted: (task: Task) => boolean;
}

/** All nodes with their loads, kept up to date while one decision places task after task. */
export class NodeLoads {
  private readonly store: Store;
  private readonly options: LoadOptions;
  private readonly loads = new Map<NodeId, NodeLoad>();
  private readonly counted = new Set<ServiceId>();

  constructor(store: Store, options: LoadOptions) {
    this.store = store;
    this.options = options;
    for (const node of store.nodes.values())
      this.loads.set(node.id, initialLoad(node, options.occupancy));
  }

  get(id: NodeId): NodeLoad | undefined {
    return this.loads.get(id);
  }

  /** From here on `activeByService` and `failuresByService` tell of this service. */
  countService(id: ServiceId): void {
    if (this.counted.has(id)) return;
    this.counted.add(id);
    for (const task of this.store.tasksByService(id)) this.count(task);
  }

  values(): IterableIterator<NodeLoad> {
    return this.loads.values();
  }

  /** Counts a task that is about to be placed there. */
  add(id: NodeId, task: Pick<Task, 'serviceId' | 'spec' | 'hostPorts'>): void {
    const load = this.loads.get(id);
    if (load === undefined) return;
    load.activeTasks += 1;
    bump(load.activeByService, task.serviceId);
    occupy(load, task);
  }

  /**
   * Counts a task out that is to go: its place is not crowded by it, though it still has its ports
   * and memory.
   */
  retire(task: Task): void {
    const load = task.nodeId === undefined ? undefined : this.loads.get(task.nodeId);
    if (load === undefined || isTerminal(task.status.state)) return;
    load.activeTasks -= 1;
    if (this.counted.has(task.serviceId)) bump(load.activeByService, task.serviceId, -1);
  }

  private count(task: Task): void {
    const { nowMs, isWanted } = this.options;
    const load = task.nodeId === undefined ? undefined : this.loads.get(task.nodeId);
    if (load === undefined) return;
    const { state } = task.status;
    const isFailure = state === 'failed' || state === 'rejected';
    if (isFailure && task.meta.updatedAtMs > nowMs - FAILURE_MEMORY_MS)
      bump(load.failuresByService, task.serviceId);
    if (!isTerminal(state) && isWanted(task)) bump(load.activeByService, task.serviceId);
  }
}

function occupy(load: NodeLoad, task: Pick<Task, 'spec' | 'hostPorts'>): void {
  const { nanoCpus, memoryBytes } = reservations(task.spec);
  load.freeNanoCpus -= nanoCpus;
  load.freeMemoryBytes -= memoryBytes;
  for (const port of task.hostPorts) load.hostPorts.add(hostPortKey(port));
}

function initialLoad(node: Node, occupancy: Occupancy): NodeLoad {
  const { active, nanoCpus, memoryBytes, hostPorts } = occupancy.of(node.id);
  return {
    node,
    activeTasks: active,
    activeByService: new Map(),
    failuresByService: new Map(),
    freeNanoCpus: node.description.nanoCpus - nanoCpus,
    freeMemoryBytes: node.description.memoryBytes - memoryBytes,
    hostPorts: new Set(hostPorts.keys()),
  };
}

function bump<Key>(counts: Map<Key, number>, key: Key, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
