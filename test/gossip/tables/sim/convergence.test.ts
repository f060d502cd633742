import test from 'ava';
import { World } from './world.ts';

const KEPT_SEEDS = 60;
const FRESH_SEEDS = 20;

test('whatever the weather, in the calm after it everyone sees what the owners have', (t) => {
  for (let seed = 1; seed <= KEPT_SEEDS; seed += 1) new World(seed).run();
  t.pass();
});

test('so it is with seeds that nobody has tried', (t) => {
  const given = process.env['HAWSER_SIM_SEED'];
  const first = given === undefined ? 1000 + (Date.now() % 2 ** 30) : Number(given);
  t.log(`HAWSER_SIM_SEED=${first}`);
  for (let seed = first; seed < first + FRESH_SEEDS; seed += 1) new World(seed).run();
  t.pass();
});
