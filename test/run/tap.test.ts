import test from 'ava';
import { parseTap } from './tap.ts';

test('counts results and keeps the explanation of each failure', (t) => {
  const totals = parseTap(
    [
      'TAP version 13',
      'ok 1 - dns › answers',
      'ok 2 - dns › needs dig # SKIP',
      'not ok 3 - store › applies',
      '  ---',
      '    name: AssertionError',
      '  ...',
      'ok 4 - store › watches',
      '1..4',
    ].join('\n'),
  );
  t.is(totals.passed, 2);
  t.deepEqual(totals.skipped, ['dns › needs dig']);
  t.deepEqual(totals.failures, [
    { title: 'store › applies', explanation: ['  ---', '    name: AssertionError', '  ...'] },
  ]);
});

test('a document without results counts nothing', (t) => {
  t.deepEqual(parseTap('TAP version 13\n1..0\n'), { passed: 0, failures: [], skipped: [] });
});
