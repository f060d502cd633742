/** Runs a share of the seeds beside the test that waits for it; stops at the first that fails. */
import { parentPort, workerData } from 'node:worker_threads';
import { runSeed, type Outcome } from './run.ts';

interface Share {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

const { first, last, step } = workerData as Share;
const outcomes: Outcome[] = [];
for (let seed = first; seed <= last; seed += step) {
  const outcome = runSeed(seed);
  outcomes.push(outcome);
  if (outcome.kind === 'failed') break;
}
parentPort?.postMessage(outcomes);
