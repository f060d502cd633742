import test from 'ava';
import { runSeed, type Failure } from '../run.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

/** Each bug shows within this many runs, or the simulator is not looking. */
const SEEDS_MAX = 150;

const TABLE: string[] = [];

for (const mutant of MUTANTS)
  test.serial(`caught: ${mutant.name}`, (t) => {
    const failure = caught(mutant);
    if (failure === undefined) {
      t.fail(`not caught in ${SEEDS_MAX} seeds`);
      return;
    }
    const { seed, checker } = failure;
    TABLE.push(`${String(seed).padStart(4)}  ${checker.padEnd(22)}  ${mutant.name}`);
    const sound = runSeed(seed, mutant.swarm);
    t.is(sound.kind, 'passed', 'without the bug it passes');
  });

test.after((t) => t.log(['seed  checker                 bug', ...TABLE].join('\n')));

function caught({ plant, swarm }: Mutant): Failure | undefined {
  const restore = plant();
  try {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const outcome = runSeed(seed, swarm);
      if (outcome.kind === 'failed') return outcome.failure;
    }
    return undefined;
  } finally {
    restore();
  }
}
