import test from 'ava';
import fc from 'fast-check';
import type { Backend } from '../../../src/dataplane/balancer/balancer.ts';
import { HASH_SLOTS, slotsByHash, slotsInTurn } from '../../../src/dataplane/balancer/slots.ts';

function backend(host: number, weight = 1): Backend {
  return { address: `10.0.${host >> 8}.${host & 255}`, weight };
}

function backends(weights: readonly number[]): Backend[] {
  return weights.map((weight, at) => backend(at + 1, weight));
}

function share(slots: readonly string[], { address }: Backend): number {
  return slots.filter((slot) => slot === address).length / slots.length;
}

test('in turn: each once before any twice, by weight', (t) => {
  const cases = [
    { name: 'none', weights: [], expected: [] },
    { name: 'equal', weights: [1, 1, 1], expected: [1, 2, 3] },
    { name: 'a common divisor costs no slots', weights: [100, 200], expected: [1, 2, 2] },
    { name: 'spread out', weights: [2, 1, 3], expected: [1, 2, 3, 1, 3, 3] },
    { name: 'drained', weights: [0, 1], expected: [2] },
  ];
  for (const { name, weights, expected } of cases)
    t.deepEqual(
      slotsInTurn(backends(weights)),
      expected.map((host) => backend(host).address),
      name,
    );
});

const anyWeights = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 2, maxLength: 20 });

test('in turn: however weights are, slots are bounded and shares are near', (t) => {
  fc.assert(
    fc.property(anyWeights, (weights) => {
      const all = backends(weights);
      const slots = slotsInTurn(all);
      t.true(slots.length >= weights.length && slots.length <= 4096 + weights.length);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const one of all) t.true(Math.abs(share(slots, one) - one.weight / total) < 0.01);
    }),
    { numRuns: 50 },
  );
});

test('by hash: every slot has a backend, shares follow weights, order does not matter', (t) => {
  const someWeights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(someWeights, (weights) => {
      const all = backends(weights);
      const slots = slotsByHash(all);
      t.is(slots.length, HASH_SLOTS);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const one of all) t.true(Math.abs(share(slots, one) - one.weight / total) < 0.01);
      t.deepEqual(slotsByHash([...all].reverse()), slots);
    }),
    { numRuns: 20 },
  );
  t.deepEqual(slotsByHash([]), []);
  t.deepEqual(slotsByHash([backend(1, 0)]), []);
});

test('by hash: of 100 backends one goes, and at most 2 % of the rest move with it', (t) => {
  const all = backends(new Array<number>(100).fill(1));
  const before = slotsByHash(all);
  for (const gone of [0, 37, 99]) {
    const left = all.filter((_, at) => at !== gone);
    const after = slotsByHash(left);
    const moved = before.filter(
      (address, slot) => address !== all[gone]?.address && after[slot] !== address,
    );
    t.true(moved.length / HASH_SLOTS <= 0.02, `${moved.length} slots`);
  }
});
