/**
 * Makes a stopped peer the only voter of its group, after the others are lost for good.
 *
 * Every entry of the log is applied, committed or not: an acknowledged one may be among those that
 * this peer did not yet know to be committed, and one that nobody acknowledged may be decided
 * either way. A snapshot of that state, with the one voter, then stands in place of the log.
 */
import { assert } from '../../../base/index.ts';
import {
  NO_TERM,
  type LogIndex,
  type PeerId,
  type Term,
  type WriteId,
} from '../../../raft/index.ts';
import { Applier } from './applier.ts';
import type { OpenedConsensus, StateMachine } from '../ports.ts';
import { encodeState } from './snapshot-state.ts';

const READ_BYTES_MAX = 4 << 20;

export interface ForceOptions<Outcome> {
  readonly id: PeerId;
  /** The caller closes it. */
  readonly opened: OpenedConsensus;
  /** Empty; holds the whole state afterwards. */
  readonly machine: StateMachine<Outcome>;
}

/** Throws `ClusterError` when the disk does not take it; nothing is changed then. */
export async function forceNewCluster<Outcome>(options: ForceOptions<Outcome>): Promise<void> {
  const { id, opened, machine } = options;
  const { storage, snapshot, hardState } = opened;
  const applier = new Applier(machine, () => undefined);
  if (snapshot !== undefined) await applier.restore(snapshot.state);
  const index = applyAll(opened, applier);
  const term = storage.log.term(index);
  assert(term !== undefined, 'the last entry has a term', { index });
  const state = await encodeState(applier.sessions.snapshot(), machine.snapshot(), yieldOnce);
  await storage.write(
    {
      id: 1 as WriteId,
      snapshot: { index, term, membership: { voters: [id], learners: [] } },
      entries: [],
      // Whoever led before, elsewhere perhaps, led in an earlier term.
      hardState: { term: ((hardState?.term ?? NO_TERM) + 1) as Term, vote: undefined },
      commit: index,
      needsSync: true,
      messages: [],
    },
    state,
  );
}

function applyAll<Outcome>({ storage }: OpenedConsensus, applier: Applier<Outcome>): LogIndex {
  const { log } = storage;
  let index = log.snapshot.index;
  while (index < log.lastIndex) {
    const from = (index + 1) as LogIndex;
    const entries = log.entries(from, (log.lastIndex + 1) as LogIndex, READ_BYTES_MAX);
    const last = entries?.at(-1);
    assert(entries !== undefined && last !== undefined, 'the log gives its entries', { index });
    applier.accept(entries);
    applier.run(() => false);
    index = last.index;
  }
  return index;
}

async function yieldOnce(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
