import test from 'ava';
import fc from 'fast-check';
import {
  hashOf,
  isName,
  isNewer,
  isSameValue,
  type LamportTime,
  type Row,
  type RowKind,
} from '../../../../src/gossip/tables/rows/row.ts';
import { rowOf } from '../support.ts';

/** Few times and short values, so that ties are common. */
const version: fc.Arbitrary<Row> = fc.record({
  kind: fc.constant(1 as RowKind),
  key: fc.constant('key'),
  time: fc.integer({ min: 1, max: 3 }).map((value) => value as LamportTime),
  value: fc.option(fc.uint8Array({ maxLength: 2 }), { nil: undefined }),
});

function merged(a: Row, b: Row): Row {
  return isNewer(b, a) ? b : a;
}

function isSame(a: Row, b: Row): boolean {
  return a.time === b.time && isSameValue(a.value, b.value);
}

test('merging two versions does not depend on their order', (t) => {
  fc.assert(fc.property(version, version, (a, b) => isSame(merged(a, b), merged(b, a))));
  t.pass();
});

test('merging three versions does not depend on who is merged first', (t) => {
  fc.assert(
    fc.property(version, version, version, (a, b, c) =>
      isSame(merged(merged(a, b), c), merged(a, merged(b, c))),
    ),
  );
  t.pass();
});

test('merging a version again changes nothing', (t) => {
  fc.assert(
    fc.property(version, version, (a, b) => {
      const once = merged(a, b);
      return isSame(merged(once, b), once) && isSame(merged(once, a), once) && !isNewer(a, a);
    }),
  );
  t.pass();
});

const ORDER: readonly { readonly name: string; readonly newer: Row; readonly older: Row }[] = [
  { name: 'a later time', newer: rowOf('a', 2, ''), older: rowOf('a', 1, 'zzz') },
  { name: 'a later time of a live row', newer: rowOf('a', 2, ''), older: rowOf('a', 1) },
  { name: 'a tombstone of the same time', newer: rowOf('a', 1), older: rowOf('a', 1, 'zzz') },
  { name: 'a greater byte', newer: rowOf('a', 1, 'ac'), older: rowOf('a', 1, 'abz') },
  { name: 'a longer value', newer: rowOf('a', 1, 'ab'), older: rowOf('a', 1, 'a') },
];

for (const { name, newer, older } of ORDER)
  test(`${name} wins`, (t) => {
    t.true(isNewer(newer, older));
    t.false(isNewer(older, newer));
  });

test('a hash tells kind, key, time and value apart, also beyond 32 bits of time', (t) => {
  const rows: Row[] = [
    rowOf('a', 1, 'v'),
    rowOf('b', 1, 'v'),
    rowOf('a', 2, 'v'),
    rowOf('a', 2 ** 32 + 1, 'v'),
    rowOf('a', 2 ** 40 + 1, 'v'),
    rowOf('a', 1, 'w'),
    rowOf('a', 1, ''),
    { ...rowOf('a', 1, 'v'), kind: 2 as RowKind },
  ];
  t.is(new Set(rows.map(hashOf)).size, rows.length);
  t.true(rows.every((row) => Number.isInteger(hashOf(row)) && hashOf(row) < 2 ** 32));
});

test('names are 1 to 64 printable ASCII characters', (t) => {
  t.true(isName('!'));
  t.true(isName('~'.repeat(64)));
  for (const text of ['', 'a b', 'a\n', 'é', '~'.repeat(65)]) t.false(isName(text), text);
});
