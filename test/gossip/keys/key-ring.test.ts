import test from 'ava';
import fc from 'fast-check';
import { SeededRng, randomBelow } from '../../../src/base/index.ts';
import {
  GossipError,
  KEY_BYTES,
  KeyRing,
  beginRotation,
  firstRotation,
  noteFollowed,
  noteGone,
  type GossipKey,
  type KeyId,
  type KeyRotation,
  type RingPlan,
} from '../../../src/gossip/index.ts';
import { node } from '../support/test-node.ts';

const key = (id: number): GossipKey => {
  return { id: id as KeyId, bytes: new Uint8Array(KEY_BYTES).fill(id) };
};

function plan(generation: number, primary: number, ...ids: number[]): RingPlan {
  return { generation, primary: primary as KeyId, keys: ids.map(key) };
}

const shape = ({ plan: { keys, primary }, kind }: KeyRotation): string =>
  `${kind}: ${keys.map(({ id }) => (id === primary ? `[${id}]` : String(id))).join(' ')}`;

test('a ring seals with its primary and opens with all, the primary first', (t) => {
  const ring = new KeyRing(plan(1, 2, 1, 2, 3));
  t.is(ring.primary.id, 2 as KeyId);
  t.deepEqual(
    ring.accepted.map(({ id }) => id),
    [2, 1, 3] as KeyId[],
  );
  t.is(ring.withId(3)?.id, 3 as KeyId);
  t.is(ring.withId(4), undefined);
});

test('a ring follows newer plans only', (t) => {
  const ring = new KeyRing(plan(5, 1, 1));
  t.false(ring.follow(plan(5, 2, 2)));
  t.false(ring.follow(plan(4, 2, 2)));
  t.is(ring.primary.id, 1 as KeyId);
  t.true(ring.follow(plan(9, 2, 1, 2)));
  t.like(ring, { generation: 9 });
  t.is(ring.primary.id, 2 as KeyId);
});

const REFUSED: readonly {
  readonly name: string;
  readonly plan: RingPlan;
  readonly option: string;
}[] = [
  { name: 'without keys', plan: plan(1, 1), option: 'keys' },
  { name: 'of four keys', plan: plan(1, 1, 1, 2, 3, 4), option: 'keys' },
  { name: 'with an id twice', plan: plan(1, 1, 1, 1), option: 'keys' },
  { name: 'with an id of 0', plan: plan(1, 0, 0), option: 'keys' },
  { name: 'with an id of 256', plan: plan(1, 256, 256), option: 'keys' },
  { name: 'whose primary it lacks', plan: plan(1, 3, 1, 2), option: 'primary' },
  { name: 'without a generation', plan: plan(-1, 1, 1), option: 'generation' },
  {
    name: 'with a short key',
    plan: { ...plan(1, 1, 1), keys: [{ id: 1 as KeyId, bytes: new Uint8Array(16) }] },
    option: 'keys',
  },
];

for (const { name, plan: bad, option } of REFUSED) {
  test(`a ring ${name} is refused, and the old one kept`, (t) => {
    const error = t.throws(() => new KeyRing(bad), { instanceOf: GossipError });
    t.deepEqual(error.detail, { code: 'bad-option', option });
    const ring = new KeyRing(plan(0, 7, 7));
    if (bad.generation > 0) t.throws(() => ring.follow(bad), { instanceOf: GossipError });
    t.is(ring.primary.id, 7 as KeyId);
  });
}

test('a key is installed everywhere, then used everywhere, then the oldest is removed', (t) => {
  const nodes = [node('n1'), node('n2')];
  const steps: string[] = [];
  let rotation = firstRotation(key(1).bytes);
  const note = (): number => steps.push(shape(rotation));
  const follow = (name: string): void => {
    const { generation } = rotation.plan;
    rotation = noteFollowed(rotation, { node: node(name), generation }, nodes);
    note();
  };
  note();
  for (let turn = 0; turn < 2; turn += 1) {
    rotation = beginRotation(rotation, key(9).bytes, nodes);
    note();
    for (const name of ['n1', 'n2', 'n2', 'n1']) follow(name);
  }
  t.deepEqual(steps, [
    'settled: [1]',
    'installing: [1] 2',
    'installing: [1] 2',
    'using: 1 [2]',
    'using: 1 [2]',
    'settled: 1 [2]',
    'installing: 1 [2] 3',
    'installing: 1 [2] 3',
    'using: 1 2 [3]',
    'using: 1 2 [3]',
    'settled: 2 [3]',
  ]);
});

test('a second rotation does not begin while one is under way', (t) => {
  const rotation = beginRotation(firstRotation(key(1).bytes), key(2).bytes, [node('n1')]);
  t.is(beginRotation(rotation, key(3).bytes, [node('n1')]), rotation);
});

test('word of an earlier plan is no word of this one', (t) => {
  const rotation = beginRotation(firstRotation(key(1).bytes), key(2).bytes, [node('n1')]);
  const followed = { node: node('n1'), generation: 1 };
  t.is(noteFollowed(rotation, followed, [node('n1')]), rotation);
});

test('a node that is gone is not waited for', (t) => {
  const nodes = [node('n1'), node('n2')];
  let rotation = beginRotation(firstRotation(key(1).bytes), key(2).bytes, nodes);
  rotation = noteFollowed(rotation, { node: node('n1'), generation: 2 }, nodes);
  rotation = noteGone(rotation, node('n2'), [node('n1')]);
  t.is(shape(rotation), 'using: 1 [2]');
  t.is(noteGone(firstRotation(key(1).bytes), node('n2'), []).kind, 'settled');
});

test('with nobody to wait for a rotation is done at once', (t) => {
  t.is(shape(beginRotation(firstRotation(key(1).bytes), key(2).bytes, [])), 'settled: 1 [2]');
});

test('after 255 keys ids begin again, and no ring has one twice', (t) => {
  let rotation = firstRotation(key(1).bytes);
  for (let turn = 0; turn < 600; turn += 1) {
    rotation = beginRotation(rotation, key(1).bytes, []);
    t.notThrows(() => new KeyRing(rotation.plan));
  }
});

test('at every moment each node accepts what every other seals', (t) => {
  const property = fc.property(fc.integer(), (seed) => {
    const rng = new SeededRng(seed);
    const names = ['n1', 'n2', 'n3', 'n4'].map(node);
    let rotation = firstRotation(key(1).bytes);
    const rings = new Map(names.map((name) => [name, new KeyRing(rotation.plan)]));
    for (let turn = 0; turn < 60; turn += 1) {
      const name = names[randomBelow(rng, names.length)] ?? node('n1');
      if (randomBelow(rng, 5) === 0) rotation = beginRotation(rotation, key(1).bytes, names);
      const { plan: told } = rotation;
      rings.get(name)?.follow(told);
      // Word of it may come late, or never.
      const { generation } = told;
      if (randomBelow(rng, 3) > 0)
        rotation = noteFollowed(rotation, { node: name, generation }, names);
      const all = [...rings.values()];
      const understands = (one: KeyRing): boolean =>
        all.every((other) => one.withId(other.primary.id) !== undefined);
      if (!all.every(understands)) return false;
    }
    return true;
  });
  t.notThrows(() => fc.assert(property, { numRuns: 200 }));
});
