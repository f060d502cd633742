import { basename } from 'node:path';
import test from 'ava';
import { checkScenario, scenarioFiles } from '../store/scenario.ts';
import { gossipScript } from './support/gossip-script.ts';

for (const path of scenarioFiles('gossip/scenarios')) {
  test(`scenario ${basename(path, '.txt')}`, (t) => checkScenario(t, path, gossipScript()));
}
