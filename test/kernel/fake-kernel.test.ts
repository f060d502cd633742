import test from 'ava';
import { SeededRng } from '../../src/base/index.ts';
import { HOST_NAMESPACE } from '../../src/dataplane/index.ts';
import { FakeKernel } from '../../src/kernel/index.ts';
import { BRIDGE, holdsSame, put, registerCompliance } from './compliance/index.ts';

registerCompliance(test, () => ({
  kernel: new FakeKernel({ failureRate: 0 }),
  name: (suffix) => `fake-${suffix}`,
  vni: 4096,
}));

test('the fake refuses one operation in ten, the same ones for the same seed', async (t) => {
  const runs = await Promise.all(
    [7, 7, 8].map(async (seed) => {
      const kernel = new FakeKernel({ rng: new SeededRng(seed) });
      const operations = Array.from({ length: 1000 }, (_, index) =>
        put({ ...BRIDGE, name: `br${index}` }),
      );
      const outcomes = await kernel.apply(HOST_NAMESPACE, operations);
      t.is(kernel.failuresTotal, outcomes.filter((outcome) => !outcome.ok).length);
      return outcomes.map((outcome) => outcome.ok);
    }),
  );
  const failed = runs[0]?.filter((ok) => !ok).length ?? 0;
  t.true(failed > 60 && failed < 140, String(failed));
  t.deepEqual(runs[0], runs[1]);
  t.notDeepEqual(runs[0], runs[2]);
});

test('what is refused changes nothing, and trying again arrives at the same', async (t) => {
  const steady = new FakeKernel({ failureRate: 0 });
  const shaky = new FakeKernel({ rng: new SeededRng(3), failureRate: 0.5 });
  const operations = [
    put(BRIDGE),
    put({ kind: 'address', link: 'br0', address: '10.77.0.1/24' }),
    put({ kind: 'rule', priority: 7, table: 9, mark: 3 }),
  ];
  await steady.apply(HOST_NAMESPACE, operations);
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const outcomes = await shaky.apply(HOST_NAMESPACE, operations);
    if (outcomes.every((outcome) => outcome.ok)) break;
  }
  const [one, other] = await Promise.all(
    [steady, shaky].map((kernel) => kernel.observe(HOST_NAMESPACE, { sysctls: [] })),
  );
  t.true(shaky.failuresTotal > 0);
  t.true(holdsSame(one ?? [], other ?? []));
});
