import {
  isTerminal,
  type Node,
  type NodeId,
  type PublishedPort,
  type ServiceId,
  type Task,
  type TaskSpec,
} from '../../model/index.ts';
import type { Store } from '../../store/index.ts';

/** A failure counts against a node for this long, as in swarmkit. */
const FAILURE_MEMORY_MS = 5 * 60_000;

/** What a node carries, as far as placement cares. */
export interface NodeLoad {
  readonly node: Node;
  /** Tasks that are wanted and have not ended. */
  activeTasks: number;
  readonly activeByService: Map<ServiceId, number>;
  readonly failuresByService: Map<ServiceId, number>;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  readonly hostPorts: Set<string>;
}

export interface LoadOptions {
  readonly nowMs: number;
  /** Whether the task is wanted after what has been decided so far. */
  readonly isWanted: (task: Task) => boolean;
}

/** All nodes with their loads, kept up to date while one decision places task after task. */
export class NodeLoads {
  private readonly loads = new Map<NodeId, NodeLoad>();

  constructor(store: Store, options: LoadOptions) {
    for (const node of store.nodes.values()) this.loads.set(node.id, emptyLoad(node));
    for (const task of store.tasks.values()) this.count(task, options);
  }

  get(id: NodeId): NodeLoad | undefined {
    return this.loads.get(id);
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
    bump(load.activeByService, task.serviceId, -1);
  }

  private count(task: Task, { nowMs, isWanted }: LoadOptions): void {
    const load = task.nodeId === undefined ? undefined : this.loads.get(task.nodeId);
    if (load === undefined) return;
    const { state } = task.status;
    if (isTerminal(state)) {
      const isFailure = state === 'failed' || state === 'rejected';
      if (isFailure && task.meta.updatedAtMs > nowMs - FAILURE_MEMORY_MS)
        bump(load.failuresByService, task.serviceId);
      return;
    }
    occupy(load, task);
    if (!isWanted(task)) return;
    load.activeTasks += 1;
    bump(load.activeByService, task.serviceId);
  }
}

/** `<number>/<protocol>`: two ports of this key exclude each other on a node. */
export function hostPortKey(port: Pick<PublishedPort, 'PublishedPort' | 'Protocol'>): string {
  return `${port.PublishedPort}/${port.Protocol}`;
}

export function reservations(spec: TaskSpec): { nanoCpus: number; memoryBytes: number } {
  const { NanoCPUs = 0, MemoryBytes = 0 } = spec.Resources?.Reservations ?? {};
  return { nanoCpus: NanoCPUs, memoryBytes: MemoryBytes };
}

function occupy(load: NodeLoad, task: Pick<Task, 'spec' | 'hostPorts'>): void {
  const { nanoCpus, memoryBytes } = reservations(task.spec);
  load.freeNanoCpus -= nanoCpus;
  load.freeMemoryBytes -= memoryBytes;
  for (const port of task.hostPorts) load.hostPorts.add(hostPortKey(port));
}

function emptyLoad(node: Node): NodeLoad {
  return {
    node,
    activeTasks: 0,
    activeByService: new Map(),
    failuresByService: new Map(),
    freeNanoCpus: node.description.nanoCpus,
    freeMemoryBytes: node.description.memoryBytes,
    hostPorts: new Set(),
  };
}

function bump<Key>(counts: Map<Key, number>, key: Key, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
