import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { runSeed, textOfFailure, type Outcome, type Summary } from './run.ts';

/** `HAWSER_SIM_SEEDS=5000` looks longer, `HAWSER_SIM_FROM=n` looks at the same seeds again. */
const SEEDS = Number(process.env['HAWSER_SIM_SEEDS'] ?? 500);
const FROM = Number(process.env['HAWSER_SIM_FROM'] ?? Math.floor(Date.now() / 1000));
const BATCH = 100;
const WORKERS = Math.min(2, availableParallelism());
const BATCH_MS_MAX = 300_000;
const TWICE = [1, 3, 8, 30];

/** A number and why it is kept, on each line. */
function keptSeeds(): readonly { readonly seed: number; readonly reason: string }[] {
  const file = join(import.meta.dirname, '../../../test/sim/kept-seeds.txt');
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .filter((line) => /^\d/.test(line))
    .map((line) => {
      const [seed = '', ...words] = line.split(/\s+/);
      return { seed: Number(seed), reason: words.join(' ') };
    });
}

for (const { seed, reason } of keptSeeds()) {
  test(`kept seed ${seed} passes: ${reason}`, (t) => {
    const outcome = runSeed(seed);
    if (outcome.kind === 'failed') t.fail(textOfFailure(outcome.failure));
    else t.pass();
  });
}

test('one seed is one run', (t) => {
  for (const seed of TWICE) {
    const [one, other] = [runSeed(seed), runSeed(seed)];
    t.deepEqual(one, other, `seed ${seed}`);
  }
});

for (let first = FROM; first < FROM + SEEDS; first += BATCH) {
  const last = Math.min(first + BATCH, FROM + SEEDS) - 1;
  test.serial(`fresh seeds ${first} to ${last} pass`, async (t) => {
    t.timeout(BATCH_MS_MAX);
    const outcomes = await runInWorkers(first, last);
    const failures = outcomes.filter((outcome) => outcome.kind === 'failed');
    t.deepEqual(
      failures.map(({ failure }) => textOfFailure(failure)),
      [],
    );
    const summaries = outcomes.filter((outcome) => outcome.kind === 'passed');
    const totals = totalsOf(summaries.map(({ summary }) => summary));
    t.log(JSON.stringify(totals));
    // A simulation that does nothing breaks nothing.
    t.true(totals.entries > outcomes.length * 50 && totals.operations > outcomes.length * 15);
  });
}

async function runInWorkers(first: number, last: number): Promise<readonly Outcome[]> {
  const parts = Array.from({ length: WORKERS }, (_, at) => runInWorker(first + at, last));
  return (await Promise.all(parts)).flat();
}

/** Every so-manieth seed, so that the workers get equal shares. */
async function runInWorker(first: number, last: number): Promise<readonly Outcome[]> {
  const worker = new Worker(new URL('./seed-worker.js', import.meta.url), {
    workerData: { first, last, step: WORKERS },
  });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

type Totals = Pick<Summary, 'events' | 'entries' | 'operations' | 'undecided' | 'crashes'>;

function totalsOf(summaries: readonly Summary[]): Totals {
  const totals = { events: 0, entries: 0, operations: 0, undecided: 0, crashes: 0 };
  for (const summary of summaries)
    for (const key of Object.keys(totals) as (keyof Totals)[]) totals[key] += summary[key];
  return totals;
}
