import test from 'ava';
import { cutOff } from '../../../src/raft/log/cut-off.ts';
import { entryBytes } from '../../../src/raft/types.ts';
import { entry } from '../support/words.ts';

const list = [1, 2, 3, 4, 5].map((index) => entry(index, 1));
const each = entryBytes(entry(1, 1));

for (const { name, from, to, bytesMax, expected } of [
  { name: 'all that fit', from: 0, to: 5, bytesMax: 5 * each, expected: [1, 2, 3, 4, 5] },
  {
    name: 'none that would pass the bound',
    from: 1,
    to: 5,
    bytesMax: 3 * each - 1,
    expected: [2, 3],
  },
  { name: 'the first, whatever its size', from: 2, to: 5, bytesMax: 0, expected: [3] },
  { name: 'none from an empty range', from: 2, to: 2, bytesMax: 1000, expected: [] },
  { name: 'none past the end of the list', from: 3, to: 9, bytesMax: 1000, expected: [4, 5] },
])
  test(`a cut takes ${name}`, (t) => {
    const indexes = cutOff(list, { from, to }, bytesMax).map(({ index }) => index as number);
    t.deepEqual(indexes, expected);
  });
