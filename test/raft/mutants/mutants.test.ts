import test from 'ava';
import { World } from '../sim/world.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

/** Each bug shows within this many runs, or the simulation is not looking. */
const SEEDS_MAX = 1000;

for (const mutant of MUTANTS) {
  test(`caught: ${mutant.name}`, (t) => {
    const caught = catchMutant(mutant);
    if (caught === undefined) {
      t.fail(`not caught in ${SEEDS_MAX} seeds`);
      return;
    }
    t.log(`seed ${caught.seed}: ${caught.message}`);
    t.notThrows(() => new World(caught.seed, mutant.weather).run(), 'without the bug it passes');
  });
}

function catchMutant({ plant, weather }: Mutant) {
  const restore = plant();
  try {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const message = trouble(() => new World(seed, weather).run());
      if (message !== undefined) return { seed, message };
    }
    return undefined;
  } finally {
    restore();
  }
}

/** The first line of what a run died of. */
function trouble(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}
