import test from 'ava';
import { messageOf } from '../../../src/base/index.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { trial } from './trial.ts';

/** Each bug shows within this many lives, or the trial is not looking. */
const SEEDS_MAX = 20;

for (const mutant of MUTANTS) {
  test(`caught: ${mutant.name}`, (t) => {
    const caught = catchMutant(mutant);
    if (caught === undefined) {
      t.fail(`not caught in ${SEEDS_MAX} seeds`);
      return;
    }
    t.log(`seed ${caught.seed}: ${caught.message}`);
    t.notThrows(() => trial(caught.seed), 'without the bug it passes');
  });
}

test('without bugs every life passes', (t) => {
  for (let seed = 1; seed <= SEEDS_MAX / 2; seed += 1)
    t.notThrows(() => trial(seed), `seed ${seed}`);
});

function catchMutant({ plant }: Mutant): { seed: number; message: string } | undefined {
  const restore = plant();
  try {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const message = trouble(() => trial(seed));
      if (message !== undefined) return { seed, message };
    }
    return undefined;
  } finally {
    restore();
  }
}

/** What a life died of. */
function trouble(live: () => void): string | undefined {
  try {
    live();
    return undefined;
  } catch (error) {
    return messageOf(error).slice(0, 200);
  }
}
