import test from 'ava';
import type { LogIndex } from '../../../src/raft/index.ts';
import { Unstable } from '../../../src/raft/log/unstable.ts';
import { bytesOf } from '../../../src/raft/types.ts';
import { entry, snapshotMeta } from '../support/words.ts';

function after(lastIndex: number, ...terms: readonly number[]): Unstable {
  const unstable = new Unstable(lastIndex as LogIndex);
  unstable.append(terms.map((term, at) => entry(lastIndex + 1 + at, term)));
  return unstable;
}

function termsOf(unstable: Unstable): number[] {
  return unstable.entries.map(({ term }) => term);
}

test('what is written stays until it is durable', (t) => {
  const unstable = after(5, 1, 1);
  const write = unstable.beginWrite();
  t.is(write.entries.length, 2);
  unstable.append([entry(8, 1)]);
  t.like(unstable, { stableIndex: 5, lastIndex: 8, isDirty: true });
  unstable.endWrite();
  t.like(unstable, { stableIndex: 7, lastIndex: 8, firstIndex: 8, isDirty: true });
  t.is(write.entries.length, 2, 'what was given out does not change');
});

test('one write at a time', (t) => {
  const unstable = after(5, 1);
  t.throws(() => unstable.endWrite());
  unstable.beginWrite();
  t.throws(() => unstable.beginWrite());
});

test('of a write whose end was replaced meanwhile only the rest is durable', (t) => {
  const unstable = after(5, 1, 1, 1);
  unstable.beginWrite();
  unstable.append([entry(7, 2), entry(8, 2), entry(9, 2)]);
  unstable.endWrite();
  t.like(unstable, { stableIndex: 6, lastIndex: 9 });
  t.deepEqual(termsOf(unstable), [2, 2, 2]);
});

test('of a write that was replaced altogether nothing is', (t) => {
  const unstable = after(5, 1, 1);
  unstable.beginWrite();
  unstable.append([entry(4, 2)]);
  unstable.endWrite();
  t.like(unstable, { stableIndex: 3, lastIndex: 4, firstIndex: 4 });
});

test('entries that were durable are replaced, too', (t) => {
  const unstable = after(5);
  t.false(unstable.isDirty);
  unstable.append([entry(3, 2)]);
  t.like(unstable, { stableIndex: 2, firstIndex: 3, lastIndex: 3 });
  t.throws(() => unstable.append([entry(5, 2)]), undefined, 'a gap');
});

test('bytes are those of what is here', (t) => {
  const unstable = after(0, 1, 1, 1, 1);
  const each = bytesOf([entry(1, 1)]);
  t.is(unstable.bytes, 4 * each);
  unstable.append([entry(3, 2)]);
  t.is(unstable.bytes, 3 * each);
  unstable.beginWrite();
  unstable.append([entry(4, 2)]);
  unstable.endWrite();
  t.is(unstable.bytes, each);
  unstable.restore(snapshotMeta(9, 2));
  t.is(unstable.bytes, 0);
});

test('a snapshot replaces everything, also what is on its way', (t) => {
  const unstable = after(5, 1, 1);
  unstable.beginWrite();
  unstable.restore(snapshotMeta(20, 3));
  t.like(unstable, { firstIndex: 21, lastIndex: 20, stableIndex: 20, isDirty: true });
  t.is(unstable.term(20 as LogIndex), 3 as never);
  unstable.endWrite();
  t.is(unstable.snapshot?.index, 20 as LogIndex, 'it was not in that write');
  unstable.append([entry(21, 3)]);
  t.deepEqual(
    { entries: unstable.beginWrite().entries.length, snapshot: unstable.snapshot?.index as number },
    { entries: 1, snapshot: 20 },
  );
  unstable.endWrite();
  t.like(unstable, { snapshot: undefined, isDirty: false, stableIndex: 21 });
});

test('a second snapshot stays when the first one is installed', (t) => {
  const unstable = after(5);
  unstable.restore(snapshotMeta(20, 3));
  unstable.beginWrite();
  unstable.restore(snapshotMeta(30, 3));
  unstable.endWrite();
  t.is(unstable.snapshot?.index, 30 as LogIndex);
});
