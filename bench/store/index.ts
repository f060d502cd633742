/**
 * The control core at its largest: what it costs to keep, bring back and change a state of 10,000
 * services with 100,000 tasks, and for how long that holds the event loop. There is no peer.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SeededRng } from '../../src/base/index.ts';
import { inSlices } from '../../src/cluster/manager/slices.ts';
import { Orchestrator, type DecideOutcome } from '../../src/orchestrator/index.ts';
import { Store, viewRows } from '../../src/store/index.ts';
import { limitRow, median, type Row } from '../table.ts';
import { applyTo, largeStore, nodeId, report } from './fixture.ts';
import { BLOCK_MS_MAX, watched, watchedRows, type Watched } from './loop-watch.ts';
import { peerRows } from './peers.ts';

const ROUNDS = 3;
const REPORTS = 20_000;

export async function storeRows(): Promise<Row[]> {
  const store = largeStore();
  const rows = [...(await snapshotRows(store)), ...(await peerRows(store))];
  return [...rows, ...changeRows(store), ...(await decisionRows(store))];
}

async function snapshotRows(store: Store): Promise<Row[]> {
  const taken: Watched<Buffer>[] = [];
  const loaded: Watched<void>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const snapshot = await watched(() => snapshotOf(store));
    taken.push(snapshot);
    loaded.push(await watched(() => inSlices(new Store().loadSteps(snapshot.result))));
  }
  const megabytes = (taken[0]?.result.length ?? 0) / 1e6;
  return [
    ...watchedRows('store: snapshot', taken),
    ...watchedRows('store: load', loaded),
    limitRow('store: snapshot, size', megabytes, { max: 100, unit: 'MB' }),
  ];
}

async function snapshotOf(store: Store): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (const piece of store.snapshotPieces()) {
    pieces.push(piece);
    await nextTurn();
  }
  return Buffer.concat(pieces);
}

function changeRows(store: Store): Row[] {
  const tasks = [...store.tasks.values()].slice(0, REPORTS);
  const startMs = performance.now();
  for (const task of tasks) applyTo(store, report({ ...task, id: task.id }, 'complete'));
  const reportUs = ((performance.now() - startMs) * 1000) / REPORTS;
  const viewMs = Array.from({ length: ROUNDS }, (_, at) => {
    const fromMs = performance.now();
    viewRows(store, nodeId(at));
    return performance.now() - fromMs;
  });
  return [
    limitRow('store: a node’s report applied', reportUs, { max: 100, unit: 'µs' }),
    limitRow('store: all rows of a node', median(viewMs), { max: BLOCK_MS_MAX, unit: 'ms' }),
  ];
}

/** The first decision looks at everything; those after it at what has changed. */
async function decisionRows(store: Store): Promise<Row[]> {
  const orchestrator = new Orchestrator(store);
  const rng = new SeededRng(1);
  const nowMs = 1_800_000_000_000;
  const decide = (): Promise<Watched<DecideOutcome>> =>
    watched(() => inSlices(orchestrator.decide(nowMs, rng)));
  const first: Watched<DecideOutcome>[] = [];
  for (;;) {
    const decided = await decide();
    first.push(decided);
    if (decided.result.command === undefined) break;
    applyTo(store, decided.result.command);
  }
  const later: Watched<DecideOutcome>[] = [];
  for (const task of [...store.tasks.values()].slice(-10)) {
    applyTo(store, report(task, 'failed'));
    later.push(await decide());
  }
  orchestrator.close();
  const laterMs = median(later.map((run) => run.ms));
  return [
    ...watchedRows('orchestrator: first decision', first.slice(0, 1)),
    limitRow('orchestrator: a decision after a task’s end', laterMs, { max: 10, unit: 'ms' }),
  ];
}
