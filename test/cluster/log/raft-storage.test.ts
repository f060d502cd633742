import { readdir } from 'node:fs/promises';
import test from 'ava';
import { isClusterError } from '../../../src/cluster/errors.ts';
import { RaftStorage, SYSTEM_DISK, type Disk } from '../../../src/cluster/log/index.ts';
import type { LogIndex } from '../../../src/raft/index.ts';
import { CrashingDisk } from './crashing-disk.ts';
import { FailingDisk } from './failing-disk.ts';
import {
  MEMBERS,
  createStorage,
  entries,
  entry,
  hardStateOf,
  listed,
  metaOf,
  reopened,
  storageOptions,
  temporaryDirectory,
  testSeal,
  writeOf,
} from './fixture.ts';

const NOTHING_KEPT = { oldSnapshots: 0, entriesForSlow: 0 };

test('a new log holds its members and nothing else, also after a restart', async (t) => {
  const options = storageOptions(await temporaryDirectory(t));
  const storage = await createStorage(options);
  t.deepEqual(storage.log.snapshot, metaOf(0, 0));
  t.is(await storage.newestSnapshot(), undefined);
  await storage.close();
  await reopened(options, ({ storage: { log }, hardState, snapshot, commit }) => {
    t.deepEqual(log.snapshot, metaOf(0, 0));
    t.deepEqual([Number(log.firstIndex), Number(log.lastIndex), Number(commit)], [1, 0, 0]);
    t.is(log.term(0 as LogIndex), metaOf(0, 0).term);
    t.deepEqual([hardState, snapshot], [undefined, undefined]);
  });
});

test('a log is not begun where one is', async (t) => {
  const options = storageOptions(await temporaryDirectory(t));
  await (await createStorage(options)).close();
  t.true(isClusterError(await t.throwsAsync(createStorage(options)), 'already-member'));
});

for (const seal of [undefined, testSeal('key')]) {
  const kind = seal === undefined ? 'plain' : 'sealed';
  test(`entries of every kind, the hard state and the commit come back (${kind})`, async (t) => {
    const changes = seal === undefined ? {} : { seal };
    const options = storageOptions(await temporaryDirectory(t), changes);
    const storage = await createStorage(options);
    const written = [
      { ...entry(1, 1), payload: { kind: 'empty' } as const },
      entry(2, 1, Buffer.alloc(3000)),
      { ...entry(3, 2), payload: { kind: 'membership', membership: MEMBERS } as const },
      entry(4, 2, ''),
    ];
    const hardState = hardStateOf(2, 'a:1');
    await storage.write(writeOf({ entries: written, hardState, commit: 3 as LogIndex }));
    t.deepEqual(storage.log.entries(1 as LogIndex, 5 as LogIndex, Infinity), written);
    await storage.close();
    await reopened(options, (opened) => {
      const { log } = opened.storage;
      const found = log.entries(1 as LogIndex, 5 as LogIndex, Infinity);
      t.deepEqual(JSON.stringify(found), JSON.stringify(written));
      t.deepEqual(opened.hardState, hardState);
      t.is(Number(opened.commit), 3);
    });
  });
}

test('entries replace what the log holds from the first one on, across segments and restarts', async (t) => {
  const options = storageOptions(await temporaryDirectory(t));
  const storage = await createStorage(options);
  await storage.write(writeOf({ entries: entries([1, 10], 1, 300) }));
  await storage.write(writeOf({ entries: entries([11, 10], 1, 300) }));
  t.true(storage.segmentCount >= 2);
  await storage.write(writeOf({ entries: entries([8, 3], 2, 300) }));
  await storage.write(writeOf({ entries: entries([10, 1], 3, 300) }));
  const expected = [1, 2, 3, 4, 5, 6, 7].map((index) => `${index}.1.${index}`);
  expected.push('8.2.8', '9.2.9', '10.3.10');
  t.deepEqual(listed(storage.log), expected);
  await storage.close();
  await reopened(options, async ({ storage: again }) => {
    t.deepEqual(listed(again.log), expected);
    await again.write(writeOf({ entries: entries([5, 1], 4) }));
    t.deepEqual(listed(again.log), [...expected.slice(0, 4), '5.4.5']);
  });
  await reopened(options, ({ storage: { log } }) => {
    t.deepEqual(listed(log), [...expected.slice(0, 4), '5.4.5']);
  });
});

test('reads are cut off after their bytes, never before the first, and know terms', async (t) => {
  const options = storageOptions(await temporaryDirectory(t));
  const storage = await createStorage(options);
  await storage.write(
    writeOf({ entries: [...entries([1, 4], 1, 100), ...entries([5, 4], 3, 100)] }),
  );
  await storage.close();
  await reopened(options, ({ storage: { log } }) => {
    t.is(log.entries(1 as LogIndex, 9 as LogIndex, 1)?.length, 1);
    t.is(log.entries(2 as LogIndex, 9 as LogIndex, 400)?.length, 2);
    t.is(log.entries(0 as LogIndex, 9 as LogIndex, 400), undefined);
    const terms = [0, 1, 4, 5, 8, 9].map((index) => log.term(index as LogIndex));
    t.deepEqual(terms.map(Number), [0, 1, 1, 3, 3, NaN]);
  });
});

test('a write that needs no disk does not touch it', async (t) => {
  let writes = 0;
  const disk = {
    ...SYSTEM_DISK,
    open: async (...args: Parameters<typeof SYSTEM_DISK.open>) => {
      const file = await SYSTEM_DISK.open(...args);
      const write: typeof file.write = async (...written) => {
        if (args[1] === 'durable') writes += 1;
        return file.write(...written);
      };
      return { ...file, write };
    },
  };
  const storage = await createStorage(storageOptions(await temporaryDirectory(t), { disk }));
  await storage.write(writeOf({ needsSync: false }));
  t.is(writes, 0);
  await storage.write(writeOf({ entries: entries([1, 100], 1), hardState: hardStateOf(1, 'a:1') }));
  t.is(writes, 1, 'one frame for the whole write');
  await storage.close();
});

test('a snapshot lets go of segments and entries, except those for slow followers', async (t) => {
  const options = storageOptions(await temporaryDirectory(t));
  const storage = await createStorage(options);
  await storage.write(writeOf({ hardState: hardStateOf(7, 'b:1') }));
  for (let index = 1; index <= 60; index += 1)
    await storage.write(writeOf({ entries: entries([index, 1], 7, 700), commit: 60 as LogIndex }));
  const before = storage.segmentCount;
  const state = Buffer.from('state at 50');
  await storage.saveSnapshot(metaOf(50, 7), state, { oldSnapshots: 0, entriesForSlow: 7 });
  t.is(Number(storage.log.firstIndex), 44);
  t.true(storage.segmentCount < before / 2);
  t.deepEqual(await storage.newestSnapshot(), { meta: metaOf(50, 7), state });
  await storage.close();
  await reopened(options, ({ storage: { log }, snapshot, hardState, commit }) => {
    t.deepEqual(snapshot, { meta: metaOf(50, 7), state });
    t.deepEqual(log.snapshot, metaOf(50, 7));
    t.true(log.firstIndex <= 44 && log.lastIndex === 60);
    t.deepEqual(hardState, hardStateOf(7, 'b:1'), 'a hard state outlives its segment');
    t.is(Number(commit), 60);
  });
});

test('entries for slow followers are bounded in bytes as well', async (t) => {
  const limits = { segmentBytes: 4096, slowBytesMax: 1000 };
  const storage = await createStorage(storageOptions(await temporaryDirectory(t), { limits }));
  await storage.write(writeOf({ entries: entries([1, 50], 1, 136) }));
  const keep = { oldSnapshots: 0, entriesForSlow: 40 };
  await storage.saveSnapshot(metaOf(50, 1), Buffer.alloc(0), keep);
  t.is(Number(storage.log.firstIndex), 46);
  await storage.close();
});

test('old snapshots are kept as many as asked for, and never the newest is lost', async (t) => {
  const directory = await temporaryDirectory(t);
  const options = storageOptions(directory);
  const storage = await createStorage(options);
  await storage.write(writeOf({ entries: entries([1, 9], 1) }));
  const kept = async (): Promise<number[]> =>
    (await readdir(directory))
      .filter((name) => name.endsWith('.snap'))
      .map((name) => Number.parseInt(name.slice('snapshot-'.length), 16));
  for (const index of [2, 4, 6])
    await storage.saveSnapshot(metaOf(index, 1), Buffer.from(`${index}`), {
      oldSnapshots: 1,
      entriesForSlow: 0,
    });
  t.deepEqual(await kept(), [4, 6]);
  await storage.saveSnapshot(metaOf(3, 1), Buffer.from('older'), NOTHING_KEPT);
  t.deepEqual(await kept(), [4, 6], 'one that is not newer is ignored');
  await storage.saveSnapshot(metaOf(8, 1), Buffer.from('8'), NOTHING_KEPT);
  t.deepEqual(await kept(), [8]);
  await storage.close();
  await reopened(options, ({ snapshot }) => t.is(snapshot?.state.toString(), '8'));
});

for (const seal of [undefined, testSeal('key')]) {
  const kind = seal === undefined ? 'plain' : 'sealed';
  test(`a snapshot of several pieces comes back as it was (${kind})`, async (t) => {
    const changes = seal === undefined ? {} : { seal };
    const options = storageOptions(await temporaryDirectory(t), changes);
    const storage = await createStorage(options);
    await storage.write(writeOf({ entries: entries([1, 3], 1) }));
    const state = Buffer.alloc((5 << 19) + 7, 'a state of some length ');
    await storage.saveSnapshot(metaOf(3, 1), state, NOTHING_KEPT);
    await storage.close();
    await reopened(options, ({ snapshot }) => t.true(snapshot?.state.equals(state)));
  });
}

test('an installed snapshot replaces log and state, and writes go on behind it', async (t) => {
  const options = storageOptions(await temporaryDirectory(t));
  const storage = await createStorage(options);
  await storage.write(writeOf({ entries: entries([1, 30], 1, 300), hardState: hardStateOf(1) }));
  await storage.saveSnapshot(metaOf(10, 1), Buffer.from('own'), NOTHING_KEPT);
  const meta = { ...metaOf(20, 5), membership: { ...MEMBERS, voters: MEMBERS.voters.slice(1) } };
  const hardState = hardStateOf(5, 'b:1');
  const install = {
    snapshot: meta,
    entries: entries([21, 2], 5),
    hardState,
    commit: 20 as LogIndex,
  };
  await storage.write(writeOf(install), Buffer.from('theirs'));
  t.deepEqual(listed(storage.log), ['21.5.21', '22.5.22']);
  t.deepEqual(storage.log.snapshot, meta);
  t.is((await storage.newestSnapshot())?.state.toString(), 'theirs');
  await storage.write(writeOf({ entries: entries([23, 20], 5, 400) }));
  await storage.close();
  await reopened(options, async (opened) => {
    t.deepEqual(opened.snapshot, { meta, state: Buffer.from('theirs') });
    t.is(listed(opened.storage.log).length, 22);
    t.deepEqual(opened.hardState, hardState);
    t.is(Number(opened.commit), 20);
    await opened.storage.saveSnapshot(metaOf(40, 5), Buffer.from('own again'), NOTHING_KEPT);
  });
  await reopened(options, ({ snapshot }) => t.is(snapshot?.state.toString(), 'own again'));
});

test('a snapshot may be installed at the index of an own one, with other members', async (t) => {
  const options = storageOptions(await temporaryDirectory(t));
  const storage = await createStorage(options);
  await storage.write(writeOf({ entries: entries([1, 5], 1) }));
  await storage.saveSnapshot(metaOf(5, 1), Buffer.from('own'), NOTHING_KEPT);
  const meta = { ...metaOf(5, 1), membership: { voters: MEMBERS.voters.slice(1), learners: [] } };
  const write = { snapshot: meta, hardState: hardStateOf(2), commit: 5 as LogIndex };
  await storage.write(writeOf(write), Buffer.from('forced'));
  await storage.close();
  await reopened(options, ({ snapshot }) => {
    t.deepEqual(snapshot, { meta, state: Buffer.from('forced') });
  });
});

test('an own snapshot that is done after a newer one was installed takes nothing from it', async (t) => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const memory = new CrashingDisk();
  const disk: Disk = {
    makeDirectory: () => memory.makeDirectory(),
    syncDirectory: (path) => memory.syncDirectory(path),
    list: (path) => memory.list(path),
    read: (path) => memory.read(path),
    open: (path, mode) => memory.open(path, mode),
    remove: (path) => memory.remove(path),
    async rename(from, to) {
      if (to.endsWith('5.snap')) await gate;
      await memory.rename(from, to);
    },
  };
  const options = storageOptions('/log', { disk });
  const storage = await createStorage(options);
  await storage.write(writeOf({ entries: entries([1, 6], 1) }));
  const saving = storage.saveSnapshot(metaOf(5, 1), Buffer.from('own'), NOTHING_KEPT);
  const install = writeOf({ snapshot: metaOf(9, 2), hardState: hardStateOf(2) });
  await storage.write(install, Buffer.from('theirs'));
  const { segmentCount } = storage;
  for (let round = 0; storage.segmentCount === segmentCount && round < 1000; round += 1)
    await storage.write(writeOf({ hardState: hardStateOf(3 + round, 'a:1') }));
  release();
  await saving;
  await storage.close();
  await reopened(options, ({ snapshot, storage: { log } }) => {
    t.is(snapshot?.state.toString(), 'theirs');
    t.deepEqual(log.snapshot, metaOf(9, 2));
  });
});

test('a write that failed is cut away, also when a shorter one comes next', async (t) => {
  const disk = new FailingDisk();
  const options = storageOptions('/log', { disk });
  const storage = await createStorage(options);
  await storage.write(writeOf({ entries: entries([1, 1], 1) }));
  disk.callsLeft = 0;
  await t.throwsAsync(storage.write(writeOf({ entries: entries([2, 9], 1, 100) })));
  t.is(Number(storage.log.lastIndex), 1);
  await storage.write(writeOf({ entries: entries([2, 1], 1) }));
  await storage.close();
  await reopened(options, ({ storage: { log } }) => t.deepEqual(listed(log), ['1.1.1', '2.1.2']));
});

test('a snapshot that arrived and was never installed is removed at the next start', async (t) => {
  const disk = new CrashingDisk();
  const storage = await createStorage(storageOptions('/log', { disk }));
  await storage.write(writeOf({ entries: entries([1, 1], 1) }));
  const files = (): string[] => [...disk.files.keys()].filter((name) => name.endsWith('.snap'));
  const install = storage.write(writeOf({ snapshot: metaOf(9, 2) }), Buffer.from('theirs'));
  while (files().length === 0) await Promise.resolve();
  // The name is there, and the word in the log is not.
  disk.callsLeft = 0;
  await t.throwsAsync(install);
  disk.callsLeft = Infinity;
  await reopened(storageOptions('/log', { disk }), ({ snapshot, storage: { log } }) => {
    t.deepEqual([snapshot, Number(log.lastIndex), files()], [undefined, 1, []]);
  });
});

test('a log that was begun without a key is sealed from the next write on', async (t) => {
  const directory = await temporaryDirectory(t);
  const storage = await createStorage(storageOptions(directory));
  await storage.write(writeOf({ entries: entries([1, 1], 1) }));
  await storage.close();
  const options = storageOptions(directory, { seal: testSeal('key') });
  await reopened(options, ({ storage: again }) =>
    again.write(writeOf({ entries: [entry(2, 1, 'secret')] })),
  );
  for (const name of await readdir(directory))
    t.false((await SYSTEM_DISK.read(`${directory}/${name}`)).includes('secret'), name);
  await reopened(options, ({ storage: { log } }) =>
    t.deepEqual(listed(log), ['1.1.1', '2.1.secret']),
  );
});

test('a directory without a log, and one without its first segments, are refused', async (t) => {
  const directory = await temporaryDirectory(t);
  const options = storageOptions(directory);
  t.true(isClusterError(await t.throwsAsync(RaftStorage.open(options)), 'damaged'));
  const storage = await createStorage(options);
  await storage.write(writeOf({ entries: entries([1, 9], 1, 900) }));
  await storage.write(writeOf({ entries: entries([10, 9], 1, 900) }));
  await storage.close();
  await SYSTEM_DISK.remove(`${directory}/wal-0000000000000001.log`);
  t.true(isClusterError(await t.throwsAsync(RaftStorage.open(options)), 'damaged'));
});
