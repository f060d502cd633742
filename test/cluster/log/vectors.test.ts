/**
 * The files, pinned byte by byte: `vectors/` holds those of a short life, plain and sealed.
 * `HAWSER_REWRITE_SCENARIOS=1` writes them anew; a changed byte in them is a format that managers
 * of the last release cannot read.
 */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../../src/base/index.ts';
import { RaftStorage, type LogSeal } from '../../../src/cluster/log/index.ts';
import type { LogIndex } from '../../../src/raft/index.ts';
import { CrashingDisk } from './crashing-disk.ts';
import {
  MEMBERS,
  createStorage,
  entries,
  entry,
  hardStateOf,
  listed,
  metaOf,
  storageOptions,
  testSeal,
  writeOf,
} from './fixture.ts';

const HOME = join(packageRoot(import.meta.dirname), 'test/cluster/log/vectors');

/** Each type of record and of entry, and both kinds of snapshot. */
async function shortLife(seal?: LogSeal): Promise<Map<string, Buffer>> {
  const disk = new CrashingDisk();
  const limits = { segmentBytes: 1024 };
  const options = storageOptions('/log', { disk, limits, ...(seal === undefined ? {} : { seal }) });
  const storage = await createStorage(options);
  const hardState = hardStateOf(1, 'a:1');
  await storage.write(writeOf({ entries: entries([1, 2], 1), hardState }));
  const snapshot = metaOf(4, 3);
  await storage.write(writeOf({ snapshot, hardState: hardStateOf(3) }), Buffer.from('theirs'));
  const fifth = { ...entry(5, 3), payload: { kind: 'empty' } as const };
  const membership = { kind: 'membership', membership: MEMBERS } as const;
  const added = [fifth, ...entries([6, 1], 3), { ...entry(7, 3), payload: membership }];
  await storage.write(writeOf({ entries: added, commit: 6 as LogIndex }));
  const replaced = entries([7, 1], 4);
  await storage.write(writeOf({ entries: replaced, hardState: hardStateOf(4, 'b:1') }));
  const keep = { oldSnapshots: 1, entriesForSlow: 9 };
  await storage.saveSnapshot(metaOf(6, 3), Buffer.from('own'), keep);
  await storage.close();
  return disk.files;
}

async function vectorsIn(folder: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(join(HOME, folder))).sort();
  const files = new Map<string, Buffer>();
  for (const name of names) {
    const hex = (await readFile(join(HOME, folder, name), 'utf8')).replace(/\s/g, '');
    files.set(`/log/${basename(name, '.hex')}`, Buffer.from(hex, 'hex'));
  }
  return files;
}

async function rewrite(folder: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  await mkdir(join(HOME, folder), { recursive: true });
  for (const [path, bytes] of files) {
    const lines = bytes.toString('hex').match(/.{1,64}/g) ?? [];
    await writeFile(join(HOME, folder, `${basename(path)}.hex`), `${lines.join('\n')}\n`);
  }
}

for (const kind of ['plain', 'sealed']) {
  const seal = (): LogSeal | undefined => (kind === 'sealed' ? testSeal('vectors') : undefined);

  test(`the files of a short life are as they were (${kind})`, async (t) => {
    const made = await shortLife(seal());
    if (process.env['HAWSER_REWRITE_SCENARIOS'] === '1') await rewrite(kind, made);
    const kept = await vectorsIn(kind);
    t.deepEqual([...made.keys()].sort(), [...kept.keys()]);
    for (const [path, bytes] of kept) t.is(made.get(path)?.toString('hex'), bytes.toString('hex'));
  });

  test(`files of an earlier day are read (${kind})`, async (t) => {
    const disk = CrashingDisk.holding(await vectorsIn(kind));
    const key = seal();
    const changes = key === undefined ? { disk } : { disk, seal: key };
    const opened = await RaftStorage.open(storageOptions('/log', changes));
    t.deepEqual(listed(opened.storage.log), ['5.3.-', '6.3.6', '7.4.7']);
    t.deepEqual(opened.hardState, hardStateOf(4, 'b:1'));
    t.is(Number(opened.commit), 6);
    t.deepEqual(opened.snapshot, { meta: metaOf(6, 3), state: Buffer.from('own') });
    await opened.storage.close();
  });
}
