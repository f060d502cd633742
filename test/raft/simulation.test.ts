import test from 'ava';
import { World } from './sim/world.ts';

/** Raised by hand to look longer: `HAWSER_RAFT_SEEDS=5000`. */
const SEEDS = Number(process.env['HAWSER_RAFT_SEEDS'] ?? 300);

test('no seed breaks a promise, and every group comes together after the storm', (t) => {
  const totals = { commits: 0, writes: 0, reads: 0, snapshots: 0, terms: 0 };
  const from = Number(process.env['HAWSER_RAFT_SEED'] ?? 1);
  for (let seed = from; seed < from + SEEDS; seed += 1) {
    try {
      const summary = new World(seed).run();
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += summary[key];
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
      return;
    }
  }
  t.log(totals);
  t.true(totals.writes > SEEDS * 20 && totals.reads > SEEDS * 5 && totals.snapshots > SEEDS / 4);
});
