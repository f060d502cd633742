import test from 'ava';
import fc from 'fast-check';
import { SeededRng } from '../../../src/base/index.ts';
import { DIGEST_BUCKETS, type NetworkTime } from '../../../src/gossip/wire/messages.ts';
import { bucketOf, differingBuckets } from '../../../src/gossip/members/digest.ts';
import { MemberTable } from '../../../src/gossip/members/member-table.ts';
import {
  ALIVE,
  isLive,
  type Member,
  type MemberState,
} from '../../../src/gossip/members/member.ts';
import type { NetworkId } from '../../../src/model/index.ts';
import { alive, hash, inc, network, node } from '../support/test-node.ts';

const GONE: MemberState = { kind: 'dead', sinceMs: 0 };
const NETWORKS = ['net-a', 'net-b'].map(network);

type Step =
  | { readonly kind: 'add' | 'die' | 'live' | 'remove'; readonly who: number }
  | { readonly kind: 'raise'; readonly who: number; readonly to: number }
  | {
      readonly kind: 'claim';
      readonly who: number;
      readonly isJoined: boolean;
      readonly at: number;
    };

const who = fc.integer({ min: 2, max: 9 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('add', 'die', 'live', 'remove'), who }),
  fc.record({ kind: fc.constant('raise'), who, to: fc.integer({ min: 0, max: 20 }) }),
  fc.record({
    kind: fc.constant('claim'),
    who,
    isJoined: fc.boolean(),
    at: fc.integer({ min: 0, max: 20 }),
  }),
);

function perform(table: MemberTable, change: Step): void {
  const member = table.get(node(`n${change.who}`));
  if (change.kind === 'add' && member === undefined) table.add(alive(`n${change.who}`));
  if (member === undefined) return;
  switch (change.kind) {
    case 'die':
      table.update(member, { state: GONE });
      return;
    case 'live':
      table.update(member, { state: ALIVE });
      return;
    case 'remove':
      if (!isLive(member)) table.remove(member);
      return;
    case 'raise':
      table.update(member, { incarnation: inc(change.to) });
      return;
    case 'claim': {
      const time = change.at as NetworkTime;
      const [even, odd] = NETWORKS as [NetworkId, NetworkId];
      table.setClaim(member, change.at % 2 === 0 ? even : odd, { time, isJoined: change.isJoined });
      return;
    }
    case 'add':
  }
}

/** The same members and claims, put into a table that was never changed. */
function rebuilt(table: MemberTable): MemberTable {
  const fresh = new MemberTable(alive('n1'));
  for (const member of table.all) {
    if (member === table.self || !isLive(member)) continue;
    const copy = fresh.add(alive(member.id, member.incarnation));
    for (const [id, claim] of member.networks ?? []) fresh.setClaim(copy, id, claim);
  }
  return fresh;
}

const ids = (members: Iterable<Member>): string[] => [...members].map(({ id }) => id).toSorted();

test('what depends on the members is as if it were made anew from them', (t) => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const table = new MemberTable(alive('n1'));
    for (const change of steps) perform(table, change);
    const fresh = rebuilt(table);
    t.deepEqual(table.digestWords, fresh.digestWords);
    t.deepEqual(ids(table.others), ids(fresh.others));
    t.is(table.liveCount, fresh.liveCount);
    for (const id of NETWORKS) t.deepEqual(ids(table.roster(id)), ids(fresh.roster(id)));
    const gone = [...table.all].filter((member) => !isLive(member));
    t.deepEqual(ids(table.gone.values()), ids(gone));
  });
  t.notThrows(() => fc.assert(property, { numRuns: 500 }));
});

test('the gone stand in the order in which they went', (t) => {
  const table = new MemberTable(alive('n1'));
  const members = [2, 3, 4].map((index) => table.add(alive(`n${index}`)));
  for (const member of members.toReversed()) table.update(member, { state: GONE });
  table.update(members[2] as Member, { state: { kind: 'left', sinceMs: 1 } });
  t.deepEqual([...table.gone.keys()], ['n3', 'n2', 'n4'] as never);
});

test('digests differ in the bucket of whoever differs, and in no other', (t) => {
  const one = new MemberTable(alive('n1'));
  const other = new MemberTable(alive('n1'));
  for (let index = 2; index < 200; index += 1) {
    one.add(alive(`n${index}`));
    other.add(alive(`n${201 - index}`));
  }
  t.is(differingBuckets(one.digestWords, other.digestWords).size, 0);
  const bucket = bucketOf(hash('n77'));
  const changed = one.get(node('n77')) as Member;
  one.update(changed, { incarnation: inc(1) });
  t.deepEqual([...differingBuckets(one.digestWords, other.digestWords)], [bucket]);
  one.update(changed, { incarnation: inc(0) });
  one.setClaim(changed, network('net-a'), { time: 1 as NetworkTime, isJoined: true });
  t.deepEqual([...differingBuckets(one.digestWords, other.digestWords)], [bucket]);
  one.setClaim(changed, network('net-a'), { time: 2 as NetworkTime, isJoined: false });
  t.is(differingBuckets(one.digestWords, other.digestWords).size, 0);
  other.update(other.get(node('n77')) as Member, { state: GONE });
  t.deepEqual([...differingBuckets(one.digestWords, other.digestWords)], [bucket]);
});

test('members are spread over all buckets', (t) => {
  const buckets = Array.from({ length: 1000 }, (_, index) => bucketOf(hash(`node-${index}`)));
  t.is(new Set(buckets).size, DIGEST_BUCKETS);
});

test('a choice takes different ones, only wanted ones, and no more than there are', (t) => {
  const table = new MemberTable(alive('n1'));
  for (let index = 2; index <= 6; index += 1) table.add(alive(`n${index}`));
  const rng = new SeededRng(1);
  const from = table.others;
  const counts = new Map<string, number>();
  for (let turn = 0; turn < 2000; turn += 1) {
    const chosen = ids(table.choose({ from, count: 3, rng }));
    t.is(new Set(chosen).size, chosen.length);
    t.true(chosen.length <= 3);
    for (const id of chosen) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const count of counts.values()) t.true(count > 1000 && count < 1400, String(count));
  const isWanted = ({ id }: Member): boolean => id === 'n4';
  t.deepEqual(ids(table.choose({ from, count: 3, rng, isWanted })), ['n4']);
  t.deepEqual(ids(table.choose({ from: [], count: 3, rng })), []);
});
