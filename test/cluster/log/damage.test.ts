/** Files that were changed behind the log's back: refused, or without effect on what it holds. */
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import * as fc from 'fast-check';
import { ClusterError } from '../../../src/cluster/errors.ts';
import { RaftStorage, type LogSeal } from '../../../src/cluster/log/index.ts';
import type { LogIndex } from '../../../src/raft/index.ts';
import { CrashingDisk } from './crashing-disk.ts';
import {
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

type Files = Map<string, Buffer>;

const KEPT = { oldSnapshots: 0, entriesForSlow: 20 };

/** Three segments: one full, one in use, one made ahead; and a snapshot. */
async function logFiles(seal?: LogSeal): Promise<Files> {
  const disk = new CrashingDisk();
  const changes = seal === undefined ? { disk } : { disk, seal };
  const storage = await createStorage(storageOptions('/log', changes));
  await storage.write(writeOf({ hardState: hardStateOf(1, 'a:1'), entries: entries([1, 2], 1) }));
  await storage.write(writeOf({ entries: entries([3, 2], 1, 1500) }));
  await storage.write(writeOf({ entries: entries([5, 2], 1, 900) }));
  await storage.saveSnapshot(metaOf(3, 1), Buffer.from('state'), KEPT);
  await storage.write(writeOf({ entries: [entry(7, 1, Buffer.alloc(1200))] }));
  await storage.close();
  return disk.files;
}

async function seen(files: Files, seal?: LogSeal): Promise<string> {
  const disk = CrashingDisk.holding(files);
  const changes = seal === undefined ? { disk } : { disk, seal };
  const { storage, hardState, snapshot } = await RaftStorage.open(storageOptions('/log', changes));
  await storage.close();
  const log = listed(storage.log).map((line) => line.replaceAll('\0', ''));
  return JSON.stringify({ log, hardState, snapshot });
}

/** The code of the refusal, or what was seen. */
async function outcome(t: ExecutionContext, files: Files, seal?: LogSeal): Promise<string> {
  try {
    return await seen(files, seal);
  } catch (error) {
    t.true(error instanceof ClusterError, String(error));
    return error instanceof ClusterError ? error.detail.code : 'not coded';
  }
}

function changed(files: Files, path: string, change: (bytes: Buffer) => Buffer): Files {
  const bytes = Buffer.from(files.get(path) ?? Buffer.alloc(0));
  return new Map(files).set(path, change(bytes));
}

/** Where the zeros behind the last frame begin. */
function usedBytes(bytes: Buffer): number {
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

function segmentPath(sequence: number): string {
  return `/log/wal-${sequence.toString(16).padStart(16, '0')}.log`;
}

for (const seal of [undefined, testSeal('key')]) {
  const kind = seal === undefined ? 'plain' : 'sealed';

  test(`a flipped bit is refused wherever it is (${kind})`, async (t) => {
    const files = await logFiles(seal);
    const before = await seen(files, seal);
    let flips = 0;
    for (const [path, bytes] of files) {
      const used = usedBytes(bytes);
      // Every byte of heads and headers, and some of the data between.
      for (let at = 0; at < used; at += at < 400 || used - at < 200 ? 1 : 7) {
        const bit = 1 << (at % 8);
        const flipped = changed(files, path, (copy) => {
          copy[at] = (copy[at] ?? 0) ^ bit;
          return copy;
        });
        const code = await outcome(t, flipped, seal);
        t.true(code === 'damaged', `${path} at ${at}: ${code}`);
        flips += 1;
      }
    }
    t.true(flips > 1000);
    t.is(await seen(files, seal), before);
  });

  test(`a bit among the zeros behind the last frame changes nothing (${kind})`, async (t) => {
    const files = await logFiles(seal);
    const before = await seen(files, seal);
    for (const sequence of [2, 3]) {
      const path = segmentPath(sequence);
      const bytes = files.get(path) ?? Buffer.alloc(0);
      for (let at = Math.ceil(usedBytes(bytes) / 32) * 32; at < bytes.length; at += 131) {
        const flipped = changed(files, path, (copy) => {
          copy[at] = 4;
          return copy;
        });
        t.is(await outcome(t, flipped, seal), before);
      }
    }
  });

  test(`any sectors of the last write may be missing: that write is not there (${kind})`, async (t) => {
    const files = await logFiles(seal);
    const path = segmentPath(2);
    const bytes = files.get(path) ?? Buffer.alloc(0);
    const end = Math.ceil(usedBytes(bytes) / 32) * 32;
    const begin = bytes.lastIndexOf('WLF2') - 8;
    const sectors: number[] = [];
    for (let at = begin; at < end; at = (Math.floor(at / 512) + 1) * 512) sectors.push(at);
    const whole = await seen(files, seal);
    const without = await seen(
      changed(files, path, (copy) => copy.fill(0, begin)),
      seal,
    );
    t.false(without.includes('"7.1.'));
    for (let missing = 1; missing < 2 ** sectors.length; missing += 1) {
      const torn = changed(files, path, (copy) => {
        for (const [at, from] of sectors.entries())
          if ((missing & (1 << at)) !== 0)
            copy.fill(0, from, Math.min(end, (Math.floor(from / 512) + 1) * 512));
        return copy;
      });
      const isUnchanged = torn.get(path)?.equals(bytes) === true;
      t.is(await outcome(t, torn, seal), isUnchanged ? whole : without, missing.toString(2));
    }
  });

  test(`a last write that the file's end cuts off is not there (${kind})`, async (t) => {
    const files = await logFiles(seal);
    const path = segmentPath(2);
    const bytes = files.get(path) ?? Buffer.alloc(0);
    const begin = bytes.lastIndexOf('WLF2') - 8;
    const end = Math.ceil(usedBytes(bytes) / 32) * 32;
    const without = await seen(
      changed(files, path, (copy) => copy.fill(0, begin)),
      seal,
    );
    for (let length = begin; length < end; length += 13) {
      const cut = changed(files, path, (copy) => copy.subarray(0, length));
      t.is(await outcome(t, cut, seal), without, `${length} bytes`);
    }
  });

  test(`changes of any kind are refused with a code, or do no harm (${kind})`, async (t) => {
    const files = await logFiles(seal);
    const names = [...files.keys()];
    const lines = new Set(linesOf(await seen(files, seal)));
    const scenario = fc.record({
      name: fc.constantFrom(...names),
      at: fc.nat({ max: 5000 }),
      bytes: fc.uint8Array({ maxLength: 600 }),
      how: fc.constantFrom('overwrite', 'insert', 'remove', 'cut', 'repeat', 'drop'),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ name, at, bytes, how }) => {
        const mangled =
          how === 'drop'
            ? new Map([...files].filter(([each]) => each !== name))
            : changed(files, name, (copy) => mangle(copy, { at, bytes: Buffer.from(bytes), how }));
        const found = await outcome(t, mangled, seal);
        if (!found.startsWith('{')) return;
        t.deepEqual(
          linesOf(found).filter((line) => !lines.has(line)),
          [],
        );
      }),
      { numRuns: 300 },
    );
  });
}

function linesOf(found: string): string[] {
  return (JSON.parse(found) as { readonly log: string[] }).log;
}

function mangle(
  file: Buffer,
  change: { readonly at: number; readonly bytes: Buffer; readonly how: string },
): Buffer {
  const { at, bytes, how } = change;
  const [before, behind] = [file.subarray(0, at), file.subarray(at)];
  switch (how) {
    case 'overwrite':
      return Buffer.concat([before, bytes, file.subarray(at + bytes.length)]);
    case 'insert':
      return Buffer.concat([before, bytes, behind]);
    case 'remove':
      return Buffer.concat([before, file.subarray(at + bytes.length)]);
    case 'repeat':
      return Buffer.concat([before, file.subarray(Math.max(0, at - 512), at), behind]);
    default:
      return before;
  }
}

test('the wrong key, and none, are told as such', async (t) => {
  const files = await logFiles(testSeal('key'));
  t.is(await outcome(t, files, testSeal('another')), 'wrong-key');
  t.is(await outcome(t, files), 'wrong-key');
  const snapshot = [...files.keys()].find((name) => name.endsWith('.snap')) ?? '';
  const other = (await logFiles(testSeal('another'))).get(snapshot) ?? Buffer.alloc(0);
  const mixed = new Map(files).set(snapshot, other);
  t.is(await outcome(t, mixed, testSeal('key')), 'wrong-key');
});

test('a key that came into use later, and is missing, is told as such', async (t) => {
  const [old, young] = [testSeal('old'), testSeal('young')];
  const disk = new CrashingDisk();
  const both = { ...young, open: (bytes: Uint8Array) => young.open(bytes) ?? old.open(bytes) };
  const storage = await createStorage(storageOptions('/log', { disk, seal: old }));
  await storage.close();
  const opened = await RaftStorage.open(storageOptions('/log', { disk, seal: both }));
  await opened.storage.write(writeOf({ entries: entries([1, 1], 1) }));
  await opened.storage.close();
  t.true((await outcome(t, disk.files, both)).includes('1.1.1'));
  t.is(await outcome(t, disk.files, old), 'wrong-key');
});

test('files of a later version, and of the first, are refused by name', async (t) => {
  const files = await logFiles();
  const path = segmentPath(1);
  const later = changed(files, path, (copy) => {
    copy.writeUInt16BE(3, 8);
    copy.writeUInt32BE(crc32(copy.subarray(0, 12)), 12);
    return copy;
  });
  t.is(await outcome(t, later), 'unknown-format');
  const first = changed(files, path, (copy) => {
    copy.writeUInt32LE(1, 8);
    return copy;
  });
  t.is(await outcome(t, first), 'unknown-format');
});

test('a segment that is missing is refused, a snapshot too', async (t) => {
  const files = await logFiles();
  for (const name of files.keys()) {
    const without = new Map([...files].filter(([each]) => each !== name));
    const isNeeded = !name.endsWith('3.log') && !name.endsWith('.snap');
    const code = await outcome(t, without);
    t.is(code === 'damaged', isNeeded, `${name}: ${code}`);
  }
});

test('a lost write in the middle is missed, whatever stands in its place', async (t) => {
  const files = await logFiles();
  const path = segmentPath(1);
  const bytes = files.get(path) ?? Buffer.alloc(0);
  const headers: number[] = [];
  for (let at = bytes.indexOf('WLF2'); at >= 0; at = bytes.indexOf('WLF2', at + 1))
    headers.push(at - 8);
  const [, second = 0, third = 0] = headers;
  const zeroed = changed(files, path, (copy) => copy.fill(0, second, third));
  t.is(await outcome(t, zeroed), 'damaged');
  const moved = changed(files, path, (copy) =>
    Buffer.concat([copy.subarray(0, second), copy.subarray(third), Buffer.alloc(third - second)]),
  );
  t.is(await outcome(t, moved), 'damaged');
  const ended = changed(files, path, (copy) => copy.subarray(0, third));
  t.is(await outcome(t, ended), 'damaged', 'a segment before the last has its end');
});

test('a snapshot beyond the end of the log, or of another term, counts for nothing', async (t) => {
  const files = await logFiles();
  const before = await seen(files);
  const disk = CrashingDisk.holding(new Map());
  const other = await createStorage(storageOptions('/log', { disk }));
  await other.write(writeOf({ entries: entries([1, 40], 9), commit: 40 as LogIndex }));
  for (const index of [5, 30]) {
    await other.saveSnapshot(metaOf(index, 9), Buffer.from('other'), KEPT);
    const path = `/log/snapshot-${index.toString(16).padStart(16, '0')}.snap`;
    const file = disk.files.get(path);
    t.truthy(file);
    if (file !== undefined) t.is(await outcome(t, new Map(files).set(path, file)), before);
  }
  await other.close();
});
