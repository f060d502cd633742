import type {
  Cluster,
  Network,
  NetworkId,
  Node,
  NodeId,
  Revision,
  Service,
  ServiceId,
  Task,
  TaskId,
} from '../model/index.ts';
import { applyCommand, ingressNetwork } from './apply/index.ts';
import type { ApplyOutcome, Command } from './commands.ts';
import { Draft } from './draft.ts';
import { readSnapshot } from './snapshot/read.ts';
import { snapshotPieces } from './snapshot/write.ts';
import { State, type Change } from './state.ts';
import type { TableReader } from './table.ts';
import { ViewIndex } from './view/view-index.ts';

/**
 * Told after each command that changed something: what, and the revision it made. No changes mean
 * that the whole state was replaced.
 */
export type StoreListener = (changes: readonly Change[], revision: Revision) => void;

/**
 * The replicated state. `apply` is its only writer and a function of state and command alone, so
 * stores that applied the same commands are equal, and so are their snapshots, byte for byte.
 */
export class Store {
  private state = new State();
  private viewIndex = new ViewIndex(this.state);
  private readonly listeners = new Set<StoreListener>();

  /** Number of commands that were accepted. */
  get revision(): Revision {
    return this.state.revision;
  }

  get cluster(): Cluster | undefined {
    return this.state.cluster;
  }

  get nodes(): TableReader<NodeId, Node> {
    return this.state.nodes;
  }

  get networks(): TableReader<NetworkId, Network> {
    return this.state.networks;
  }

  get services(): TableReader<ServiceId, Service> {
    return this.state.services;
  }

  get tasks(): TableReader<TaskId, Task> {
    return this.state.tasks;
  }

  /** In order of creation. */
  tasksByService(id: ServiceId): readonly Task[] {
    return this.state.tasks.byService(id);
  }

  tasksByNode(id: NodeId): readonly Task[] {
    return this.state.tasks.byNode(id);
  }

  /** The network that published ports are routed over. */
  get ingress(): Network | undefined {
    return ingressNetwork(this.state);
  }

  /** How many more addresses the network can give; 0 when there is no such network. */
  freeAddresses(id: NetworkId): number {
    return this.state.addresses.get(id)?.free ?? 0;
  }

  /** What each node is to know; see `viewRows`. */
  get views(): ViewIndex {
    return this.viewIndex;
  }

  /** Applies the command whole, or refuses it and changes nothing. */
  apply(command: Command): ApplyOutcome {
    const draft = new Draft(this.state, command.atMs);
    const refusal = applyCommand(draft, command);
    if (refusal !== undefined) {
      draft.rollBack();
      return { ok: false, refusal };
    }
    this.state.revision = draft.revision;
    if (draft.changes.length > 0) this.publish(draft.changes, draft.revision);
    return { ok: true, revision: draft.revision };
  }

  /** Calls `listener` after each change, until the returned function is called. */
  watch(listener: StoreListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * The state of the call as bytes, for `loadSteps`: pieces of about a megabyte at most, each made
   * when it is asked for, which takes some milliseconds. Commands may be applied meanwhile.
   */
  snapshotPieces(): Iterable<Uint8Array> {
    return snapshotPieces(this.state);
  }

  /**
   * Steps of some milliseconds each. The last one puts the state that `snapshot` tells in place of
   * this one and tells listeners, with no changes, to look again at everything; until then, and if
   * a step throws `SnapshotError`, the store is what it was. Nothing may be applied in between.
   */
  *loadSteps(snapshot: Uint8Array): Generator<void, void> {
    const { state, views } = yield* readSnapshot(snapshot);
    this.state = state;
    this.viewIndex = views;
    this.tell([], state.revision);
  }

  private publish(changes: readonly Change[], revision: Revision): void {
    this.viewIndex.note(changes, revision);
    this.tell(changes, revision);
  }

  private tell(changes: readonly Change[], revision: Revision): void {
    for (const listener of [...this.listeners]) listener(changes, revision);
  }
}
