import test from 'ava';
import fc from 'fast-check';
import type { NodeId } from '../../../../src/model/index.ts';
import type { OwnerRows } from '../../../../src/gossip/tables/rows/owner-rows.ts';
import { nameInOwner, type Row } from '../../../../src/gossip/tables/rows/row.ts';
import type { Section } from '../../../../src/gossip/tables/wire/messages.ts';
import { rowOf, time } from '../support.ts';
import { OWNER, checkMergeLaws, described, held, replica } from './replica.ts';

const PEER = 'peer' as NodeId;

test('replicas that were told the same hold the same, in whatever order they were told', (t) => {
  checkMergeLaws(1);
  t.pass();
});

test('what is at or below the mark and not here is not taken', (t) => {
  const rows = replica();
  rows.cover(time(0), time(5));
  t.is(rows.offer(rowOf('a', 5, 'v'), 0), 'known');
  t.is(rows.offer(rowOf('a', 6, 'v'), 0), 'new');
  t.is(rows.offer(rowOf('a', 6, 'v'), 0), 'known');
  t.deepEqual(held(rows), ['a=v@6']);
});

test('a version that is newer than what is here is taken also below the mark', (t) => {
  const rows = replica();
  rows.offer(rowOf('a', 1, 'v'), 0);
  rows.cover(time(0), time(5));
  t.is(rows.offer(rowOf('a', 3, 'w'), 0), 'new');
});

test('a forgotten tombstone raises the floor, a tombstone beyond the mark is not forgotten', (t) => {
  const rows = replica();
  rows.offer(rowOf('a', 1, 'v'), 0);
  rows.offer(rowOf('a', 2), 10);
  rows.offer(rowOf('b', 9), 11);
  rows.cover(time(0), time(2));
  t.is(rows.forgetTombstones(9), 0);
  t.is(rows.floor, time(0));
  t.is(rows.forgetTombstones(11), 1);
  t.is(rows.floor, time(2));
  t.deepEqual(held(rows), ['b@9']);
  rows.cover(time(2), time(9));
  t.is(rows.forgetTombstones(11), 1);
  t.is(rows.floor, time(9));
});

test('live rows are counted and hashed, tombstones are not', (t) => {
  const rows = replica();
  t.deepEqual(rows.digestEntry(), { owner: OWNER, mark: time(0), count: 0, hash: 0 });
  rows.offer(rowOf('a', 1, 'v'), 0);
  rows.offer(rowOf('b', 2, 'v'), 0);
  const { hash } = rows.digestEntry();
  rows.offer(rowOf('c', 3, 'v'), 0);
  rows.offer(rowOf('c', 4), 0);
  t.deepEqual(rows.digestEntry(), { owner: OWNER, mark: time(0), count: 2, hash });
  rows.clear();
  t.deepEqual(rows.digestEntry(), { owner: OWNER, mark: time(0), count: 0, hash: 0 });
});

test('beyond a limit nothing is taken, but what is here may change', (t) => {
  let room = 2;
  const rows = replica({ rowsPerOwnerMax: 2, tryGrow: () => (room -= 1) >= 0 });
  t.is(rows.offer(rowOf('a', 1, 'v'), 0), 'new');
  t.is(rows.offer(rowOf('b', 2, 'v'), 0), 'new');
  t.is(rows.offer(rowOf('c', 3, 'v'), 0), 'full');
  t.is(rows.offer(rowOf('a', 4, 'w'), 0), 'new');
  t.is(rows.offer(rowOf('a', 5), 0), 'new');
  t.is(rows.offer(rowOf('c', 3, 'v'), 0), 'full', 'the tombstone takes its room');
  t.is(rows.offer(rowOf('a', 6, 'w'), 0), 'new');
});

const sweep: Section = {
  owner: OWNER,
  isSweep: true,
  since: time(0),
  through: time(4),
  floor: time(3),
  isLast: false,
  rows: [rowOf('a', 4, 'v')],
};
const sweepEnd: Section = { ...sweep, since: time(4), through: time(9), isLast: true, rows: [] };

function stale(): OwnerRows {
  const rows = replica();
  rows.offer(rowOf('gone', 1, 'v'), 0);
  rows.offer(rowOf('loose', 20, 'v'), 0);
  rows.cover(time(0), time(1));
  return rows;
}

test('a sweep drops, at its end, what it did not name', (t) => {
  const rows = stale();
  t.is(rows.takeSection(sweep, PEER, 0), 1);
  t.deepEqual(held(rows), ['a=v@4', 'gone=v@1', 'loose=v@20']);
  t.deepEqual(rows.pullFrom(PEER), { owner: OWNER, since: time(4), sweep: time(3) });
  t.is(rows.takeSection(sweepEnd, PEER, 0), 0);
  t.deepEqual(held(rows), ['a=v@4', 'loose=v@20']);
  t.is(rows.mark, time(9));
  t.is(rows.floor, time(3));
  t.deepEqual(rows.pullFrom(PEER), { owner: OWNER, since: time(9), sweep: time(0) });
});

const INTERRUPTIONS: readonly {
  readonly name: string;
  readonly section: Section;
  readonly from?: NodeId;
}[] = [
  { name: 'another peer', section: sweepEnd, from: 'other' as NodeId },
  { name: 'another floor', section: { ...sweepEnd, floor: time(5) } },
  { name: 'a gap', section: { ...sweepEnd, since: time(5) } },
];

for (const { name, section, from = PEER } of INTERRUPTIONS)
  test(`a sweep that is gone on with ${name} drops nothing`, (t) => {
    const rows = stale();
    rows.takeSection(sweep, PEER, 0);
    t.is(rows.takeSection(section, from, 0), 'out-of-order');
    t.deepEqual(held(rows), ['a=v@4', 'gone=v@1', 'loose=v@20']);
    t.is(rows.mark, time(1));
  });

test('a sweep of which a row finds no room is given up', (t) => {
  const rows = replica({ rowsPerOwnerMax: 0 });
  t.is(rows.takeSection(sweep, PEER, 0), 'full');
  t.is(rows.takeSection(sweepEnd, PEER, 0), 'out-of-order');
  t.is(rows.mark, time(0));
});

/**
 * A history of one owner, and replicas that are told of it: by news in any order with losses, by
 * each other, with tombstones forgotten at any time.
 */
type Event =
  | { readonly kind: 'write'; readonly key: string; readonly value: string | undefined }
  | { readonly kind: 'news'; readonly to: number; readonly entry: number }
  | { readonly kind: 'pull'; readonly to: number; readonly from: number; readonly room: number }
  | { readonly kind: 'forget'; readonly at: number };

const REPLICAS = 4;
const anyOf = fc.nat(REPLICAS - 1);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('news' as const), to: anyOf, entry: fc.nat(40) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pull' as const),
      to: anyOf,
      from: anyOf,
      room: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), at: anyOf }) },
);

test('replicas never hold what a complete one knows deleted, and end like the owner', (t) => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const history: Row[] = [];
      const replicas = Array.from({ length: REPLICAS }, () => replica());
      for (const one of events) happen(one, replicas, history);
      // The first one is the owner; in the end everyone hears all of it.
      for (const to of replicas.slice(1)) pull(to, replicas[0] as OwnerRows, Infinity);
      const truth = newestLive(history);
      return replicas.every((rows) => live(rows) === truth && rows.mark === history.length);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

function happen(one: Event, replicas: readonly OwnerRows[], history: Row[]): void {
  switch (one.kind) {
    case 'write': {
      const row = rowOf(one.key, history.length + 1, one.value);
      history.push(row);
      replicas[0]?.offer(row, 0);
      replicas[0]?.cover(time(row.time - 1), row.time);
      return;
    }
    case 'news': {
      const row = history[one.entry];
      if (row === undefined) return;
      replicas[one.to]?.offer(row, 0);
      replicas[one.to]?.cover(time(row.time - 1), row.time);
      return;
    }
    case 'pull':
      if (one.to !== one.from && one.to !== 0)
        pull(replicas[one.to] as OwnerRows, replicas[one.from] as OwnerRows, one.room);
      return;
    case 'forget':
      replicas[one.at]?.forgetTombstones(0);
  }
}

/** What `sync.ts` does, two rows at a time; breaks off after `room` sections. */
function pull(to: OwnerRows, from: OwnerRows, room: number): void {
  const peer = `peer-${from.mark}-${from.floor}` as NodeId;
  if (from.mark <= to.mark) return;
  let { since } = { since: to.mark };
  const isSweep = since < from.floor;
  if (isSweep) since = time(0);
  for (let section = 0; section <= room; section += 1) {
    const rows = from.rowsAfter(since).filter((row) => row.time <= from.mark);
    const isLast = rows.length <= 2;
    const through = isLast ? from.mark : (rows[1]?.time ?? since);
    const told = { owner: OWNER, isSweep, since, through, floor: from.floor, isLast };
    to.takeSection({ ...told, rows: rows.slice(0, 2) }, peer, 0);
    if (isLast) return;
    since = through;
  }
}

function live(rows: OwnerRows): string {
  return rows.liveRows.map(described).sort().join();
}

function newestLive(history: readonly Row[]): string {
  const newest = new Map(history.map((row) => [nameInOwner(row), row]));
  return [...newest.values()]
    .filter(({ value }) => value !== undefined)
    .map(described)
    .sort()
    .join();
}
