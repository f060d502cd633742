import test from 'ava';
import type { NetworkId } from '../../../src/model/index.ts';
import {
  EXPIRY_INTERVAL_MS,
  LINGER_MS,
  STRANGER_LIFE_MS,
} from '../../../src/gossip/tables/limits.ts';
import {
  KIND,
  NETWORK,
  bytes,
  changes,
  contents,
  makeGroup,
  makeNode,
  nameOf,
  nodeId,
  syncNodes,
  tell,
  type TestNode,
} from './support.ts';

const OTHER_NETWORK = 'net-2' as NetworkId;

function pair(options = {}): [TestNode, TestNode] {
  return makeGroup(['a', 'b'], options) as [TestNode, TestNode];
}

test('a row that is put here is seen here and, once told, there', (t) => {
  const [a, b] = pair();
  t.is(a.tables.put(nameOf('k'), bytes('v'), 0), 'written');
  t.deepEqual(contents(a), ['a/k=v']);
  tell(a, b);
  t.deepEqual(contents(b), ['a/k=v']);
  t.deepEqual(changes(a), ['+a/k=v']);
  t.deepEqual(changes(b), ['+a/k=v']);
});

test('two owners have a row each under one key', (t) => {
  const [a, b] = pair();
  a.tables.put(nameOf('k'), bytes('1'), 0);
  b.tables.put(nameOf('k'), bytes('2'), 0);
  tell(a, b);
  tell(b, a);
  t.deepEqual(contents(a), ['a/k=1', 'b/k=2']);
  t.deepEqual(contents(b), contents(a));
});

test('readers are told of changes and deletions, once for each row', (t) => {
  const [a, b] = pair();
  for (const key of ['x', 'y', 'z']) a.tables.put(nameOf(key), bytes('1'), 0);
  tell(a, b);
  changes(b);
  a.tables.put(nameOf('x'), bytes('2'), 0);
  tell(a, b);
  a.tables.put(nameOf('x'), bytes('3'), 0);
  a.tables.delete(nameOf('y'), 0);
  tell(a, b);
  a.tables.put(nameOf('z'), bytes('2'), 0);
  tell(a, b);
  a.tables.put(nameOf('z'), bytes('1'), 0);
  tell(a, b);
  t.deepEqual(changes(b), ['*a/x=3', '-a/y']);
  t.deepEqual(changes(b), []);
});

test('what is so already is not written again', (t) => {
  const [a] = pair();
  t.is(a.tables.delete(nameOf('k'), 0), 'unchanged');
  a.tables.put(nameOf('k'), bytes('v'), 0);
  t.is(a.tables.put(nameOf('k'), bytes('v'), 0), 'unchanged');
  t.is(a.tables.delete(nameOf('k'), 0), 'written');
  t.is(a.tables.delete(nameOf('k'), 0), 'unchanged');
});

test('a value that the host goes on writing to is not the row', (t) => {
  const [a] = pair();
  const value = bytes('v');
  a.tables.put(nameOf('k'), value, 0);
  value.fill(0);
  t.deepEqual(contents(a), ['a/k=v']);
});

test('a failed owner is hidden, kept up to date, and comes back', (t) => {
  const [a, b, c] = makeGroup(['a', 'b', 'c']) as [TestNode, TestNode, TestNode];
  a.tables.put(nameOf('x'), bytes('1'), 0);
  a.tables.put(nameOf('y'), bytes('1'), 0);
  tell(a, b);
  changes(b);

  b.tables.hideOwner(a.id);
  t.deepEqual(contents(b), []);
  t.is(b.tables.value({ networkId: NETWORK, owner: a.id, kind: KIND, key: 'x' }), undefined);
  t.deepEqual(changes(b), ['-a/x', '-a/y']);

  a.tables.put(nameOf('x'), bytes('2'), 0);
  syncNodes(a, c);
  syncNodes(c, b);
  t.deepEqual(changes(b), [], 'nobody is told of what is hidden');

  b.tables.restoreOwner(a.id);
  t.deepEqual(changes(b), ['+a/x=2', '+a/y=1']);
  b.tables.restoreOwner(a.id);
  t.deepEqual(changes(b), []);
});

test('hiding and showing between two looks is no change', (t) => {
  const [a, b] = pair();
  a.tables.put(nameOf('x'), bytes('1'), 0);
  tell(a, b);
  changes(b);
  b.tables.hideOwner(a.id);
  b.tables.restoreOwner(a.id);
  t.deepEqual(changes(b), []);
  t.deepEqual(contents(b), ['a/x=1']);
});

test('a node neither hides nor forgets itself', (t) => {
  const [a] = pair();
  a.tables.put(nameOf('x'), bytes('1'), 0);
  a.tables.hideOwner(a.id);
  a.tables.forgetOwner(a.id);
  a.tables.setOwnerNetwork(a.id, NETWORK, false);
  t.deepEqual(contents(a), ['a/x=1']);
});

test('a forgotten owner is not brought back by those who still know it', (t) => {
  const [a, b, c] = makeGroup(['a', 'b', 'c']) as [TestNode, TestNode, TestNode];
  a.tables.put(nameOf('x'), bytes('1'), 0);
  syncNodes(a, b);
  syncNodes(a, c);
  b.tables.forgetOwner(a.id);
  t.deepEqual(contents(b), []);
  syncNodes(b, c);
  syncNodes(c, b);
  t.deepEqual(contents(b), []);
  b.tables.restoreOwner(a.id);
  syncNodes(b, c);
  t.deepEqual(contents(b), ['a/x=1'], 'when it is a member again, it is asked for');
});

test('rows of nodes that are no members wait unseen, for a while', (t) => {
  const a = makeNode('a', []);
  const b = makeNode('b', []);
  a.tables.put(nameOf('x'), bytes('1'), 0);
  tell(a, b);
  t.deepEqual(contents(b), []);
  b.tables.restoreOwner(a.id);
  t.deepEqual(contents(b), ['a/x=1'], 'the membership was a little slower than gossip');

  const c = makeNode('c', []);
  a.tables.put(nameOf('x'), bytes('2'), 0);
  tell(a, c);
  c.tables.beginSync(NETWORK, STRANGER_LIFE_MS);
  c.tables.restoreOwner(a.id);
  t.deepEqual(contents(c), []);
});

test('owners that the membership does not know are few', (t) => {
  const b = makeNode('b', [], { limits: { strangersPerNetworkMax: 2 } });
  for (const id of ['s1', 's2', 's3']) {
    const stranger = makeNode(id, []);
    stranger.tables.put(nameOf('x'), bytes('1'), 0);
    tell(stranger, b);
  }
  for (const id of ['s1', 's2', 's3']) b.tables.restoreOwner(nodeId(id));
  t.deepEqual(contents(b), ['s1/x=1', 's2/x=1']);
  t.true(b.tables.counters.strangersRefused > 0);
});

test('networks are apart: rows go only to those who have theirs', (t) => {
  const a = makeNode('a', ['b'], { networks: [NETWORK, OTHER_NETWORK] });
  const b = makeNode('b', ['a']);
  a.tables.put(nameOf('x'), bytes('1'), 0);
  a.tables.put(nameOf('y', OTHER_NETWORK), bytes('2'), 0);
  const news = a.tables.takeBroadcasts(OTHER_NETWORK, 1300, 2)[0] ?? bytes('');
  t.deepEqual(b.tables.take(news, a.id, 0), { kind: 'ignored', reason: 'unknown-network' });
  tell(a, b);
  t.deepEqual(contents(b), ['a/x=1']);
  t.deepEqual(contents(b, OTHER_NETWORK), []);
  t.deepEqual(a.tables.networkIds, [NETWORK, OTHER_NETWORK]);
});

test('who leaves a network takes its rows along, and forgets the others', (t) => {
  const [a, b] = pair();
  a.tables.put(nameOf('x'), bytes('1'), 0);
  b.tables.put(nameOf('y'), bytes('1'), 0);
  syncNodes(a, b);
  changes(a);
  a.tables.leaveNetwork(NETWORK, 0);
  t.deepEqual(contents(a), []);
  t.deepEqual(changes(a), ['-a/x', '-b/y']);
  t.is(a.tables.put(nameOf('x'), bytes('1'), 0), 'unknown-network');
  t.deepEqual(a.tables.networkIds, []);
  tell(a, b);
  t.deepEqual(contents(b), ['b/y=1']);
  tell(b, a);
  t.deepEqual(contents(a), []);
});

test('who left a network without being heard still says so when asked', (t) => {
  const [a, b] = pair();
  a.tables.put(nameOf('x'), bytes('1'), 0);
  syncNodes(a, b);
  a.tables.leaveNetwork(NETWORK, 0);
  syncNodes(b, a);
  t.deepEqual(contents(b), []);
  a.tables.put(nameOf('z', OTHER_NETWORK), bytes('1'), LINGER_MS + EXPIRY_INTERVAL_MS);
  t.deepEqual(a.tables.beginSync(NETWORK, LINGER_MS + EXPIRY_INTERVAL_MS), []);
});

test('who comes back to a network goes on where it left', (t) => {
  const [a, b] = pair();
  a.tables.put(nameOf('x'), bytes('1'), 0);
  tell(a, b);
  a.tables.leaveNetwork(NETWORK, 0);
  tell(a, b);
  t.is(a.tables.joinNetwork(NETWORK, 0), 'joined');
  t.is(a.tables.joinNetwork(NETWORK, 0), 'joined-before');
  a.tables.put(nameOf('x'), bytes('2'), 0);
  tell(a, b);
  t.deepEqual(contents(b), ['a/x=2']);
  t.is(a.tables.counters.heals, 0);
});

test('rows of a node that left a network unheard go when the membership says so', (t) => {
  const [a, b, c] = makeGroup(['a', 'b', 'c']) as [TestNode, TestNode, TestNode];
  a.tables.put(nameOf('x'), bytes('1'), 0);
  syncNodes(a, b);
  syncNodes(a, c);
  const late = a.tables.takeBroadcasts(NETWORK, 1300, 3)[0] ?? bytes('');
  b.tables.setOwnerNetwork(a.id, NETWORK, false);
  t.deepEqual(contents(b), []);
  syncNodes(b, c);
  b.tables.receive(late, c.id, 0);
  t.deepEqual(contents(b), [], 'nobody can tell otherwise');
  b.tables.setOwnerNetwork(a.id, NETWORK, true);
  syncNodes(b, c);
  t.deepEqual(contents(b), ['a/x=1']);
});

test('names, values, rows and networks beyond the limits are refused by name', (t) => {
  const { tables } = makeNode('a', [], {
    limits: { networksMax: 1, rowsPerOwnerMax: 2, valueBytesMax: 3, rowsPerNetworkMax: 3 },
  });
  t.is(tables.joinNetwork('no good' as NetworkId, 0), 'bad-name');
  t.is(tables.joinNetwork(OTHER_NETWORK, 0), 'too-many-networks');
  t.is(tables.put(nameOf('no good'), bytes(''), 0), 'bad-name');
  t.is(tables.put(nameOf('k'), bytes('four'), 0), 'value-too-long');
  t.is(tables.put(nameOf('k', OTHER_NETWORK), bytes(''), 0), 'unknown-network');
  t.is(tables.put(nameOf('k1'), bytes(''), 0), 'written');
  t.is(tables.put(nameOf('k2'), bytes(''), 0), 'written');
  t.is(tables.put(nameOf('k3'), bytes(''), 0), 'too-many-rows');
  t.is(tables.delete(nameOf('k1'), 0), 'written');
  t.is(tables.put(nameOf('k3'), bytes(''), 0), 'written');
  t.is(tables.delete(nameOf('k3'), 0), 'written');
  t.is(tables.put(nameOf('k4'), bytes(''), 0), 'too-many-rows', 'tombstones take room, too');
  t.is(tables.counters.rowsRefused, 2);
  t.is(tables.counters.networksRefused, 1);
});

test('rows of others beyond the limit are counted, and come when there is room', (t) => {
  const limits = { rowsPerNetworkMax: 3, tombstonesPerOwnerMax: 1 };
  const b = makeNode('b', ['a', 'c'], { limits });
  const a = makeNode('a', []);
  const c = makeNode('c', []);
  for (const key of ['1', '2']) a.tables.put(nameOf(key), bytes(''), 0);
  for (const key of ['1', '2']) c.tables.put(nameOf(key), bytes(''), 0);
  tell(a, b);
  tell(c, b);
  t.is(contents(b).length, 3);
  t.true(b.tables.counters.rowsRefused > 0);
  syncNodes(b, c);
  t.is(contents(b).length, 3, 'a push/pull ends although not everything fits');
  b.tables.forgetOwner(a.id);
  syncNodes(b, c);
  t.deepEqual(contents(b), ['c/1=', 'c/2='], 'what was kept out did not pass for known');
});

test('a clock at its end refuses writes', (t) => {
  const a = makeNode('a', ['b']);
  const b = makeNode('b', ['a']);
  const imposter = makeNode('a', ['b'], { firstTime: 2 ** 47 - 2 });
  imposter.tables.put(nameOf('x'), bytes('1'), 0);
  syncNodes(imposter, b);
  a.tables.put(nameOf('y'), bytes('1'), 0);
  syncNodes(a, b);
  t.is(a.tables.put(nameOf('z'), bytes('1'), 0), 'written', 'far from the end is no harm');
  t.throws(() => makeNode('a', [], { firstTime: 2 ** 47 }));
});

test('a message that cannot be read is refused with its reason', (t) => {
  const [a, b] = pair();
  a.tables.put(nameOf('k'), bytes('v'), 0);
  const message = a.tables.takeBroadcasts(NETWORK, 1300, 2)[0] ?? bytes('');
  t.like(b.tables.take(message.subarray(0, -1), a.id, 0), {
    kind: 'refused',
    detail: { code: 'short' },
  });
  t.like(b.tables.take(Uint8Array.from([9, ...message.subarray(1)]), a.id, 0), {
    kind: 'refused',
    detail: { code: 'version', version: 9 },
  });
  t.is(b.tables.counters.messagesRefused, 2);
  t.deepEqual(b.tables.receive(bytes(''), a.id, 0), []);
});
