import test from 'ava';
import { MUTANTS, type Mutant } from './mutants.ts';

/** Each bug shows within this many runs, or nobody is looking. */
const SEEDS_MAX = 200;

for (const mutant of MUTANTS) {
  test.serial(`caught: ${mutant.name}`, (t) => {
    const caught = catchMutant(mutant);
    if (caught === undefined) {
      t.fail(`not caught in ${SEEDS_MAX} seeds`);
      return;
    }
    t.log(`seed ${caught.seed}: ${caught.message}`);
    t.notThrows(() => mutant.check(caught.seed), 'without the bug it passes');
  });
}

function catchMutant({ plant, check }: Mutant) {
  const restore = plant();
  try {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const message = trouble(() => check(seed));
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
