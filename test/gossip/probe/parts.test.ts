import test from 'ava';
import { SeededRng, randomBelow } from '../../../src/base/index.ts';
import type { Member } from '../../../src/gossip/members/member.ts';
import { MemberTable } from '../../../src/gossip/members/member-table.ts';
import { Awareness } from '../../../src/gossip/probe/awareness.ts';
import { Relays, type Relay } from '../../../src/gossip/probe/relays.ts';
import { ProbeSchedule } from '../../../src/gossip/probe/schedule.ts';
import { Suspicion } from '../../../src/gossip/probe/suspicion.ts';
import type { Sequence } from '../../../src/gossip/wire/messages.ts';
import { addressOf, alive, hash } from '../support/test-node.ts';

test('awareness stays in its range', (t) => {
  const awareness = new Awareness(7);
  awareness.apply(-5);
  t.is(awareness.score, 0);
  t.is(awareness.scale(500), 500);
  awareness.apply(100);
  t.is(awareness.score, 7);
  t.is(awareness.scale(500), 4000);
  awareness.apply(-1);
  t.is(awareness.score, 6);
});

/** The table of memberlist's suspicion_test.go: 2 s to 30 s, three confirmations wanted. */
const TIMEOUTS = [
  { accusers: 1, expectedMs: 30_000 },
  { accusers: 2, expectedMs: 16_000 },
  { accusers: 3, expectedMs: 7810 },
  { accusers: 4, expectedMs: 2000 },
  { accusers: 7, expectedMs: 2000 },
];

for (const { accusers, expectedMs } of TIMEOUTS) {
  test(`a suspicion of ${accusers} lasts ${expectedMs} ms`, (t) => {
    const limits = { minMs: 2000, maxMs: 30_000, confirmations: 3 };
    const suspicion = new Suspicion(hash('n0'), limits, 100);
    for (let index = 1; index < accusers; index += 1) suspicion.confirm(hash(`n${index}`));
    t.is(suspicion.deadlineMs, 100 + expectedMs);
    suspicion.postpone(50);
    t.is(suspicion.deadlineMs, 150 + expectedMs);
  });
}

test('accusers are taken once each, and only as many as count', (t) => {
  const suspicion = new Suspicion(hash('n0'), { minMs: 1, maxMs: 6, confirmations: 2 }, 0);
  t.false(suspicion.confirm(hash('n0')));
  t.true(suspicion.confirm(hash('n1')));
  t.false(suspicion.confirm(hash('n1')));
  t.true(suspicion.confirm(hash('n2')));
  t.false(suspicion.confirm(hash('n3')));
  t.deepEqual(suspicion.accusers, [hash('n0'), hash('n1'), hash('n2')]);
});

function scheduleOf(count: number, seed: number): { schedule: ProbeSchedule; members: Member[] } {
  const schedule = new ProbeSchedule(new SeededRng(seed));
  const table = new MemberTable(alive('n1'));
  const members = Array.from({ length: count }, (_, at) => table.add(alive(`n${at + 2}`)));
  for (const member of members) schedule.add(member);
  return { schedule, members };
}

test('nobody waits longer than one and a half rounds, whatever the seed', (t) => {
  const cases = [1, 2, 3, 4, 9, 30].flatMap((count) =>
    Array.from({ length: 30 }, (_, seed) => ({ count, seed })),
  );
  for (const { count, seed } of cases) {
    const { schedule, members } = scheduleOf(count, seed);
    const probedAt = new Map<Member | undefined, number>();
    for (let turn = 0; turn < count * 12; turn += 1) {
      const member = schedule.next();
      const before = probedAt.get(member);
      t.true(turn - (before ?? turn) <= Math.ceil(count * 1.5), `${count}`);
      probedAt.set(member, turn);
    }
    t.is(probedAt.size, members.length);
  }
});

test('members that come and go in the middle of a round are probed as long as they are there', (t) => {
  for (let seed = 0; seed < 50; seed += 1) {
    const { schedule, members } = scheduleOf(8, seed);
    const rng = new SeededRng(seed + 1);
    const present = new Set(members);
    for (let turn = 0; turn < 200; turn += 1) {
      const member = members[randomBelow(rng, members.length)] as Member;
      if (present.delete(member)) schedule.remove(member);
      else {
        present.add(member);
        schedule.add(member);
      }
      const next = schedule.next();
      t.true(next === undefined ? present.size === 0 : present.has(next));
    }
    const seen = new Set(Array.from({ length: 24 }, () => schedule.next()));
    t.is(seen.size, Math.max(1, present.size));
  }
});

test('who is hastened is next, and not twice in the round', (t) => {
  const { schedule, members } = scheduleOf(6, 1);
  schedule.next();
  const last = members[3] as Member;
  schedule.hasten(last);
  t.is(schedule.next(), last);
});

test('without members nobody is probed', (t) => {
  t.is(new ProbeSchedule(new SeededRng(1)).next(), undefined);
});

const relay = (nackAtMs: number): Relay => {
  const about = { originSequence: 1 as Sequence, target: hash('n2') };
  return { origin: addressOf('n3'), ...about, nackAtMs, endsAtMs: nackAtMs + 100 };
};
const sequence = (value: number): Sequence => value as Sequence;

test('relays wait for an ack, then a while longer for a late one', (t) => {
  const relays = new Relays(10);
  t.true(relays.tryAdd(sequence(1), relay(100)));
  t.true(relays.tryAdd(sequence(2), relay(150)));
  t.is(relays.nextAtMs, 100);
  t.is(relays.takeDue(99).length, 0);
  t.is(relays.takeDue(100).length, 1);
  t.is(relays.nextAtMs, 150);
  t.truthy(relays.take(sequence(1), 180));
  t.is(relays.take(sequence(1), 180), undefined, 'one ack is passed on');
  relays.takeDue(150);
  t.is(relays.nextAtMs, Infinity);
  t.is(relays.take(sequence(2), 251), undefined);
});

test('relays beyond the bound are refused', (t) => {
  const relays = new Relays(2);
  t.true(relays.tryAdd(sequence(1), relay(100)));
  t.true(relays.tryAdd(sequence(2), relay(100)));
  t.false(relays.tryAdd(sequence(3), relay(100)));
  relays.takeDue(100);
  t.true(relays.tryAdd(sequence(3), relay(200)));
});

test('who did not answer is remembered until it does', (t) => {
  const relays = new Relays(2);
  relays.noteMissed(hash('n2'), 100);
  t.true(relays.hasMissedSince(hash('n2'), 100));
  t.false(relays.hasMissedSince(hash('n2'), 101));
  relays.noteAnswered(hash('n2'));
  t.false(relays.hasMissedSince(hash('n2'), 0));
  for (let index = 0; index < 1000; index += 1) relays.noteMissed(hash(`m${index}`), 200);
  t.false(relays.hasMissedSince(hash('m0'), 0), 'the oldest are forgotten');
  t.true(relays.hasMissedSince(hash('m999'), 0));
});
