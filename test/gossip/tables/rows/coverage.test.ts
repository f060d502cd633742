import test from 'ava';
import fc from 'fast-check';
import { Coverage } from '../../../../src/gossip/tables/rows/coverage.ts';
import { time } from '../support.ts';

test('spans that touch reach as far as their last', (t) => {
  const coverage = new Coverage();
  coverage.add(time(0), time(3));
  t.is(coverage.mark, time(3));
  coverage.add(time(5), time(7));
  coverage.add(time(7), time(9));
  t.is(coverage.mark, time(3));
  coverage.add(time(3), time(5));
  t.is(coverage.mark, time(9));
});

test('a mark never goes back', (t) => {
  const coverage = new Coverage();
  coverage.add(time(0), time(9));
  coverage.add(time(0), time(3));
  coverage.add(time(4), time(4));
  t.is(coverage.mark, time(9));
});

test('the mark is that of the set of covered times, whatever the order of spans', (t) => {
  const span = fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 6 }));
  fc.assert(
    fc.property(fc.array(span, { maxLength: 40 }), (spans) => {
      const coverage = new Coverage();
      const covered = new Set<number>();
      for (const [since, length] of spans) {
        coverage.add(time(since), time(since + length));
        for (let at = since + 1; at <= since + length; at += 1) covered.add(at);
        let mark = 0;
        while (covered.has(mark + 1)) mark += 1;
        if (coverage.mark !== mark) return false;
      }
      return true;
    }),
  );
  t.pass();
});

test('of very many spans the farthest are forgotten, never counted as reached', (t) => {
  const coverage = new Coverage();
  for (let at = 10_000; at > 0; at -= 2) coverage.add(time(at), time(at + 1));
  t.is(coverage.mark, time(0));
  for (let at = 1; at < 10; at += 2) coverage.add(time(at), time(at + 1));
  coverage.add(time(0), time(1));
  t.is(coverage.mark, time(11));
});
