/** Snapshots as text: whole, to compare, to keep and to restore. */
import { Store } from '../../../src/store/index.ts';

/** Equal for equal states. */
export function snapshotOf(store: Store): string {
  return Buffer.concat([...store.snapshotPieces()]).toString();
}

/** A store with the state that the snapshot tells. Throws `SnapshotError`. */
export function restored(snapshot: string): Store {
  const store = new Store();
  runAll(store.loadSteps(Buffer.from(snapshot)));
  return store;
}

/** Takes every step at once; how many there were. */
export function runAll(steps: Iterable<void>): number {
  return [...steps].length;
}
