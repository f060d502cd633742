import { basename } from 'node:path';
import test from 'ava';
import { checkScenario, scenarioFiles } from './scenario.ts';
import { storeScript } from './store-script.ts';

for (const path of scenarioFiles('store/scenarios')) {
  test(`scenario ${basename(path, '.txt')}`, (t) => checkScenario(t, path, storeScript()));
}
