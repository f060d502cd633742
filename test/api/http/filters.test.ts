import test from 'ava';
import fc from 'fast-check';
import { ApiError, statusOf } from '../../../src/api/http/errors.ts';
import { parseFilters } from '../../../src/api/http/filters.ts';

function parse(filters: unknown, accepted = ['name', 'label', 'dangling']) {
  return parseFilters(
    new URLSearchParams({
      filters: typeof filters === 'string' ? filters : JSON.stringify(filters),
    }),
    accepted,
  );
}

test('both forms of a filter are read', (t) => {
  t.deepEqual(parse({ name: ['a', 'b'] }).get('name'), ['a', 'b']);
  t.deepEqual(parse({ name: { a: true, b: true } }).get('name'), ['a', 'b']);
  t.deepEqual(parse('').get('name'), []);
});

test('a filter admits what one of its values matches, and everything when it is absent', (t) => {
  const filters = parse({ name: ['a', 'b'] });
  t.true(filters.admits('name', (wanted) => wanted === 'b'));
  t.false(filters.admits('name', (wanted) => wanted === 'c'));
  t.true(filters.admits('label', () => false));
});

const LABELS = [
  { wanted: ['a'], admits: true },
  { wanted: ['a=1'], admits: true },
  { wanted: ['a=2'], admits: false },
  { wanted: ['b=x=y'], admits: true },
  { wanted: ['a', 'c'], admits: false },
];

for (const { wanted, admits } of LABELS) {
  test(`labels ${wanted.join(' and ')} ${admits ? 'are' : 'are not'} found`, (t) => {
    t.is(parse({ label: wanted }).admitsLabels('label', { a: '1', b: 'x=y' }), admits);
  });
}

test('booleans are read as Docker reads them', (t) => {
  t.true(parse({ dangling: ['true'] }).boolean('dangling'));
  t.false(parse({ dangling: { 0: true } }).boolean('dangling'));
  t.is(parse({}).boolean('dangling'), undefined);
  t.throws(() => parse({ dangling: ['maybe'] }).boolean('dangling'), { instanceOf: ApiError });
});

for (const bad of ['{', '[]', 'null', '{"name":1}', '{"name":[1]}', '{"colour":["red"]}']) {
  test(`${bad} is refused`, (t) => {
    const error = t.throws(() => parse(bad));
    t.is(statusOf(error), 400);
  });
}

test('any text is read or refused, never a crash', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ size: 'max', maxLength: 1_000 }), fc.json()), (text) => {
      try {
        parse(text);
      } catch (error) {
        t.true(error instanceof ApiError);
      }
    }),
  );
  t.pass();
});
