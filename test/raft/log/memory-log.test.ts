import test from 'ava';
import { MemoryLog, type LogIndex } from '../../../src/raft/index.ts';
import { entry, memberIds, snapshotMeta } from '../support/words.ts';

const index = (value: number): LogIndex => value as LogIndex;

function filled(...terms: readonly number[]): MemoryLog {
  const log = MemoryLog.empty();
  log.append(terms.map((term, at) => entry(at + 1, term)));
  return log;
}

function termsOf(log: MemoryLog): number[] {
  const entries = log.entries(log.firstIndex, index(log.lastIndex + 1), Infinity) ?? [];
  return entries.map(({ term }) => term);
}

test('a new log is empty, and knows who begins the group', (t) => {
  const log = MemoryLog.empty({ voters: memberIds(['1']), learners: [] });
  t.like(log, { firstIndex: 1, lastIndex: 0 });
  t.deepEqual(log.snapshot, { ...snapshotMeta(0, 0, ['1']) });
  t.is(log.term(index(0)), 0 as never);
  t.is(log.term(index(1)), undefined);
});

test('entries replace everything from the first one on', (t) => {
  const log = filled(1, 1, 1);
  log.append([entry(2, 2)]);
  t.deepEqual(termsOf(log), [1, 2]);
  log.append([]);
  t.deepEqual(termsOf(log), [1, 2]);
});

test('entries that would leave a gap are refused', (t) => {
  const log = filled(1);
  t.throws(() => log.append([entry(3, 1)]));
});

test('what is compacted is forgotten, except for the term of the last of it', (t) => {
  const log = filled(1, 1, 2, 2);
  t.throws(() => log.compact(index(2)), undefined, 'no snapshot holds it');
  log.noteSnapshot(snapshotMeta(3, 2));
  log.compact(index(2));
  t.like(log, { firstIndex: 3, lastIndex: 4 });
  t.deepEqual(
    [1, 2, 3, 5].map((at) => log.term(index(at)) as number | undefined),
    [undefined, 1, 2, undefined],
  );
  t.is(log.entries(index(2), index(4), 1000), undefined);
  log.compact(index(1));
  t.is(log.firstIndex, 3 as LogIndex, 'again, and earlier, changes nothing');
});

test('a snapshot of this peer leaves the log as it is, and an older one is not noted', (t) => {
  const log = filled(1, 1, 2);
  log.noteSnapshot(snapshotMeta(2, 1));
  log.noteSnapshot(snapshotMeta(1, 1));
  t.is(log.snapshot.index, 2 as LogIndex);
  t.deepEqual(termsOf(log), [1, 1, 2]);
  t.throws(() => log.noteSnapshot(snapshotMeta(4, 2)));
});

test('after a snapshot from elsewhere the log begins anew', (t) => {
  const log = filled(1, 1, 2);
  log.install(snapshotMeta(7, 3));
  t.like(log, { firstIndex: 8, lastIndex: 7 });
  t.is(log.term(index(7)), 3 as never);
  log.append([entry(8, 3)]);
  t.deepEqual(termsOf(log), [3]);
});
