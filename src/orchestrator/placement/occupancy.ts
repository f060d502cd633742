import {
  isTerminal,
  type NodeId,
  type PublishedPort,
  type Task,
  type TaskSpec,
} from '../../model/index.ts';

/** What tasks take of one node. */
interface Use {
  /** Tasks that have not ended. */
  tasks: number;
  /** Those of them that are wanted. */
  active: number;
  nanoCpus: number;
  memoryBytes: number;
  /** By `hostPortKey`, how many of the tasks have the port. */
  readonly hostPorts: Map<string, number>;
}

/** What the tasks that are not known to have ended take of their nodes. */
export class Occupancy {
  private readonly nodes = new Map<NodeId, Use>();

  of(id: NodeId): Readonly<Use> {
    return this.nodes.get(id) ?? nothing();
  }

  /** Counts `before` out and `after` in. */
  change(before: Task | undefined, after: Task | undefined): void {
    if (before !== undefined) this.count(before, -1);
    if (after !== undefined) this.count(after, 1);
  }

  private count({ nodeId, spec, hostPorts, status, desiredState }: Task, by: 1 | -1): void {
    if (nodeId === undefined || isTerminal(status.state)) return;
    const use = this.nodes.get(nodeId) ?? nothing();
    this.nodes.set(nodeId, use);
    const { nanoCpus, memoryBytes } = reservations(spec);
    use.tasks += by;
    if (desiredState === 'ready' || desiredState === 'running') use.active += by;
    use.nanoCpus += by * nanoCpus;
    use.memoryBytes += by * memoryBytes;
    for (const port of hostPorts) {
      const key = hostPortKey(port);
      const count = (use.hostPorts.get(key) ?? 0) + by;
      if (count === 0) use.hostPorts.delete(key);
      else use.hostPorts.set(key, count);
    }
    if (isNothing(use)) this.nodes.delete(nodeId);
  }
}

function nothing(): Use {
  return { tasks: 0, active: 0, nanoCpus: 0, memoryBytes: 0, hostPorts: new Map() };
}

/** Rows may be counted out before they are counted in, so none of the figures says it alone. */
function isNothing({ tasks, active, nanoCpus, memoryBytes, hostPorts }: Use): boolean {
  const figures = [tasks, active, nanoCpus, memoryBytes, hostPorts.size];
  return figures.every((figure) => figure === 0);
}

/** `<number>/<protocol>`: two ports of this key exclude each other on a node. */
export function hostPortKey(port: Pick<PublishedPort, 'PublishedPort' | 'Protocol'>): string {
  return `${port.PublishedPort}/${port.Protocol}`;
}

export function reservations(spec: TaskSpec): { nanoCpus: number; memoryBytes: number } {
  const { NanoCPUs = 0, MemoryBytes = 0 } = spec.Resources?.Reservations ?? {};
  return { nanoCpus: NanoCPUs, memoryBytes: MemoryBytes };
}
