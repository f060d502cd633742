import { basename } from 'node:path';
import test from 'ava';
import { checkScenario, scenarioFiles } from '../store/scenario.ts';
import { clusterScript } from './cluster-script.ts';

for (const path of scenarioFiles('orchestrator/scenarios')) {
  test(`scenario ${basename(path, '.txt')}`, (t) => checkScenario(t, path, clusterScript()));
}
