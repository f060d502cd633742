import fc from 'fast-check';
import test from 'ava';
import { changes } from '../../../../src/node/reconcile/namespace/list-changes.ts';

const lists = fc.record({
  start: fc.integer({ min: 0, max: 200 }),
  // Where something happens, and whether it goes, comes or moves to the end.
  edits: fc.array(fc.tuple(fc.nat(200), fc.constantFrom('gone', 'come', 'move')), {
    maxLength: 60,
  }),
});

test('without what has gone and with what has come, one list holds what the other does', (t) => {
  fc.assert(
    fc.property(lists, ({ start, edits }) => {
      const before = Array.from({ length: start }, (_, number) => ({ number }));
      const after = [...before];
      for (const [place, edit] of edits) {
        const at = place % (after.length + 1);
        if (edit === 'come') after.splice(at, 0, { number: -1 });
        else if (edit === 'gone') after.splice(at, 1);
        else after.push(...after.splice(at, 1));
      }
      const { gone, come } = changes(before, after);
      const held = new Set(before);
      for (const item of gone) held.delete(item);
      for (const item of come) held.add(item);
      t.is(held.size, after.length);
      t.true(after.every((item) => held.has(item)));
    }),
  );
});

test('few changes far apart are told alone', (t) => {
  const before = Array.from({ length: 10_000 }, (_, number) => ({ number }));
  const after = [...before];
  const [first] = after.splice(5, 1, { number: -1 });
  const [last] = after.splice(9000, 1);
  const { gone, come } = changes(before, after);
  t.deepEqual(gone, [first, last]);
  t.deepEqual(come, [{ number: -1 }]);
});
