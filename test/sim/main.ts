/**
 * `make sim SEED=n` runs one seed and says how it went; `make sim-soak` runs one seed after the
 * other until it is stopped or one fails.
 */
import { runSeed, textOfFailure } from './run.ts';

const PROGRESS_EVERY = 50;

function runOne(seed: number): boolean {
  const outcome = runSeed(seed);
  if (outcome.kind === 'failed') {
    console.error(textOfFailure(outcome.failure));
    return false;
  }
  console.log(JSON.stringify(outcome.summary, undefined, 1));
  return true;
}

function soak(from: number): never {
  const begunAt = performance.now();
  for (let seed = from; ; seed += 1) {
    const outcome = runSeed(seed);
    if (outcome.kind === 'failed') {
      console.error(textOfFailure(outcome.failure));
      process.exit(1);
    }
    const done = seed - from + 1;
    if (done % PROGRESS_EVERY !== 0) continue;
    const seconds = (performance.now() - begunAt) / 1000;
    const rate = (done / seconds).toFixed(1);
    console.log(`${done} seeds passed, from ${from} on, ${rate}/s; the last one was ${seed}`);
  }
}

const [mode = 'one', text = '1'] = process.argv.slice(2);
const seed = Number(text);
if (!Number.isSafeInteger(seed)) throw new Error(`SEED must be a whole number, not ${text}`);
if (mode === 'soak') soak(seed);
process.exitCode = runOne(seed) ? 0 : 1;
