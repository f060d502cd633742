/** Rows that are gone must stay gone, and rows that are there must not be taken for gone. */
import test from 'ava';
import { HEAL_INTERVAL_MS, TOMBSTONE_LIFE_MS } from '../../../src/gossip/tables/limits.ts';
import {
  NETWORK,
  bytes,
  contents,
  deliver,
  makeGroup,
  makeNode,
  nameOf,
  syncNodes,
  tell,
  type TestNode,
} from './support.ts';

const LATE = TOMBSTONE_LIFE_MS + 1;

function trio(options = {}): [TestNode, TestNode, TestNode] {
  return makeGroup(['a', 'b', 'c'], options) as [TestNode, TestNode, TestNode];
}

function put(node: TestNode, key: string, value: string): void {
  node.tables.put(nameOf(key), bytes(value), 0);
}

/** Lets tombstones be forgotten. */
function age(...nodes: readonly TestNode[]): void {
  for (const { tables } of nodes) tables.beginSync(NETWORK, LATE);
}

/** Another process of the same node, which remembers nothing. */
function restarted(node: TestNode, others: readonly string[], firstTime = 0): TestNode {
  return makeNode(node.id, others, { firstTime });
}

test('a node that was away longer than tombstones live loses rows that were deleted', (t) => {
  const [a, b, c] = trio();
  put(a, 'gone', '1');
  put(a, 'stays', '1');
  syncNodes(a, b);
  syncNodes(a, c);
  a.tables.delete(nameOf('gone'), 0);
  syncNodes(a, b);
  age(a, b);
  t.is(a.tables.counters.tombstonesForgotten, 1);
  t.is(b.tables.counters.tombstonesForgotten, 1);
  t.deepEqual(contents(c), ['a/gone=1', 'a/stays=1']);
  syncNodes(c, b, { nowMs: LATE });
  t.deepEqual(contents(c), ['a/stays=1'], 'it need not be the owner that it meets first');
  t.is(c.tables.counters.sweeps, 1);
});

test('the node that was away does not bring deleted rows back', (t) => {
  const [a, b, c] = trio();
  put(a, 'gone', '1');
  syncNodes(a, b);
  syncNodes(a, c);
  a.tables.delete(nameOf('gone'), 0);
  put(a, 'other', '1');
  syncNodes(a, b);
  age(a, b);
  syncNodes(b, c, { nowMs: LATE });
  syncNodes(a, c, { nowMs: LATE });
  for (const node of [a, b, c]) t.deepEqual(contents(node), ['a/other=1'], node.id);
});

test('a newcomer that meets the node that was away first is put right by the next', (t) => {
  const [a, b, c] = trio();
  put(a, 'gone', '1');
  syncNodes(a, b);
  syncNodes(a, c);
  a.tables.delete(nameOf('gone'), 0);
  syncNodes(a, b);
  age(a, b);
  const d = makeNode('d', ['a', 'b', 'c']);
  syncNodes(d, c, { nowMs: LATE });
  t.deepEqual(contents(d), ['a/gone=1'], 'it cannot know better yet');
  syncNodes(d, b, { nowMs: LATE });
  t.deepEqual(contents(d), []);
});

test('news that come after their deletion is forgotten are turned away', (t) => {
  const [a, b] = trio();
  put(a, 'gone', '1');
  const late = a.tables.takeBroadcasts(NETWORK, 1300, 3)[0] ?? bytes('');
  a.tables.delete(nameOf('gone'), 0);
  syncNodes(a, b);
  age(a, b);
  deliver([a, b], late, LATE);
  t.deepEqual(contents(b), []);
});

test('a deletion that comes before its row keeps it away', (t) => {
  const [a, b] = trio();
  put(a, 'before', '0');
  put(a, 'gone', '1');
  const late = a.tables.takeBroadcasts(NETWORK, 1300, 3)[0] ?? bytes('');
  a.tables.delete(nameOf('gone'), 0);
  const deletion = a.tables.takeBroadcasts(NETWORK, 60, 3)[0] ?? bytes('');
  deliver([a, b], deletion);
  // Nothing before the deletion is known here: it must outlive every other tombstone.
  age(b);
  deliver([a, b], late, LATE);
  t.deepEqual(contents(b), ['a/before=0']);
});

test('deletions of a tombstone table that overflows are not lost', (t) => {
  const [a, b, c] = trio({ limits: { tombstonesPerOwnerMax: 2 } });
  for (let key = 0; key < 9; key += 1) put(a, `k${key}`, '1');
  syncNodes(a, b);
  syncNodes(a, c);
  for (let key = 0; key < 8; key += 1) a.tables.delete(nameOf(`k${key}`), 0);
  syncNodes(a, b);
  syncNodes(b, c);
  t.deepEqual(contents(b), ['a/k8=1']);
  t.deepEqual(contents(c), ['a/k8=1']);
});

test('a restarted node is believed although its clock begins anew', (t) => {
  const [a, b, c] = trio();
  for (let round = 0; round < 20; round += 1) put(a, 'x', `${round}`);
  put(a, 'old', '1');
  syncNodes(a, b);
  syncNodes(a, c);
  const again = restarted(a, ['b', 'c']);
  put(again, 'x', 'new');
  tell(again, b);
  t.is(again.tables.counters.heals, 1, 'the first one that it talks to tells it');
  tell(again, b);
  t.deepEqual(
    contents(b).filter((row) => row.startsWith('a/x')),
    ['a/x=new'],
  );
  syncNodes(again, b);
  t.deepEqual(contents(b), ['a/x=new'], 'rows that it does not have any more are gone');
  syncNodes(b, c);
  t.deepEqual(contents(c), ['a/x=new']);
  t.deepEqual(contents(again), ['a/x=new']);
});

test('a restarted node learns of its earlier life from a push/pull alone', (t) => {
  const [a, b] = trio();
  for (let round = 0; round < 20; round += 1) put(a, 'x', `${round}`);
  put(a, 'old', '1');
  syncNodes(a, b);
  const again = restarted(a, ['b']);
  put(again, 'x', 'new');
  syncNodes(b, again);
  syncNodes(b, again);
  t.deepEqual(contents(b), ['a/x=new']);
  t.is(again.tables.counters.heals, 1);
});

test('a clock that begins later than in all earlier lives needs no repair', (t) => {
  const [a, b] = trio();
  for (let round = 0; round < 20; round += 1) put(a, 'x', `${round}`);
  put(a, 'old', '1');
  syncNodes(a, b);
  const again = restarted(a, ['b'], 1000);
  put(again, 'x', 'new');
  syncNodes(b, again);
  t.deepEqual(contents(b), ['a/x=new']);
  t.is(again.tables.counters.heals, 0);
});

test('other rows under the very times of an earlier life are found by their hash', (t) => {
  const [a, b] = trio();
  put(a, 'x', 'old');
  syncNodes(a, b);
  const again = restarted(a, ['b']);
  put(again, 'y', 'new');
  syncNodes(b, again, { nowMs: HEAL_INTERVAL_MS });
  syncNodes(b, again, { nowMs: HEAL_INTERVAL_MS });
  t.deepEqual(contents(b), ['a/y=new']);
});

test('a part that was away while the owner restarted loses what the earlier life left', (t) => {
  const [a, b, c] = trio();
  for (let key = 0; key < 5; key += 1) put(a, `k${key}`, 'old');
  syncNodes(a, b);
  syncNodes(a, c);
  for (let key = 0; key < 5; key += 1) a.tables.delete(nameOf(`k${key}`), 0);
  put(a, 'late', 'old');
  syncNodes(a, c);
  const again = restarted(a, ['b', 'c']);
  put(again, 'k0', 'new');
  syncNodes(again, b);
  syncNodes(again, b);
  t.deepEqual(contents(b), ['a/k0=new']);
  const nowMs = HEAL_INTERVAL_MS;
  syncNodes(b, c, { nowMs });
  syncNodes(c, again, { nowMs });
  syncNodes(c, again, { nowMs });
  syncNodes(b, c, { nowMs });
  for (const node of [again, b, c]) t.deepEqual(contents(node), ['a/k0=new'], node.id);
});
