import type { NodeId, Service, ServiceId } from '../model/index.ts';
import type { Change, Store } from '../store/index.ts';
import { Occupancy } from './placement/occupancy.ts';

/** Tasks that one step of a survey counts. */
const STEP_TASKS = 2_000;

/**
 * Which services need no look, and what nodes carry, kept up to date by the store's changes.
 *
 * A service is quiet when a look at it decided nothing and asked for nothing but the service, its
 * tasks, their nodes (for a global service: all nodes) and the cluster's settings. It stays so
 * until one of these changes.
 */
export class Attention {
  private readonly store: Store;
  private readonly unwatch: () => void;
  private readonly quiet = new Set<ServiceId>();
  private readonly quietGlobals = new Set<ServiceId>();
  /** Services that are gone and may have left tasks behind. */
  private readonly gone = new Set<ServiceId>();
  private counted: Occupancy | undefined;

  constructor(store: Store) {
    this.store = store;
    this.unwatch = store.watch((changes) => this.note(changes));
  }

  /** What the tasks take of their nodes; `undefined` from a replaced state to a survey. */
  get occupancy(): Occupancy | undefined {
    return this.counted;
  }

  close(): void {
    this.unwatch();
  }

  /**
   * Steps that count what there was before this began to watch; none when that is done. Ends early
   * when the state is replaced meanwhile.
   */
  *survey(): Generator<void, void> {
    if (this.counted !== undefined) return;
    const occupancy = new Occupancy();
    this.counted = occupancy;
    // Changes from here on are counted as they come, on top of what the rows of this moment say.
    const tasks = [...this.store.tasks.values()];
    for (const [index, task] of tasks.entries()) {
      occupancy.change(undefined, task);
      if (!this.store.services.has(task.serviceId)) this.gone.add(task.serviceId);
      if (index % STEP_TASKS !== STEP_TASKS - 1) continue;
      yield;
      if (this.counted !== occupancy) return;
    }
  }

  isQuiet(id: ServiceId): boolean {
    return this.quiet.has(id) || this.quietGlobals.has(id);
  }

  /** The service was looked at, and is quiet. */
  rest({ id, spec }: Service): void {
    if ('Global' in spec.Mode) this.quietGlobals.add(id);
    else this.quiet.add(id);
  }

  /** Services that are gone but for tasks. */
  remnants(): Iterable<ServiceId> {
    return this.gone;
  }

  /** What is left of a service was looked at, and is quiet. */
  restRemnant(id: ServiceId): void {
    if (this.store.tasksByService(id).length === 0) this.gone.delete(id);
    else this.quiet.add(id);
  }

  private note(changes: readonly Change[]): void {
    if (changes.length === 0) this.begin();
    for (const change of changes) {
      switch (change.kind) {
        case 'cluster':
          this.wakeAll();
          break;
        case 'node':
          this.noteNode(change.id);
          break;
        case 'service':
          this.wake(change.id);
          if (change.after === undefined) this.gone.add(change.id);
          else this.gone.delete(change.id);
          break;
        case 'task':
          this.counted?.change(change.before, change.after);
          this.wake((change.after ?? change.before)?.serviceId);
          break;
        case 'network':
          // Networks matter to tasks that wait for an address, and those are not quiet.
          break;
      }
    }
  }

  private noteNode(id: NodeId): void {
    for (const { serviceId } of this.store.tasksByNode(id)) this.quiet.delete(serviceId);
    this.quietGlobals.clear();
  }

  private wake(id: ServiceId | undefined): void {
    if (id === undefined) return;
    this.quiet.delete(id);
    this.quietGlobals.delete(id);
  }

  private wakeAll(): void {
    this.quiet.clear();
    this.quietGlobals.clear();
  }

  private begin(): void {
    this.wakeAll();
    this.gone.clear();
    this.counted = undefined;
  }
}
