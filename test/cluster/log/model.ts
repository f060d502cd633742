/** What a storage should hold, kept in the plainest way; and steps that change both. */
import type { ExecutionContext } from 'ava';
import type { OpenedStorage, RaftStorage } from '../../../src/cluster/log/index.ts';
import type { Entry, HardState, LogIndex, SnapshotMeta, Write } from '../../../src/raft/index.ts';
import { listed, metaOf, textOf } from './fixture.ts';

export interface Model {
  /** Every entry after the beginning or the installed snapshot, forgotten or not. */
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot: { readonly meta: SnapshotMeta; readonly state: string };
}

export const EMPTY: Model = {
  entries: [],
  hardState: undefined,
  snapshot: { meta: metaOf(0, 0), state: '' },
};

export type Step =
  | { readonly kind: 'write'; readonly write: Write; readonly state?: string }
  | {
      readonly kind: 'save';
      readonly meta: SnapshotMeta;
      readonly state: string;
      readonly keepOld: number;
      readonly slow: number;
    };

export async function take(storage: RaftStorage, step: Step): Promise<void> {
  if (step.kind === 'write') {
    const state = step.state === undefined ? undefined : Buffer.from(step.state);
    await storage.write(step.write, state);
    return;
  }
  const keep = { oldSnapshots: step.keepOld, entriesForSlow: step.slow };
  await storage.saveSnapshot(step.meta, Buffer.from(step.state), keep);
}

export function after(model: Model, step: Step): Model {
  if (step.kind === 'save') return { ...model, snapshot: { meta: step.meta, state: step.state } };
  const { snapshot, entries, hardState } = step.write;
  const begun =
    snapshot === undefined
      ? model
      : { ...model, entries: [], snapshot: { meta: snapshot, state: step.state ?? '' } };
  const first = entries[0]?.index ?? Infinity;
  return {
    ...begun,
    entries: [...begun.entries.filter(({ index }) => index < first), ...entries],
    hardState: hardState ?? begun.hardState,
  };
}

/** Whether what was found is the model, apart from what may be forgotten. */
export function isSame(opened: OpenedStorage, model: Model): boolean {
  const { storage, hardState, snapshot } = opened;
  const { log } = storage;
  const { meta, state } = model.snapshot;
  const first = log.firstIndex;
  const expected = model.entries.filter(({ index }) => index >= first).map(textOf);
  return (
    JSON.stringify(log.snapshot) === JSON.stringify(meta) &&
    (meta.index === 0 ? snapshot === undefined : snapshot?.state.toString() === state) &&
    first <= meta.index + 1 &&
    JSON.stringify(hardState) === JSON.stringify(model.hardState) &&
    JSON.stringify(listed(log)) === JSON.stringify(expected) &&
    opened.commit >= meta.index &&
    opened.commit <= log.lastIndex
  );
}

export function assertSame(t: ExecutionContext, opened: OpenedStorage, model: Model): void {
  const { storage, hardState, snapshot } = opened;
  const found = { log: listed(storage.log), hardState, state: snapshot?.state.toString() };
  const expected = { ...model, entries: model.entries.map(textOf) };
  t.true(isSame(opened, model), JSON.stringify({ found, expected }, undefined, 1));
}

/** Precondition: a snapshot or an entry has that index. */
export function termAt({ entries, snapshot }: Model, index: number): number {
  if (index === snapshot.meta.index) return snapshot.meta.term;
  return entries.find((entry) => entry.index === index)?.term ?? 0;
}

export function lastIndex({ entries, snapshot }: Model): LogIndex {
  return entries.at(-1)?.index ?? snapshot.meta.index;
}
