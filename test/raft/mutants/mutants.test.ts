import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import test from 'ava';
import { replay, scenarioFiles } from '../../store/scenario.ts';
import { groupScript } from '../script/group-script.ts';
import { World } from '../sim/world.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

/** Each bug shows within this many runs, or the simulation is not looking. */
const SEEDS_MAX = 1000;

for (const mutant of MUTANTS) {
  test(`caught: ${mutant.name}`, (t) => {
    const caught = catchMutant(mutant);
    if (caught === undefined) {
      t.fail(mutant.scenario ?? `not caught in ${SEEDS_MAX} seeds`);
      return;
    }
    t.log(`${caught.where}: ${caught.message}`);
    t.notThrows(caught.run, 'without the bug it passes');
  });
}

function catchMutant(mutant: Mutant) {
  const restore = mutant.plant();
  try {
    for (const { where, run } of runsOf(mutant)) {
      const message = trouble(run);
      if (message !== undefined) return { where, run, message };
    }
    return undefined;
  } finally {
    restore();
  }
}

function runsOf({ scenario, weather }: Mutant) {
  if (scenario !== undefined) return [{ where: scenario, run: () => play(scenario) }];
  return Array.from({ length: SEEDS_MAX }, (_, at) => {
    const seed = at + 1;
    return { where: `seed ${seed}`, run: () => void new World(seed, weather).run() };
  });
}

/** What the commands print does not matter here; the group's checkers look on. */
function play(scenario: string): void {
  const files = scenarioFiles(join('raft/scenarios', dirname(scenario)));
  const path = files.find((file) => basename(file, '.txt') === basename(scenario));
  if (path === undefined) throw new Error(`there is no scenario ${scenario}`);
  replay(readFileSync(path, 'utf8'), groupScript());
}

/** The first line of what a run died of. */
function trouble(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}
