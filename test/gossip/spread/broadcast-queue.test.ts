import test from 'ava';
import fc from 'fast-check';
import { BroadcastQueue } from '../../../src/gossip/spread/broadcast-queue.ts';
import { gossipRounds, syncScale, transmitLimit } from '../../../src/gossip/spread/formulas.ts';
import { ByteWriter } from '../../../src/gossip/wire/bytes.ts';
import type { News } from '../../../src/gossip/wire/messages.ts';
import { alive, dead, left, network, node, suspect } from '../support/test-node.ts';

/** Bytes that name what they stand for. */
const bytesOf = (tag: number, length = 20): Uint8Array => new Uint8Array(length).fill(tag);

/** The tags of what one packet takes. */
function packet(queue: BroadcastQueue, room = 1000, transmitsMax = 3): number[] {
  const writer = new ByteWriter();
  queue.fill({ writer, bytesMax: room, transmitsMax });
  const tags: number[] = [];
  for (const tag of writer.take()) if (tags.at(-1) !== tag) tags.push(tag);
  return tags;
}

test('each piece of news is told so often, and then forgotten', (t) => {
  const queue = new BroadcastQueue(10);
  queue.add(alive('n1'), bytesOf(1));
  t.deepEqual([packet(queue), packet(queue), packet(queue), packet(queue)], [[1], [1], [1], []]);
  t.is(queue.length, 0);
});

test('what was told least often goes first, and of those what waited longest', (t) => {
  const queue = new BroadcastQueue(10);
  queue.add(alive('n1'), bytesOf(1));
  packet(queue);
  queue.add(alive('n2'), bytesOf(2));
  queue.add(alive('n3'), bytesOf(3));
  t.deepEqual(packet(queue, 40), [2, 3]);
  t.deepEqual(packet(queue), [1, 2, 3]);
});

test('what does not fit leaves its room to what does', (t) => {
  const queue = new BroadcastQueue(10);
  queue.add(alive('n1'), bytesOf(1, 60));
  queue.add(alive('n2'), bytesOf(2, 20));
  t.deepEqual(packet(queue, 50), [2]);
  t.deepEqual(packet(queue, 60), [1]);
});

const REPLACED: readonly { readonly older: News; readonly newer: News; readonly left: number[] }[] =
  [
    { older: suspect('n1', 1, 'n2'), newer: alive('n1', 2), left: [2] },
    { older: alive('n1', 2), newer: dead('n1', 2), left: [2] },
    { older: dead('n1', 2), newer: left('n1', 2), left: [2] },
    { older: alive('n1'), newer: alive('n2'), left: [1, 2] },
    { older: claim('net-a', 1), newer: claim('net-a', 2), left: [2] },
    { older: claim('net-a', 1), newer: claim('net-b', 2), left: [1, 2] },
    { older: alive('n1'), newer: claim('net-a', 2), left: [1, 2] },
  ];

function claim(to: string, time: number): News {
  const about = { kind: 'network', id: node('n1'), network: network(to) } as const;
  return { ...about, time: time as never, isJoined: true };
}

for (const { older, newer, left: expected } of REPLACED) {
  test(`after ${older.kind} of ${older.id}, ${JSON.stringify(newer).slice(0, 60)} leaves ${expected.join()}`, (t) => {
    const queue = new BroadcastQueue(10);
    queue.add(older, bytesOf(1));
    packet(queue);
    queue.add(newer, bytesOf(2));
    t.deepEqual(packet(queue).toSorted(), expected);
  });
}

test('a full queue drops what was told most often', (t) => {
  const queue = new BroadcastQueue(2);
  queue.add(alive('n1'), bytesOf(1));
  packet(queue);
  queue.add(alive('n2'), bytesOf(2));
  queue.add(alive('n3'), bytesOf(3));
  t.is(queue.droppedTotal, 1);
  t.deepEqual(packet(queue), [2, 3]);
  t.true(queue.hasMember(node('n2')));
  t.false(queue.hasMember(node('n1')));
});

test('no packet is overfilled, nothing is lost, nothing is told too often', (t) => {
  const news = fc.array(fc.integer({ min: 9, max: 400 }), { minLength: 1, maxLength: 40 });
  const property = fc.property(news, fc.integer({ min: 400, max: 1400 }), (lengths, room) => {
    const queue = new BroadcastQueue(100);
    for (const [at, length] of lengths.entries())
      queue.add(alive(`n${at}`), new Uint8Array(length).fill(at + 1));
    const told = new Map<number, number>();
    for (let turn = 0; turn < 1000 && queue.length > 0; turn += 1) {
      const writer = new ByteWriter();
      queue.fill({ writer, bytesMax: room, transmitsMax: 4 });
      t.true(writer.length <= room);
      for (const tag of new Set(writer.take())) told.set(tag, (told.get(tag) ?? 0) + 1);
    }
    t.is(queue.length, 0);
    t.deepEqual(
      [...told.values()],
      lengths.map(() => 4),
    );
  });
  t.notThrows(() => fc.assert(property, { numRuns: 200 }));
});

test('a cleared queue is empty', (t) => {
  const queue = new BroadcastQueue(5);
  queue.add(alive('n1'), bytesOf(1));
  queue.clear();
  t.deepEqual([queue.length, packet(queue)], [0, []]);
});

const FORMULAS = [
  { members: 1, transmits: 4, scale: 1, rounds: 1 },
  { members: 9, transmits: 4, scale: 1, rounds: 2 },
  { members: 10, transmits: 8, scale: 1, rounds: 2 },
  { members: 32, transmits: 8, scale: 1, rounds: 3 },
  { members: 33, transmits: 8, scale: 2, rounds: 3 },
  { members: 100, transmits: 12, scale: 3, rounds: 4 },
  { members: 1000, transmits: 16, scale: 6, rounds: 5 },
  { members: 5000, transmits: 16, scale: 9, rounds: 7 },
];

for (const { members, transmits, scale, rounds } of FORMULAS) {
  test(`among ${members}: told ${transmits} times, push/pull ${scale} times rarer, ${rounds} rounds`, (t) => {
    t.is(transmitLimit(4, members), transmits);
    t.is(syncScale(members), scale);
    t.is(gossipRounds(members, 3), rounds);
  });
}
