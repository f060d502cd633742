import test from 'ava';
import { drawServiceName } from '../../../src/api/services/service-name.ts';
import { SeededRng } from '../../../src/base/index.ts';
import { parseServiceSpec } from '../../../src/model/index.ts';

test('a drawn name is an adjective and a surname, and one that a service may have', (t) => {
  const rng = new SeededRng(1);
  const names = new Set<string>();
  for (let draw = 0; draw < 20_000; draw += 1) names.add(drawServiceName(rng, () => false));
  t.true(names.size > 5_000);
  for (const name of names) {
    t.regex(name, /^[a-z]+_[a-z]+$/);
    const document = { Name: name, TaskTemplate: { ContainerSpec: { Image: 'whoami:1' } } };
    t.is(parseServiceSpec(document).Name, name);
  }
});

test('a name that is taken is not drawn, however many are', (t) => {
  const rng = new SeededRng(2);
  const name = drawServiceName(rng, (drawn) => /^[a-z_]+$/.test(drawn));
  t.regex(name, /^[a-z]+_[a-z]+\d+$/);
});
