import test from 'ava';
import type { NetworkId } from '../../../src/model/index.ts';
import { NewsQueue } from '../../../src/gossip/tables/news-queue.ts';
import { decodeTableMessage } from '../../../src/gossip/tables/wire/decode.ts';
import { packNews } from '../../../src/gossip/tables/wire/encode.ts';
import type { NewsItem } from '../../../src/gossip/tables/wire/messages.ts';
import { NETWORK, bytes, makeNode, nameOf, nodeId, rowOf, tell, time } from './support.ts';

/** Each item of these tests takes 16 bytes. */
const ITEM_BYTES = 16;

function item(key: string, at: number, since = at - 1): NewsItem {
  return { owner: nodeId('alpha'), since: time(since), row: rowOf(key, at, '') };
}

interface Taking {
  readonly number?: number;
  readonly items?: number;
  readonly sendsMax?: number;
}

/** `key@(since,time]` of what comes out. */
function take(queue: NewsQueue, { number = 1, items = 100, sendsMax = 9 }: Taking = {}): string[] {
  const taken = queue.take({ number, budgetBytes: items * ITEM_BYTES, sendsMax });
  const message = decodeTableMessage(packNews('n' as NetworkId, taken));
  if (message.kind !== 'news') return [];
  return message.items.map(({ row, since }) => `${row.key}@(${since},${row.time}]`);
}

function queueOf(...items: readonly NewsItem[]): NewsQueue {
  const queue = new NewsQueue(3);
  for (const one of items) queue.push(one);
  return queue;
}

test('what was sent least often goes first, and of that what came first', (t) => {
  const queue = queueOf(item('a', 1), item('b', 2));
  t.deepEqual(take(queue, { number: 1, items: 1 }), ['a@(0,1]']);
  queue.push(item('c', 3));
  t.deepEqual(take(queue, { number: 2, items: 2 }), ['b@(1,2]', 'c@(2,3]']);
  t.deepEqual(take(queue, { number: 3, items: 1 }), ['a@(0,1]']);
});

test('no item is twice in a packet', (t) => {
  const queue = queueOf(item('a', 1));
  t.is(take(queue, { number: 1 }).length, 1);
  t.is(take(queue, { number: 1 }).length, 0);
  t.is(take(queue, { number: 2 }).length, 1);
});

test('after enough packets an item is left to push/pull', (t) => {
  const queue = queueOf(item('a', 1));
  for (let number = 1; number <= 4; number += 1)
    t.is(take(queue, { number, sendsMax: 4 }).length, 1);
  t.is(queue.length, 0);
});

test('an item that does not fit lets shorter ones pass', (t) => {
  const queue = queueOf(item('a-long-key', 1), item('b', 2));
  t.deepEqual(take(queue, { items: 1 }), ['b@(1,2]']);
  t.is(queue.length, 2);
});

test('a newer version of a row takes the place of an older one, and is new again', (t) => {
  const queue = queueOf(item('a', 1), item('b', 2));
  take(queue, { number: 1 });
  queue.push(item('a', 3));
  t.deepEqual(take(queue, { number: 2, items: 1 }), ['a@(2,3]']);
  t.is(queue.length, 2);
});

test('a version that follows upon the one it replaces speaks for both', (t) => {
  const queue = queueOf(item('a', 1), item('b', 2));
  queue.push(item('b', 3));
  t.deepEqual(take(queue), ['a@(0,1]', 'b@(1,3]']);
});

test('a full queue drops what was sent most often, and counts it', (t) => {
  const queue = queueOf(item('a', 1), item('b', 2), item('c', 3));
  take(queue, { number: 1, items: 2 });
  queue.push(item('d', 4));
  t.deepEqual(take(queue, { number: 2 }), ['c@(2,3]', 'd@(3,4]', 'b@(1,2]']);
  t.is(queue.droppedTotal, 1);
});

test("others' news leave half of every packet to the own ones", (t) => {
  const a = makeNode('a', ['b']);
  const b = makeNode('b', []);
  for (let key = 0; key < 500; key += 1) b.tables.put(nameOf(`b-${key}`), bytes('v'), 0);
  tell(b, a);
  for (let key = 0; key < 100; key += 1) a.tables.put(nameOf(`a-${key}`), bytes('v'), 0);
  const [message = bytes('')] = a.tables.takeBroadcasts(NETWORK, 1300, 100);
  t.true(message.length <= 1300 && message.length > 1250);
  const news = decodeTableMessage(message);
  if (news.kind !== 'news') return t.fail();
  const own = news.items.filter(({ owner }) => owner === 'a').length;
  t.true(own >= Math.floor(news.items.length / 2), `${own} of ${news.items.length}`);
  t.true(own < news.items.length);
});

test('each row is passed on as often as SWIM asks for, then no network has news', (t) => {
  const a = makeNode('a', []);
  a.tables.put(nameOf('k'), bytes('v'), 0);
  t.deepEqual(a.tables.networksWithNews, [NETWORK]);
  let sends = 0;
  while (a.tables.takeBroadcasts(NETWORK, 1300, 99).length > 0) sends += 1;
  t.is(sends, 8, '4 * ceil(log10(99 + 1))');
  t.deepEqual(a.tables.networksWithNews, []);
});

test('the longest row fits a packet of 1,300 bytes', (t) => {
  const network = 'n'.repeat(64) as NetworkId;
  const a = makeNode('o'.repeat(64), [], { networks: [network], firstTime: 2 ** 46 });
  const name = nameOf('k'.repeat(64), network);
  t.is(a.tables.put(name, new Uint8Array(1024), 0), 'written');
  t.is(a.tables.takeBroadcasts(network, 1300, 9).length, 1);
});
