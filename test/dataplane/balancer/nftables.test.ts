import test from 'ava';
import fc from 'fast-check';
import { NftablesBalancer } from '../../../src/dataplane/balancer/nftables.ts';
import type { Backend, Frontend } from '../../../src/dataplane/balancer/balancer.ts';

function vip(backends: readonly Backend[]): Frontend {
  return { kind: 'address', id: 'web', address: '10.0.0.2', backends };
}

function rule(backends: readonly Backend[]): string | undefined {
  return new NftablesBalancer().rules([vip(backends)]).chains[0]?.rules[0];
}

function backend(host: number, weight = 1, port?: number): Backend {
  return { address: `10.0.0.${host}`, weight, ...(port === undefined ? {} : { port }) };
}

test('backends share slots by weight, spread out', (t) => {
  const cases = [
    { name: 'one', backends: [backend(5)], expected: 'dnat ip to 10.0.0.5' },
    { name: 'one with a port', backends: [backend(5, 7, 80)], expected: 'dnat ip to 10.0.0.5:80' },
    {
      name: 'two',
      backends: [backend(5), backend(6)],
      expected: 'dnat ip to numgen inc mod 2 map { 0 : 10.0.0.5, 1 : 10.0.0.6 }',
    },
    {
      name: 'a common divisor costs no slots',
      backends: [backend(5, 100, 80), backend(6, 200, 80)],
      expected:
        'dnat ip to numgen inc mod 3 map ' +
        '{ 0 : 10.0.0.5 . 80, 1 : 10.0.0.6 . 80, 2 : 10.0.0.6 . 80 }',
    },
    {
      name: 'a drained one',
      backends: [backend(5, 0), backend(6)],
      expected: 'dnat ip to 10.0.0.6',
    },
    { name: 'none', backends: [backend(5, 0)], expected: undefined },
  ];
  for (const { name, backends, expected } of cases) t.is(rule(backends), expected, name);
});

test('a frontend without backends is not translated', (t) => {
  const { maps, chains, entry } = new NftablesBalancer().rules([vip([])]);
  t.deepEqual([maps, chains, entry], [[], [], []]);
});

test('however weights are, slots are bounded and shares are near', (t) => {
  const anyWeights = fc.array(fc.integer({ min: 1, max: 100_000 }), {
    minLength: 2,
    maxLength: 20,
  });
  fc.assert(
    fc.property(anyWeights, (weights) => {
      const text = rule(weights.map((weight, at) => backend(at + 1, weight))) ?? '';
      const slots = Number(/mod (\d+)/.exec(text)?.[1]);
      t.true(slots >= weights.length && slots <= 4096 + weights.length);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const targets = [...text.matchAll(/: (10\.0\.0\.\d+)/g)].map((match) => match[1]);
      t.is(targets.length, slots);
      for (const [at, weight] of weights.entries()) {
        const share = targets.filter((target) => target === `10.0.0.${at + 1}`).length / slots;
        t.true(Math.abs(share - weight / total) < 0.01);
      }
    }),
    { numRuns: 50 },
  );
});

test('a chain that did not change is the same object; others do not matter', (t) => {
  const balancer = new NftablesBalancer();
  const web = vip([backend(5), backend(6)]);
  const other = (host: number): Frontend => ({
    ...vip([backend(host)]),
    id: 'db',
    kind: 'address',
    address: '10.0.0.3',
  });
  const [one] = balancer.rules([web, other(7)]).chains;
  const [two, db] = balancer.rules([vip([backend(5), backend(6)]), other(8)]).chains;
  t.is(one, two);
  t.deepEqual(db?.rules, ['dnat ip to 10.0.0.8']);
});
