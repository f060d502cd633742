/** Two minutes of what `make chaos` does for thirty. */
import test from 'ava';
import { chaos } from './chaos.ts';

const DURATION_MS = 120_000;
/** Others may load the machine here; `make chaos` holds the second. */
const LIMIT_MS = 4000;

test('whoever breaks it, all endpoints reach each other again', async (t) => {
  t.timeout(DURATION_MS * 4);
  const seed = Date.now() % 100_000;
  const say = (line: string): void => t.log(line);
  const { rounds, failures } = await chaos({
    seed,
    durationMs: DURATION_MS,
    limitMs: LIMIT_MS,
    say,
  });
  t.true(rounds > 10);
  t.deepEqual(failures, []);
});
