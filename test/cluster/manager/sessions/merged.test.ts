import test from 'ava';
import { merged, type Source } from '../../../../src/cluster/manager/sessions/merged.ts';

function source<Item>(items: () => AsyncIterable<Item>): Source<Item> & { isCancelled: boolean } {
  const made = { items: items(), isCancelled: false, cancel: () => void (made.isCancelled = true) };
  return made;
}

async function* numbers(from: number, to: number): AsyncGenerator<number> {
  for (let number = from; number < to; number += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    yield number;
  }
}

test('everything of every source arrives, each in its own order', async (t) => {
  const sources = [
    source(() => numbers(0, 500)),
    source(() => numbers(1000, 1300)),
    source(() => numbers(0, 0)),
  ];
  const seen: number[] = [];
  for await (const item of merged(sources, {
    signal: new AbortController().signal,
    failed: () => t.fail(),
  }))
    seen.push(item);
  t.is(seen.length, 800);
  t.deepEqual(
    seen.filter((item) => item < 1000),
    [...Array(500).keys()],
  );
  t.true(sources.every(({ isCancelled }) => isCancelled));
});

test('one that fails is told, and the others go on', async (t) => {
  const failures: number[] = [];
  const broken = source(async function* () {
    yield 1;
    throw new Error('broken');
  });
  const seen: number[] = [];
  const options = {
    signal: new AbortController().signal,
    failed: (at: number) => failures.push(at),
  };
  for await (const item of merged([broken, source(() => numbers(2, 5))], options)) seen.push(item);
  t.deepEqual(failures, [0]);
  t.deepEqual(seen.sort(), [1, 2, 3, 4]);
});

test('an abort ends it at once, even while every source waits', async (t) => {
  const controller = new AbortController();
  const silent = source(() => ({
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<number>>(() => undefined),
    }),
  }));
  const iterator = merged([silent], { signal: controller.signal, failed: () => t.fail() });
  const next = iterator.next();
  controller.abort();
  t.true((await next).done);
  t.true(silent.isCancelled);
});

test('no sources give nothing, and a signal that has aborted already as well', async (t) => {
  const options = { signal: AbortSignal.abort(), failed: () => t.fail() };
  t.true((await merged([], { ...options, signal: new AbortController().signal }).next()).done);
  t.true((await merged([source(() => numbers(0, 3))], options).next()).done);
});
