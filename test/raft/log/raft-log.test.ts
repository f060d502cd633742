/** The log against a plain list of terms, over random histories; and its smaller questions. */
import { testProp, fc } from '@fast-check/ava';
import test from 'ava';
import { MemoryLog, type LogIndex, type Term } from '../../../src/raft/index.ts';
import { RaftLog } from '../../../src/raft/log/raft-log.ts';
import { entry, snapshotMeta } from '../support/words.ts';

const id = (index: number, term: number) => ({ index: index as LogIndex, term: term as Term });

function logOf(...terms: readonly number[]): RaftLog {
  const disk = MemoryLog.empty();
  disk.append(terms.map((term, at) => entry(at + 1, term)));
  return new RaftLog(disk, {});
}

for (const { name, last, isUpToDate } of [
  { name: 'a later last term', last: id(1, 4), isUpToDate: true },
  { name: 'an earlier last term', last: id(9, 2), isUpToDate: false },
  { name: 'the same last term and a longer log', last: id(4, 3), isUpToDate: true },
  { name: 'the same last term and the same length', last: id(3, 3), isUpToDate: true },
  { name: 'the same last term and a shorter log', last: id(2, 3), isUpToDate: false },
])
  test(`${name} is ${isUpToDate ? '' : 'not '}up to date`, (t) => {
    t.is(logOf(1, 2, 3).isUpToDate(last), isUpToDate);
  });

for (const { name, from, expected } of [
  { name: 'itself when its term is not above', from: id(6, 4), expected: id(6, 4) },
  { name: 'the last entry whose term is not above', from: id(6, 3), expected: id(4, 2) },
  { name: 'the beginning when all are above', from: id(6, 0), expected: id(0, 0) },
])
  test(`the last that can be equal is ${name}`, (t) => {
    t.deepEqual(logOf(1, 2, 2, 2, 4, 4).lastNotAbove(from), expected);
  });

test('what is forgotten can be equal, as far as is known', (t) => {
  const disk = MemoryLog.empty();
  disk.append([5, 5, 5, 5].map((term, at) => entry(at + 1, term)));
  disk.noteSnapshot(snapshotMeta(3, 5));
  disk.compact(3 as LogIndex);
  t.deepEqual(new RaftLog(disk, {}).lastNotAbove(id(4, 2)), id(2, 0));
});

test('a committed entry is never cut off', (t) => {
  const log = logOf(1, 1, 1);
  log.commitTo(2 as LogIndex);
  t.throws(() => log.tryAppend(id(1, 1), [entry(2, 3)]));
  t.throws(() => log.commitTo(4 as LogIndex));
});

test('a leader commits only through an entry of its own term', (t) => {
  const log = logOf(1, 1, 2);
  t.false(log.maybeCommit(2 as LogIndex, 2 as Term));
  t.true(log.maybeCommit(3 as LogIndex, 2 as Term));
  t.false(log.maybeCommit(3 as LogIndex, 2 as Term), 'it was already');
  t.is(log.committed, 3 as LogIndex);
});

test('one batch is applied at a time, and no larger than its bound', (t) => {
  const log = logOf(1, 1, 1, 1);
  log.commitTo(4 as LogIndex);
  const first = log.takeCommitted(128);
  t.deepEqual(
    first.map(({ index }) => index as number),
    [1, 2],
  );
  t.deepEqual(log.takeCommitted(128), [], 'not before these are applied');
  t.false(log.hasCommitted);
  t.throws(() => log.appliedTo(3 as LogIndex), undefined, 'it was not handed out');
  log.appliedTo(2 as LogIndex);
  t.deepEqual(
    log.takeCommitted(1000).map(({ index }) => index as number),
    [3, 4],
  );
});

test('what is committed but not durable is not applied', (t) => {
  const log = logOf();
  log.append([entry(1, 1), entry(2, 1)]);
  log.commitTo(2 as LogIndex);
  t.false(log.hasCommitted);
});

test('a log begins where its disk ends, and no commit is taken for more than that', (t) => {
  const disk = MemoryLog.empty();
  disk.append([entry(1, 1), entry(2, 1)]);
  t.is(new RaftLog(disk, { commit: 9 as LogIndex }).committed, 2 as LogIndex);
  t.throws(() => new RaftLog(disk, { applied: 3 as LogIndex }));
});

/** What a peer does with its log, as numbers that mean something at any time. */
const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('append' as const),
      back: fc.nat({ max: 4 }),
      count: fc.nat({ max: 4 }),
      isNewTerm: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom('begin' as const, 'end' as const, 'apply' as const) }),
    fc.record({ kind: fc.constant('commit' as const), count: fc.nat({ max: 3 }) }),
    fc.record({ kind: fc.constant('snapshot' as const), ahead: fc.integer({ min: 1, max: 5 }) }),
  ),
  { minLength: 1, maxLength: 60 },
);

/** The terms of the log from index 1 on, whether durable or not; index 0 is the beginning. */
class Model {
  readonly disk = MemoryLog.empty();
  readonly log = new RaftLog(this.disk, {});
  terms: number[] = [0];
  committed = 0;
  private term = 1;
  private write: ReturnType<RaftLog['beginWrite']> | undefined;

  append(back: number, count: number, isNewTerm: boolean): void {
    if (isNewTerm) this.term += 1;
    const from = Math.max(this.committed, this.terms.length - 1 - back);
    const entries = Array.from({ length: count }, (_, at) => entry(from + 1 + at, this.term));
    const previous = id(from, this.terms[from] ?? -1);
    const result = this.log.tryAppend(previous, entries);
    if (result === undefined) throw new Error('it holds the entry before');
    const isDifferent = entries.some(({ index, term }) => this.terms[index] !== term);
    if (isDifferent) this.terms = [...this.terms.slice(0, from + 1), ...entries.map((e) => e.term)];
  }

  commit(count: number): void {
    this.committed = Math.min(this.terms.length - 1, this.committed + count);
    this.log.commitTo(this.committed as LogIndex);
  }

  snapshot(ahead: number): void {
    if (this.log.isInstalling) return;
    const index = this.terms.length - 1 + ahead;
    this.log.restore(snapshotMeta(index, this.term));
    this.terms = [...Array.from({ length: index }, () => -1), this.term];
    this.committed = index;
  }

  begin(): void {
    this.write ??= this.log.beginWrite();
  }

  end(): void {
    if (this.write === undefined) return;
    if (this.write.snapshot !== undefined) this.disk.install(this.write.snapshot);
    this.disk.append(this.write.entries);
    this.write = undefined;
    this.log.endWrite();
  }

  /** The indexes that come out. */
  apply(): number[] {
    const batch = this.log.takeCommitted(300);
    const last = batch.at(-1);
    if (last !== undefined) this.log.appliedTo(last.index);
    return batch.map(({ index }) => index);
  }
}

testProp(
  'a log holds what a plain list would, whatever of it is durable',
  [steps],
  (t, list) => {
    const model = new Model();
    const { log } = model;
    for (const step of list) {
      const { applied } = log;
      if (step.kind === 'append') model.append(step.back, step.count, step.isNewTerm);
      else if (step.kind === 'commit') model.commit(step.count);
      else if (step.kind === 'snapshot') model.snapshot(step.ahead);
      else if (step.kind === 'begin') model.begin();
      else if (step.kind === 'end') model.end();
      else
        t.deepEqual(
          model.apply(),
          Array.from({ length: log.applied - applied }, (_, at) => applied + 1 + at),
          'without gaps',
        );
      t.is(log.lastIndex, (model.terms.length - 1) as LogIndex);
      t.is(log.committed, model.committed as LogIndex);
      t.true(log.applied <= log.committed && log.stableIndex <= log.lastIndex);
      for (let at = log.firstIndex - 1; at <= log.lastIndex; at += 1)
        t.is(log.term(at as LogIndex), model.terms[at] as Term, `term of ${at}`);
      const held = [];
      for (let at = log.firstIndex; at <= log.lastIndex;) {
        const part = log.entriesFrom(at, 150) ?? [];
        held.push(...part);
        at = ((part.at(-1)?.index ?? log.lastIndex) + 1) as LogIndex;
      }
      t.deepEqual(
        held.map(({ term }) => term as number),
        model.terms.slice(log.firstIndex),
      );
    }
  },
  { numRuns: 200 },
);
