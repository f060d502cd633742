/** What push/pulls cost, and that they end and go on where they stopped. */
import test from 'ava';
import { MESSAGE_BYTES_MAX, TOMBSTONE_LIFE_MS } from '../../../src/gossip/tables/limits.ts';
import {
  NETWORK,
  bytes,
  contents,
  makeGroup,
  makeNode,
  nameOf,
  syncNodes,
  type TestNode,
} from './support.ts';

/** As the ids of the cluster's objects. */
function idOf(prefix: string, index: number): string {
  return `${prefix}${index.toString(36).padStart(25 - prefix.length, '0')}`;
}

const VALUE = 'v'.repeat(120);

function fill({ tables }: TestNode, rows: number): void {
  for (let row = 0; row < rows; row += 1)
    tables.put(nameOf(idOf('task', row)), bytes(`${VALUE}${row}`), 0);
}

test('21 nodes with 10,000 endpoints never send a message of more than 60 KiB', (t) => {
  const ids = Array.from({ length: 21 }, (_, index) => idOf('node', index));
  const nodes = makeGroup(ids);
  for (const node of nodes) fill(node, 477);
  let longest = 0;
  for (let distance = 1; distance < nodes.length; distance *= 2)
    for (const [index, node] of nodes.entries()) {
      const peer = nodes[(index + distance) % nodes.length] as TestNode;
      longest = Math.max(longest, syncNodes(node, peer).longest);
    }
  t.true(longest > MESSAGE_BYTES_MAX / 2, 'chunks are worth their name');
  t.true(longest <= MESSAGE_BYTES_MAX);
  const rows = contents(nodes[0] as TestNode);
  t.is(rows.length, 21 * 477);
  for (const node of nodes) t.true(contents(node).join() === rows.join(), node.id);
});

test('a newcomer gets one owner with 10,000 rows in messages of 60 KiB', (t) => {
  const [a, b] = makeGroup(['a', 'b']) as [TestNode, TestNode];
  fill(a, 10_000);
  const cost = syncNodes(b, a);
  t.is(contents(b).length, 10_000);
  t.true(cost.longest <= MESSAGE_BYTES_MAX);
  t.true(cost.bytes < 10_000 * (25 + 124 + 12) * 1.05);
});

test('equal tables cost one digest', (t) => {
  const ids = Array.from({ length: 1000 }, (_, index) => idOf('node', index));
  const a = makeNode(idOf('node', 0), ids);
  const b = makeNode(idOf('node', 1), ids);
  for (const id of ids.slice(2)) {
    const owner = makeNode(id, []);
    fill(owner, 3);
    syncNodes(a, owner);
  }
  syncNodes(b, a);
  t.is(contents(b).length, contents(a).length);
  const cost = syncNodes(a, b);
  t.is(cost.messages, 1);
  t.log(`${cost.bytes} bytes for 1,000 owners`);
  t.true(cost.bytes < 40 * 1000);
});

test('a change costs its own bytes beside the digest, not those of the owner', (t) => {
  const [a, b] = makeGroup(['a', 'b']) as [TestNode, TestNode];
  fill(a, 5000);
  syncNodes(a, b);
  a.tables.put(nameOf('one-more'), bytes('v'), 0);
  a.tables.delete(nameOf(idOf('task', 7)), 0);
  const cost = syncNodes(a, b);
  t.is(contents(b).length, 5000);
  t.true(cost.bytes < 400, `${cost.bytes}`);
});

test('a push/pull goes both ways, whoever opens it', (t) => {
  const [a, b] = makeGroup(['a', 'b']) as [TestNode, TestNode];
  fill(a, 3);
  fill(b, 3);
  syncNodes(a, b);
  t.is(contents(a).length, 6);
  t.deepEqual(contents(a), contents(b));
});

test('more owners than a digest holds are compared in several', (t) => {
  const limits = { messageBytesMax: 4096 };
  const ids = Array.from({ length: 300 }, (_, index) => idOf('node', index));
  const a = makeNode(idOf('node', 0), ids, { limits });
  const b = makeNode(idOf('node', 1), ids, { limits });
  for (const [index, id] of ids.slice(2).entries()) {
    const owner = makeNode(id, []);
    fill(owner, 1 + (index % 3));
    syncNodes(index % 2 === 0 ? a : b, owner);
  }
  t.is(a.tables.beginSync(NETWORK, 0).length, 2);
  const cost = syncNodes(a, b);
  t.true(cost.longest <= 4096);
  t.deepEqual(contents(a), contents(b));
  t.is(contents(a).length, 298 * 2 - 1);
});

test('an answer that does not hold all owners names the rest, which are then asked for', (t) => {
  const limits = { messageBytesMax: 4096 };
  const ids = Array.from({ length: 40 }, (_, index) => idOf('node', index));
  const a = makeNode(idOf('node', 0), ids, { limits });
  for (const id of ids.slice(2)) {
    const owner = makeNode(id, []);
    fill(owner, 10);
    syncNodes(a, owner);
  }
  const b = makeNode(idOf('node', 1), ids, { limits });
  const cost = syncNodes(b, a);
  t.true(cost.messages > 20);
  t.true(cost.longest <= 4096);
  t.deepEqual(contents(b), contents(a));
});

test('a push/pull that breaks off is gone on with where it stopped', (t) => {
  const [a, b] = makeGroup(['a', 'b']) as [TestNode, TestNode];
  fill(a, 4000);
  syncNodes(b, a, { messagesMax: 12 });
  const had = contents(b).length;
  t.true(had > 400 && had < 4000);
  const cost = syncNodes(b, a);
  t.is(contents(b).length, 4000);
  t.true(cost.bytes < (4000 - had + 500) * 170, 'what had come is not sent again');
});

test('so is one that tells everything, and deleted rows go at its end', (t) => {
  const [a, b] = makeGroup(['a', 'b']) as [TestNode, TestNode];
  fill(a, 4000);
  syncNodes(b, a);
  for (let row = 0; row < 4000; row += 2) a.tables.delete(nameOf(idOf('task', row)), 0);
  const nowMs = TOMBSTONE_LIFE_MS + 1;
  a.tables.beginSync(NETWORK, nowMs);
  syncNodes(b, a, { messagesMax: 6, nowMs });
  t.is(contents(b).length, 4000, 'nothing is dropped before all is told');
  const cost = syncNodes(b, a, { nowMs });
  t.is(contents(b).length, 2000);
  t.is(b.tables.counters.sweeps, 1);
  t.true(cost.bytes < 1500 * 170, `${cost.bytes}`);
});

test('a sweep that is overtaken by another deletion that is forgotten begins anew', (t) => {
  const [a, b] = makeGroup(['a', 'b']) as [TestNode, TestNode];
  fill(a, 2000);
  syncNodes(b, a);
  a.tables.delete(nameOf(idOf('task', 0)), 0);
  const nowMs = TOMBSTONE_LIFE_MS + 1;
  a.tables.beginSync(NETWORK, nowMs);
  syncNodes(b, a, { messagesMax: 6, nowMs });
  a.tables.delete(nameOf(idOf('task', 1)), nowMs);
  const laterMs = 2 * nowMs;
  a.tables.beginSync(NETWORK, laterMs);
  syncNodes(b, a, { nowMs: laterMs });
  t.deepEqual(contents(b), contents(a));
  t.is(contents(b).length, 1998);
  t.is(b.tables.counters.sweeps, 2);
});

test('rows that change while they are told arrive in their last form', (t) => {
  const [a, b] = makeGroup(['a', 'b']) as [TestNode, TestNode];
  fill(a, 2000);
  syncNodes(b, a, { messagesMax: 6 });
  for (let row = 0; row < 2000; row += 3) a.tables.delete(nameOf(idOf('task', row)), 0);
  for (let row = 1; row < 2000; row += 3) a.tables.put(nameOf(idOf('task', row)), bytes('new'), 0);
  syncNodes(b, a);
  t.deepEqual(contents(b), contents(a));
});
