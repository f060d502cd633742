import test from 'ava';
import { CliError } from '../../../src/cli/errors.ts';
import { table } from '../../../src/cli/print/table.ts';
import { renderTemplate } from '../../../src/cli/print/template.ts';
import { ellipsis, humanDuration, humanSize, stateSince } from '../../../src/cli/print/words.ts';

test('columns are at least ten wide and three apart', (t) => {
  t.is(
    table(
      ['ID', 'NAME', 'PORTS'],
      [
        ['1', 'a-long-name', ''],
        ['2', 'b', '*:80'],
      ],
    ),
    'ID        NAME          PORTS\n1         a-long-name   \n2         b             *:80',
  );
});

test("durations in docker's words", (t) => {
  const [second, minute, hour, day] = [1e3, 60e3, 3600e3, 86_400e3];
  const expected: [number, string][] = [
    [900, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [minute, 'About a minute'],
    [59 * minute, '59 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [13 * day, '13 days'],
    [15 * day, '2 weeks'],
    [65 * day, '2 months'],
    [800 * day, '2 years'],
  ];
  for (const [ms, words] of expected) t.is(humanDuration(ms), words);
  t.is(
    stateSince('running', '2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:01:05Z')),
    'Running about a minute ago',
  );
});

test('sizes have three digits', (t) => {
  t.is(humanSize(0), '0B');
  t.is(humanSize(999), '999B');
  t.is(humanSize(4_261_550), '4.26MB');
  t.is(humanSize(1_234_567_890), '1.23GB');
  t.is(ellipsis('abcdef', 4), 'abc…');
});

test('templates give fields and refuse the rest', (t) => {
  const value = { ID: 'x', Spec: { Name: 'web', Labels: { a: 'b' } }, Slot: 1 };
  t.is(renderTemplate('{{.ID}} {{ .Spec.Name }}/{{.Slot}}', value), 'x web/1');
  t.is(renderTemplate('{{json .Spec.Labels}}', value), '{"a":"b"}');
  t.is(renderTemplate('{{json .}}', value), JSON.stringify(value));
  for (const wrong of ['{{range .X}}', '{{.Nope}}', '{{.ID.Deeper}}']) {
    t.throws(() => renderTemplate(wrong, value), { instanceOf: CliError }, wrong);
  }
});
