import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { SeededRng } from '../../../../src/base/index.ts';
import { isClusterError } from '../../../../src/cluster/errors.ts';
import type { ReplicatedLog } from '../../../../src/cluster/log/index.ts';
import { CrashingDisk } from '../crashing-disk.ts';
import { ListLog, faultyDisk, noSpace, temporaryDirectory } from './fixture.ts';

async function propose(log: ReplicatedLog<number>, ...texts: string[]): Promise<number[]> {
  return Promise.all(texts.map((text) => log.propose(Buffer.from(text))));
}

test('a proposal resolves with what its own entry did, and is there after a restart', async (t) => {
  const directory = await temporaryDirectory(t);
  const log = await new ListLog().create(directory);
  t.deepEqual(await propose(log, 'a', 'b', 'c'), [1, 2, 3]);
  await log.close();
  const list = new ListLog();
  const again = await list.open(directory);
  t.deepEqual(list.state, ['a', 'b', 'c']);
  t.deepEqual(await propose(again, 'd'), [4]);
  await again.close();
});

test('proposals made while a sync runs share the next one', async (t) => {
  const directory = await temporaryDirectory(t);
  let syncs = 0;
  const disk = faultyDisk((call) => {
    if (call === 'sync') syncs += 1;
    return undefined;
  });
  const log = await new ListLog().create(directory, { disk });
  const before = syncs;
  const first = propose(log, 'first');
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([
    first,
    propose(log, ...Array.from({ length: 200 }, (_, index) => `${index}`)),
  ]);
  t.is(syncs - before, 2);
  await log.close();
});

test('a full queue says busy, and an entry that is too large is refused', async (t) => {
  const directory = await temporaryDirectory(t);
  const limits = { queueProposalsMax: 2, entryBytesMax: 10 };
  const log = await new ListLog().create(directory, { limits });
  const [, , third] = await Promise.allSettled(
    ['a', 'b', 'c'].map((text) => log.propose(Buffer.from(text))),
  );
  t.true(third?.status === 'rejected' && isClusterError(third.reason, 'busy'));
  t.true(isClusterError(await t.throwsAsync(log.propose(Buffer.alloc(11))), 'too-large'));
  t.deepEqual(await propose(log, 'd'), [3]);
  await log.close();
});

test('a write that fails changes nothing, and the log goes on', async (t) => {
  const directory = await temporaryDirectory(t);
  let isFull = false;
  const disk = faultyDisk((call) => (isFull && call === 'write' ? noSpace() : undefined));
  const list = new ListLog();
  const log = await list.create(directory, { disk });
  await propose(log, 'a');
  isFull = true;
  t.true(isClusterError(await t.throwsAsync(propose(log, 'lost')), 'disk-full'));
  t.deepEqual(list.state, ['a']);
  isFull = false;
  await propose(log, 'b');
  await log.close();
  const again = new ListLog();
  await (await again.open(directory)).close();
  t.deepEqual(again.state, ['a', 'b']);
});

test('snapshots bound the log, and a restart needs only what follows the newest', async (t) => {
  const directory = await temporaryDirectory(t);
  const changes = { snapshotPolicy: () => ({ intervalEntries: 10, keepOld: 1 }) };
  const list = new ListLog();
  const log = await list.create(directory, changes);
  for (let round = 0; round < 95; round += 1) await propose(log, `${round}`);
  await log.close();
  const names = await readdir(directory);
  t.is(names.filter((name) => name.endsWith('.snap')).length, 2);
  t.true(names.filter((name) => name.endsWith('.log')).length <= 3, names.join());
  const again = new ListLog();
  await (await again.open(directory, changes)).close();
  t.deepEqual(again.state, list.state);
});

test('a snapshot that cannot be written costs nothing but the space it would have saved', async (t) => {
  const directory = await temporaryDirectory(t);
  const disk = faultyDisk((call, path) =>
    call === 'open' && path.endsWith('.snap.tmp') ? noSpace() : undefined,
  );
  const log = await new ListLog().create(directory, {
    disk,
    snapshotPolicy: () => ({ intervalEntries: 2, keepOld: 0 }),
  });
  for (let round = 0; round < 10; round += 1) await propose(log, `${round}`);
  await log.close();
  const again = new ListLog();
  await (await again.open(directory)).close();
  t.is(again.state.length, 10);
});

test('a damaged snapshot and a damaged vote are refused with their file', async (t) => {
  const directory = await temporaryDirectory(t);
  const changes = { snapshotPolicy: () => ({ intervalEntries: 3, keepOld: 0 }) };
  const log = await new ListLog().create(directory, changes);
  await propose(log, 'a', 'b', 'c');
  await log.close();
  for (const name of (await readdir(directory)).filter((each) => !each.endsWith('.log'))) {
    const path = join(directory, name);
    const whole = await readFile(path);
    const flipped = Buffer.from(whole);
    const middle = whole.length >> 1;
    flipped[middle] = (flipped[middle] ?? 0) ^ 1;
    await writeFile(path, flipped);
    const error = await t.throwsAsync(new ListLog().open(directory));
    t.true(isClusterError(error, 'damaged') && error.message.includes(name), name);
    await writeFile(path, whole);
  }
  await (await new ListLog().open(directory)).close();
});

test('a crash at any call on the disk loses nothing that was acknowledged, and invents nothing', async (t) => {
  const scenario = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 }),
    entryBytes: fc.integer({ min: 0, max: 1500 }),
    crashAfter: fc.nat({ max: 60 }),
    seed: fc.integer(),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ sizes, entryBytes, crashAfter, seed }) => {
      const disk = new CrashingDisk();
      const changes = {
        limits: { segmentBytesMax: 2000 },
        snapshotPolicy: () => ({ intervalEntries: 5, keepOld: 0 }),
      };
      const list = new ListLog();
      const log = await list.create('/log', { ...changes, disk });
      const proposed: string[] = [];
      let acknowledged = 0;
      disk.callsLeft = crashAfter;
      for (const [round, size] of sizes.entries()) {
        const texts = Array.from({ length: size }, (_, at) =>
          `${round}.${at}`.padEnd(entryBytes, '.'),
        );
        proposed.push(...texts);
        const results = await Promise.allSettled(
          texts.map((text) => log.propose(Buffer.from(text))),
        );
        acknowledged += results.filter(({ status }) => status === 'fulfilled').length;
        if (disk.callsLeft < 0) break;
      }
      const survivor = disk.afterCrash(new SeededRng(seed));
      const seen = new ListLog();
      await (await seen.open('/log', { ...changes, disk: survivor })).close();
      t.true(seen.state.length >= acknowledged, `${seen.state.length} of ${acknowledged}`);
      t.deepEqual(seen.state, proposed.slice(0, seen.state.length));
    }),
    { numRuns: 400 },
  );
});
