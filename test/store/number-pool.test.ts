import test from 'ava';
import fc from 'fast-check';
import { NumberPool } from '../../src/store/pool/number-pool.ts';

/** The same rules on an array of flags, slowly. */
class FlagPool {
  private readonly used: boolean[];
  private next = 0;
  private readonly first: number;

  constructor(first: number, last: number) {
    this.first = first;
    this.used = Array.from({ length: last - first + 1 }, () => false);
  }

  take(): number | undefined {
    for (let step = 0; step < this.used.length; step += 1) {
      const index = (this.next + step) % this.used.length;
      if (this.used[index] === true) continue;
      this.used[index] = true;
      this.next = (index + 1) % this.used.length;
      return this.first + index;
    }
    return undefined;
  }

  isUsed(value: number): boolean {
    return this.used[value - this.first] === true;
  }

  set(value: number, isUsed: boolean): void {
    this.used[value - this.first] = isUsed;
  }

  get free(): number {
    return this.used.filter((isUsed) => !isUsed).length;
  }
}

/** Takes from both; crashes where they differ. */
function takeBoth(count: number, pool: NumberPool, flags: FlagPool): void {
  for (let n = 0; n < count; n += 1)
    if (pool.take() !== flags.take()) throw new Error('the pools differ');
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ type: 'take' as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('flip' as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fill' as const), count: fc.nat(1500) }) },
);

test('a pool hands out the same numbers as a flag per number would', (t) => {
  const property = fc.property(
    fc.nat(2 ** 31),
    fc.integer({ min: 1, max: 5000 }),
    fc.array(step, { maxLength: 60 }),
    (first, size, steps) => {
      const last = first + size - 1;
      const pool = new NumberPool(first, last);
      const flags = new FlagPool(first, last);
      for (const action of steps) {
        if (action.type === 'take') t.is(pool.take(), flags.take());
        else if (action.type === 'fill') takeBoth(action.count, pool, flags);
        if (action.type === 'flip') {
          const value = first + (action.at % size);
          const isUsed = flags.isUsed(value);
          if (isUsed) pool.release(value);
          else pool.claim(value);
          flags.set(value, !isUsed);
        }
        if (pool.free !== flags.free) t.fail('both count alike');
      }
    },
  );
  fc.assert(property, { numRuns: 200, seed: 7 });
  t.pass();
});

test('a number that was given back is the last to be given again', (t) => {
  const pool = new NumberPool(10, 13);
  const first = pool.take();
  pool.release(10);
  t.is(first, 10);
  t.deepEqual([pool.take(), pool.take(), pool.take(), pool.take()], [11, 12, 13, 10]);
  t.is(pool.take(), undefined);
  t.is(pool.free, 0);
});

test('numbers up to the top of 32 bits are handled', (t) => {
  const pool = new NumberPool(0, 2 ** 32 - 1);
  pool.cursor = 2 ** 32 - 2;
  t.deepEqual([pool.take(), pool.take(), pool.take()], [2 ** 32 - 2, 2 ** 32 - 1, 0]);
  t.true(pool.isUsed(2 ** 32 - 1));
  t.false(pool.covers(2 ** 32));
});

test('a large pool that is almost full still finds its free number', (t) => {
  const pool = new NumberPool(1, 1_000_000);
  for (let n = 0; n < 1_000_000; n += 1) pool.take();
  pool.release(777_777);
  t.is(pool.take(), 777_777);
  t.is(pool.take(), undefined);
});

const misuses: readonly { name: string; act: (pool: NumberPool) => void }[] = [
  { name: 'claiming what is used', act: (pool) => pool.claim(1) },
  { name: 'claiming what lies outside', act: (pool) => pool.claim(99) },
  { name: 'releasing what is free', act: (pool) => pool.release(2) },
];

for (const { name, act } of misuses) {
  test(`${name} is a bug and crashes`, (t) => {
    const pool = new NumberPool(1, 5);
    pool.claim(1);
    t.throws(() => act(pool), { message: /^assertion failed/ });
  });
}
