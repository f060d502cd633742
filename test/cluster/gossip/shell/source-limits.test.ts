import test from 'ava';
import { SourceLimits } from '../../../../src/cluster/gossip/shell/source-limits.ts';

const RATES = { burst: 10, perSecond: 5, strangersMax: 3 };

/** How many of a hundred packets are let in. */
function allowed(limits: SourceLimits, host: string, nowMs: number): number {
  let count = 0;
  for (let packet = 0; packet < 100; packet += 1) if (limits.allow(host, nowMs)) count += 1;
  return count;
}

test('a source may send its burst, and then so many a second', (t) => {
  const limits = new SourceLimits(RATES);
  t.is(allowed(limits, 'a', 0), 10);
  t.is(allowed(limits, 'a', 1000), 5);
  t.is(allowed(limits, 'a', 60_000), 10);
});

test('what one source sends is not counted against another', (t) => {
  const limits = new SourceLimits(RATES);
  allowed(limits, 'a', 0);
  t.is(allowed(limits, 'b', 0), 10);
});

test('strangers beyond those told apart share one bucket', (t) => {
  const limits = new SourceLimits(RATES);
  for (const host of ['a', 'b', 'c']) allowed(limits, host, 0);
  t.is(allowed(limits, 'd', 0) + allowed(limits, 'e', 0), 10);
});

test('strangers that are quiet again make room for others', (t) => {
  const limits = new SourceLimits(RATES);
  for (const host of ['a', 'b', 'c']) allowed(limits, host, 0);
  t.is(allowed(limits, 'd', 3000), 10);
  t.is(allowed(limits, 'e', 3000), 10);
});

test('no number of strangers takes anything from a member', (t) => {
  const limits = new SourceLimits(RATES);
  limits.noteMember('member', 0);
  for (let number = 0; number < 100; number += 1) allowed(limits, `stranger-${number}`, 0);
  t.is(allowed(limits, 'member', 0), 10);
  limits.forgetMember('member');
  t.is(allowed(limits, 'member', 0), 0, 'it is one of the strangers again');
});

test('a clock that stands still gives nothing back', (t) => {
  const limits = new SourceLimits(RATES);
  allowed(limits, 'a', 5000);
  t.is(allowed(limits, 'a', 4000), 0);
  t.is(allowed(limits, 'a', 5000), 0);
});
