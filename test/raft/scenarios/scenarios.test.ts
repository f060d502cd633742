import { basename, join } from 'node:path';
import test from 'ava';
import { checkScenario, scenarioFiles } from '../../store/scenario.ts';
import { groupScript } from '../script/group-script.ts';

for (const folder of ['leadership', 'log', 'membership', 'clients'])
  for (const path of scenarioFiles(join('raft/scenarios', folder)))
    test(`scenario ${folder}/${basename(path, '.txt')}`, (t) => {
      checkScenario(t, path, groupScript());
    });
