/**
 * The format, pinned: `vectors/` holds snapshots as they were first written, and `later.jsonl`, as
 * a later release may write them. `HAWSER_REWRITE_VECTORS=1` writes the first anew, to be read in
 * the diff; a changed line in them is a format that managers of the last release cannot read.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../../src/base/index.ts';
import { SAMPLES } from './samples.ts';
import { restored, snapshotOf } from './snapshots.ts';

const HOME = join(packageRoot(import.meta.dirname), 'test/store/snapshot/vectors');
const pathOf = (name: string): string => join(HOME, `${name}.jsonl`);

for (const [name, make] of Object.entries(SAMPLES)) {
  const written = snapshotOf(make());
  if (process.env['HAWSER_REWRITE_VECTORS'] === '1') writeFileSync(pathOf(name), written);
  const kept = readFileSync(pathOf(name), 'utf8');

  test(`the snapshot of ${name} is written as its vector`, (t) => {
    t.is(written, kept);
  });

  test(`the vector of ${name} is read, and written again as it is`, (t) => {
    t.is(snapshotOf(restored(kept)), kept);
  });
}

test('what a later release adds is kept in rows, and passed over as lines', (t) => {
  const later = readFileSync(pathOf('later'), 'utf8');
  const again = snapshotOf(restored(later));
  t.true(later.includes('"kind":"secrets"'));
  t.false(again.includes('secrets'));
  t.true(again.includes('"zone":"b"'));
  const tables = later.split('\n').filter((line) => /^.{9}(cluster|nodes|networks)/.test(line));
  for (const line of tables) t.true(again.split('\n').includes(line));
  t.is(snapshotOf(restored(again)), again);
});
