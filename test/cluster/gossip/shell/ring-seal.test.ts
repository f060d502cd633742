import { randomBytes } from 'node:crypto';
import { fc, testProp } from '@fast-check/ava';
import test from 'ava';
import { KeyRing } from '../../../../src/gossip/index.ts';
import { RingSeal } from '../../../../src/cluster/gossip/shell/ring-seal.ts';
import { ringPlan } from './fixture.ts';

const KEYS = [randomBytes(32), randomBytes(32)] as const;
const OLD = ringPlan([KEYS[0]]);
const BOTH = ringPlan(KEYS, { generation: 2, primary: 1 });
const TEXT = Buffer.from('who is there?');

test('what one sealer seals another one of the same ring opens', (t) => {
  const sealed = new RingSeal(new KeyRing(OLD)).seal(TEXT);
  t.is(sealed.length, TEXT.length + new RingSeal(new KeyRing(OLD)).overheadBytes);
  t.false(Buffer.from(sealed).includes(TEXT));
  t.deepEqual(new RingSeal(new KeyRing(OLD)).open(sealed), TEXT);
});

test('every accepted key opens, and only the primary one seals', (t) => {
  const ring = new KeyRing(BOTH);
  const seal = new RingSeal(ring);
  const before = seal.seal(TEXT);
  ring.follow(ringPlan(KEYS, { generation: 3, primary: 2 }));
  const after = seal.seal(TEXT);
  t.deepEqual([before[0], after[0]], [1, 2]);
  t.deepEqual([seal.open(before), seal.open(after)], [TEXT, TEXT]);
  t.is(new RingSeal(new KeyRing(OLD)).open(after), undefined);
});

test('a key that was removed opens nothing, nor does another one of its id', (t) => {
  const ring = new KeyRing(OLD);
  const seal = new RingSeal(ring);
  const sealed = seal.seal(TEXT);
  t.is(new RingSeal(new KeyRing(ringPlan([KEYS[1]]))).open(sealed), undefined);
  const [, second] = ringPlan(KEYS).keys;
  if (second === undefined) return t.fail();
  ring.follow({ generation: 2, keys: [second], primary: second.id });
  t.is(seal.open(sealed), undefined);
});

test('no nonce is used twice by one sealer, and two sealers share none', (t) => {
  const nonces = new Set<string>();
  for (const seal of [new RingSeal(new KeyRing(OLD)), new RingSeal(new KeyRing(OLD))])
    for (let count = 0; count < 500; count += 1)
      nonces.add(Buffer.from(seal.seal(TEXT).subarray(1, 13)).toString('hex'));
  t.is(nonces.size, 1000);
});

const CASE = fc.record({
  bytes: fc.uint8Array({ maxLength: 200 }),
  position: fc.nat(),
  bit: fc.integer({ min: 0, max: 7 }),
});

testProp(
  'one changed bit anywhere, or a byte less, and nothing opens',
  [CASE],
  (t, { bytes, position, bit }) => {
    const seal = new RingSeal(new KeyRing(BOTH));
    const sealed = Buffer.from(seal.seal(bytes));
    t.deepEqual(Buffer.from(seal.open(sealed) ?? []), Buffer.from(bytes));
    t.is(seal.open(sealed.subarray(0, -1)), undefined);
    const at = position % sealed.length;
    sealed[at] = (sealed[at] ?? 0) ^ (1 << bit);
    t.is(seal.open(sealed), undefined);
  },
);

testProp(
  'garbage of any length is opened by nobody',
  [fc.uint8Array({ maxLength: 100 })],
  (t, bytes) => {
    t.is(new RingSeal(new KeyRing(BOTH)).open(bytes), undefined);
  },
);
