import type { NodeId, Revision, ViewKey } from '../../model/index.ts';
import type { Store } from '../store.ts';
import type { StampedRow } from './view-index.ts';

/** What makes the rows that a node holds those of `revision`. */
export interface ViewDifference {
  readonly upserts: readonly StampedRow[];
  readonly removes: readonly ViewKey[];
  readonly revision: Revision;
}

/** Rows looked at in one step: well below a millisecond. */
const STEP_ROWS = 64;

/**
 * One node's rows as somebody holds them, and their way to those of the store: all are looked at
 * once, then only those that the store's log names.
 */
export class NodeRows {
  private readonly nodeId: NodeId;
  private readonly stepRows: number;
  private readonly held = new Map<ViewKey, Revision>();
  /** What is held is what the store said then; undefined before the first difference. */
  private revision: Revision | undefined;

  constructor(nodeId: NodeId, stepRows = STEP_ROWS) {
    this.nodeId = nodeId;
    this.stepRows = stepRows;
  }

  /** What is held before the first difference, by what was told. */
  learn(rows: Iterable<readonly [ViewKey, Revision]>): void {
    for (const [key, revision] of rows) this.held.set(key, revision);
  }

  forget(): void {
    this.held.clear();
    this.revision = undefined;
  }

  /**
   * Steps to the difference from what is held, which counts as held from then on. The store may
   * change between steps; what comes out is of one revision all the same, the last step's.
   */
  *difference(store: Store): Generator<void, ViewDifference> {
    const found = new Map<ViewKey, StampedRow | undefined>();
    let done = this.revision;
    while (done !== store.revision) {
      const from = store.revision;
      const changed = done === undefined ? undefined : store.views.keysSince(this.nodeId, done);
      yield* this.compare(store, changed ?? this.everything(store), found);
      done = from;
    }
    return this.take(found, store.revision);
  }

  private *compare(
    store: Store,
    keys: Iterable<ViewKey>,
    found: Map<ViewKey, StampedRow | undefined>,
  ): Generator<void, void> {
    let looked = 0;
    for (const key of keys) {
      const stamped = store.views.rowFor(this.nodeId, key);
      if (stamped?.revision === this.held.get(key)) found.delete(key);
      else found.set(key, stamped);
      looked += 1;
      if (looked % this.stepRows === 0) yield;
    }
  }

  /** Found while it may change: the log names what is missed. */
  private *everything(store: Store): Generator<ViewKey, void> {
    yield* this.held.keys();
    for (const key of store.views.keysOf(this.nodeId)) if (!this.held.has(key)) yield key;
  }

  private take(
    found: ReadonlyMap<ViewKey, StampedRow | undefined>,
    revision: Revision,
  ): ViewDifference {
    this.revision = revision;
    const upserts: StampedRow[] = [];
    const removes: ViewKey[] = [];
    for (const [key, stamped] of found) {
      if (stamped === undefined) {
        removes.push(key);
        this.held.delete(key);
      } else {
        upserts.push(stamped);
        this.held.set(key, stamped.revision);
      }
    }
    return { upserts, removes, revision };
  }
}
