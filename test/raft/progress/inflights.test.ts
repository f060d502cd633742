import { testProp, fc } from '@fast-check/ava';
import test from 'ava';
import type { LogIndex } from '../../../src/raft/index.ts';
import { Inflights } from '../../../src/raft/progress/inflights.ts';

const index = (value: number): LogIndex => value as LogIndex;

test('what came back is no longer counted', (t) => {
  const inflights = new Inflights();
  inflights.add(index(3), 30);
  inflights.add(index(5), 50);
  inflights.freeThrough(index(4));
  t.like(inflights, { count: 1, bytes: 50 });
  inflights.freeThrough(index(3));
  t.like(inflights, { count: 1, bytes: 50 }, 'an earlier answer frees nothing');
  inflights.freeThrough(index(9));
  t.like(inflights, { count: 0, bytes: 0 });
});

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('add' as const), gap: fc.nat({ max: 3 }), bytes: fc.nat(500) }),
    fc.record({ kind: fc.constant('free' as const), back: fc.nat({ max: 40 }) }),
  ),
  { minLength: 1, maxLength: 400 },
);

testProp('it counts like a plain list, however long it goes on', [steps], (t, list) => {
  const inflights = new Inflights();
  let plain: { through: number; bytes: number }[] = [];
  let last = 0;
  for (const step of list) {
    if (step.kind === 'add') {
      last += step.gap;
      inflights.add(index(last), step.bytes);
      plain.push({ through: last, bytes: step.bytes });
    } else {
      inflights.freeThrough(index(last - step.back));
      plain = plain.filter(({ through }) => through > last - step.back);
    }
    t.is(inflights.count, plain.length);
    t.is(
      inflights.bytes,
      plain.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  }
});
