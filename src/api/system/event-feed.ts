/**
 * What happens, as Docker's events: changes of the cluster's objects (on managers) and of this
 * node's containers.
 */
import type { Network, Node, Service } from '../../model/index.ts';
import type { ContainerStatus } from '../../runtime/index.ts';
import type { Change, Store } from '../../store/index.ts';
import type { Backend } from '../backend.ts';

export interface ApiEvent {
  readonly type: 'container' | 'network' | 'node' | 'service';
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly scope: 'local' | 'swarm';
  readonly atMs: number;
}

/** Past events that `docker events --since` can still see. */
export const EVENTS_KEPT_MAX = 256;

type Listener = (event: ApiEvent) => void;

/** Turns changes into events, keeps the newest, and tells those who listen. */
export class EventFeed {
  private readonly backend: Backend;
  private readonly kept: ApiEvent[] = [];
  private readonly listeners = new Set<Listener>();
  private readonly unsubscribes: (() => void)[] = [];
  private readonly containers = new Map<string, ContainerStatus>();
  private store: Store | undefined;
  private unwatch: (() => void) | undefined;

  constructor(backend: Backend) {
    this.backend = backend;
    const { member, runtime } = backend;
    this.unsubscribes.push(member.onStatus(() => this.followStore()));
    this.followStore();
    if (!runtime) return;
    for (const container of runtime.list()) this.containers.set(container.id, container);
    this.unsubscribes.push(runtime.onChange((id) => this.noteContainer(id)));
  }

  get recent(): readonly ApiEvent[] {
    return this.kept;
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  close(): void {
    for (const unsubscribe of this.unsubscribes) unsubscribe();
    this.unwatch?.();
    this.listeners.clear();
  }

  /** A node's store comes with its manager and goes with it. */
  private followStore(): void {
    const store = this.backend.member.manager?.store;
    if (store === this.store) return;
    this.unwatch?.();
    this.store = store;
    this.unwatch = store?.watch((changes) => {
      for (const change of changes) this.noteChange(change);
    });
  }

  private noteChange(change: Change): void {
    switch (change.kind) {
      case 'service':
        return this.noteObject('service', change, serviceAttributes);
      case 'node':
        return this.noteObject('node', change, nodeAttributes);
      case 'network':
        return this.noteObject('network', change, networkAttributes);
      case 'cluster':
      case 'task':
        return;
    }
  }

  private noteObject<Row>(
    type: ApiEvent['type'],
    change: { readonly id: string; readonly before?: Row; readonly after?: Row },
    attributesOf: (row: Row, before: Row | undefined) => Readonly<Record<string, string>>,
  ): void {
    const row = change.after ?? change.before;
    if (row === undefined) return;
    const isNew = change.before === undefined;
    const action = isNew ? 'create' : change.after === undefined ? 'remove' : 'update';
    const attributes = attributesOf(row, isNew ? undefined : change.before);
    this.publish({ type, action, id: change.id, attributes, scope: 'swarm' });
  }

  private noteContainer(id: string): void {
    const before = this.containers.get(id);
    const after = this.backend.runtime?.get(id);
    if (after) this.containers.set(id, after);
    else this.containers.delete(id);
    const container = after ?? before;
    if (!container) return;
    for (const action of containerActions(before, after)) {
      const attributes = containerAttributes(container, action);
      this.publish({ type: 'container', action, id, attributes, scope: 'local' });
    }
  }

  private publish(event: Omit<ApiEvent, 'atMs'>): void {
    const timed: ApiEvent = { ...event, atMs: this.backend.clock.wallMs() };
    this.kept.push(timed);
    if (this.kept.length > EVENTS_KEPT_MAX) this.kept.shift();
    for (const listener of [...this.listeners]) listener(timed);
  }
}

/** The events that lie between two looks at a container. */
function containerActions(
  before: ContainerStatus | undefined,
  after: ContainerStatus | undefined,
): readonly string[] {
  const hasRun = before !== undefined && before.state !== 'created';
  return [
    ...(before === undefined ? ['create'] : []),
    ...(after?.startedAtMs !== undefined && !hasRun ? ['start'] : []),
    ...(after?.state === 'exited' && before?.state !== 'exited' ? ['die'] : []),
    ...(after === undefined ? ['destroy'] : []),
  ];
}

function containerAttributes(
  { spec, exitCode }: ContainerStatus,
  action: string,
): Readonly<Record<string, string>> {
  return {
    ...spec.labels,
    image: spec.image,
    name: spec.name,
    ...(action === 'die' ? { exitCode: String(exitCode ?? 0) } : {}),
  };
}

function serviceAttributes(service: Service, before: Service | undefined): Record<string, string> {
  const { Name: name } = service.spec;
  if (!before) return { name };
  return {
    name,
    ...changed('replicas', replicasOf(before), replicasOf(service)),
    ...changed('image', imageOf(before), imageOf(service)),
  };
}

function replicasOf({ spec }: Service): string {
  return 'Replicated' in spec.Mode ? String(spec.Mode.Replicated.Replicas) : '';
}

function imageOf({ spec }: Service): string {
  return spec.TaskTemplate.ContainerSpec.Image;
}

function nodeAttributes(node: Node, before: Node | undefined): Record<string, string> {
  const name = node.description.hostname;
  if (!before) return { name };
  return {
    name,
    ...changed('state', before.state, node.state),
    ...changed('availability', before.spec.Availability, node.spec.Availability),
    ...changed('role', before.spec.Role, node.spec.Role),
  };
}

function networkAttributes(network: Network): Record<string, string> {
  return { name: network.spec.Name, type: network.spec.Driver };
}

function changed(field: string, before: string, after: string): Record<string, string> {
  return before === after ? {} : { [`${field}.new`]: after, [`${field}.old`]: before };
}
