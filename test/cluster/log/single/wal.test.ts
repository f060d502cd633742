import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as fc from 'fast-check';
import { ClusterError, isClusterError } from '../../../../src/cluster/errors.ts';
import type { LogEntry, LogIndex } from '../../../../src/cluster/log/index.ts';
import {
  FILE_HEADER_BYTES,
  encodeFileHeader,
  encodeFrame,
  frameBytes,
  scanSegment,
} from '../../../../src/cluster/log/single/frame.ts';
import { Wal } from '../../../../src/cluster/log/single/wal.ts';
import { entry, faultyDisk, noSpace, temporaryDirectory, walOptions } from './fixture.ts';

const START = 0 as LogIndex;
const FIRST = 1 as LogIndex;

async function write(directory: string, batches: readonly LogEntry[][]): Promise<string> {
  const wal = await Wal.create(walOptions(directory), FIRST);
  for (const batch of batches) await wal.append(batch);
  await wal.close();
  return join(directory, 'wal-0000000000000001.log');
}

async function read(directory: string): Promise<string[]> {
  const { wal, entries } = await Wal.open(walOptions(directory), START);
  await wal.close();
  return entries.map(({ data }) => data.toString());
}

async function damageOf(
  t: ExecutionContext,
  directory: string,
): Promise<{ file: string; offset: number }> {
  const error = await t.throwsAsync(read(directory));
  if (!(error instanceof ClusterError) || error.detail.code !== 'damaged') throw error;
  return error.detail;
}

const BATCHES = [
  [entry(1, 'one')],
  [entry(2, 'two'), entry(3, 'x'.repeat(700))],
  [entry(4, 'four'), entry(5, ''), entry(6, 'y'.repeat(1500))],
];
const TEXTS = BATCHES.flat().map(({ data }) => data.toString());

test('entries come back in order, over several openings', async (t) => {
  const directory = await temporaryDirectory(t);
  await write(directory, BATCHES);
  t.deepEqual(await read(directory), TEXTS);
  const { wal } = await Wal.open(walOptions(directory), START);
  await wal.append([entry(7, 'seven')]);
  await wal.close();
  t.deepEqual(await read(directory), [...TEXTS, 'seven']);
});

test('files are for their owner only', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log');
  const file = await write(directory, BATCHES);
  t.is((await stat(directory)).mode & 0o777, 0o700);
  t.is((await stat(file)).mode & 0o777, 0o600);
});

test('a crash at any byte of the last write loses that write and nothing else', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = await write(directory, BATCHES);
  const whole = await readFile(file);
  const lastStart = whole.length - frameBytes(BATCHES[2] ?? []);
  for (let length = lastStart; length < whole.length; length += 1) {
    await writeFile(file, whole.subarray(0, length));
    t.deepEqual(await read(directory), TEXTS.slice(0, 3), `cut at ${length}`);
    t.is((await stat(file)).size, lastStart);
  }
});

test('sectors of the last write that never reached the disk count as a crash', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = await write(directory, BATCHES);
  const whole = await readFile(file);
  const lastStart = whole.length - frameBytes(BATCHES[2] ?? []);
  for (let sector = lastStart - (lastStart % 512); sector < whole.length; sector += 512) {
    const torn = Buffer.from(whole);
    torn.fill(0, Math.max(lastStart, sector), Math.min(whole.length, sector + 512));
    await writeFile(file, torn);
    t.deepEqual(await read(directory), TEXTS.slice(0, 3), `sector at ${sector}`);
  }
});

test('any flipped bit is refused with file and offset, and nothing is changed', (t) => {
  const header = Buffer.concat([encodeHeaderOf(), ...BATCHES.map((batch) => encodeFrame(batch))]);
  for (let bit = 0; bit < header.length * 8; bit += 1) {
    const flipped = Buffer.from(header);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const isSpare = bit >> 3 >= 28 && bit >> 3 < FILE_HEADER_BYTES;
    const { end } = scanSegment(flipped);
    if (end.kind !== (isSpare ? 'clean' : 'damaged')) t.fail(`bit ${bit} gave ${end.kind}`);
  }
  t.pass();
});

function encodeHeaderOf(): Buffer {
  return encodeFileHeader(FIRST);
}

test('damage tells where it is and how to go on', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = await write(directory, BATCHES);
  const whole = await readFile(file);
  const second = FILE_HEADER_BYTES + frameBytes(BATCHES[0] ?? []);
  whole[second + 40] = (whole[second + 40] ?? 0) ^ 0x10;
  await writeFile(file, whole);
  t.deepEqual(await damageOf(t, directory), { code: 'damaged', file, offset: second } as never);
  t.deepEqual(await readFile(file), whole);
});

test('arbitrary bytes never make the scan throw or read past the end', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ size: 'max', maxLength: 4096 }),
      fc.boolean(),
      (bytes, hasHeader) => {
        const input = Buffer.concat([hasHeader ? encodeHeaderOf() : Buffer.alloc(0), bytes]);
        const scan = scanSegment(input);
        return scan.goodBytes <= input.length;
      },
    ),
  );
  t.pass();
});

test('any batches of any bytes come back as they were', (t) => {
  const batches = fc.array(
    fc.array(fc.uint8Array({ maxLength: 2000 }), { minLength: 1, maxLength: 5 }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(batches, (contents) => {
      let index = 0;
      const frames = contents.map((batch) =>
        batch.map((data) => ({ ...entry((index += 1), ''), data: Buffer.from(data) })),
      );
      const scan = scanSegment(
        Buffer.concat([encodeHeaderOf(), ...frames.map((frame) => encodeFrame(frame))]),
      );
      t.deepEqual(scan.end, { kind: 'clean' });
      t.deepEqual(
        scan.entries.map(({ data }) => [...data]),
        contents.flat().map((data) => [...data]),
      );
    }),
    { numRuns: 50 },
  );
});

test('a full disk refuses the write, keeps what was there, and takes writes again later', async (t) => {
  const directory = await temporaryDirectory(t);
  let isFull = false;
  const disk = faultyDisk((call) => (isFull && call === 'write' ? noSpace() : undefined));
  const wal = await Wal.create(walOptions(directory, { disk }), FIRST);
  await wal.append([entry(1, 'one')]);
  isFull = true;
  const error = await t.throwsAsync(wal.append([entry(2, 'lost')]));
  t.true(isClusterError(error, 'disk-full'));
  t.is(wal.lastIndex, 1 as LogIndex);
  isFull = false;
  await wal.append([entry(2, 'two')]);
  await wal.close();
  t.deepEqual(await read(directory), ['one', 'two']);
});

test('a failed sync is cut away before the next write, also when the first attempt to cut fails', async (t) => {
  const directory = await temporaryDirectory(t);
  const failing = new Set<string>();
  const disk = faultyDisk((call) => (failing.has(call) ? new Error('EIO') : undefined));
  const wal = await Wal.create(walOptions(directory, { disk }), FIRST);
  await wal.append([entry(1, 'one')]);
  failing.add('sync').add('truncate');
  t.true(isClusterError(await t.throwsAsync(wal.append([entry(2, 'lost')])), 'disk-failed'));
  t.true(isClusterError(await t.throwsAsync(wal.append([entry(2, 'lost')])), 'disk-failed'));
  failing.clear();
  await wal.append([entry(2, 'two')]);
  await wal.close();
  t.deepEqual(await read(directory), ['one', 'two']);
});

test('segments roll, go when they are released, and a missing one is refused', async (t) => {
  const directory = await temporaryDirectory(t);
  const wal = await Wal.create(walOptions(directory, { segmentBytesMax: 100 }), FIRST);
  for (let index = 1; index <= 12; index += 1) await wal.append([entry(index, 'z'.repeat(60))]);
  const before = (await readdir(directory)).length;
  t.true(before >= 6);
  await wal.releaseThrough(5 as LogIndex);
  t.true((await readdir(directory)).length < before);
  await wal.close();
  const { wal: again, entries } = await Wal.open(walOptions(directory), 5 as LogIndex);
  await again.close();
  t.deepEqual(
    entries.map(({ index }) => Number(index)),
    [6, 7, 8, 9, 10, 11, 12],
  );
  t.true(
    isClusterError(await t.throwsAsync(Wal.open(walOptions(directory), 1 as LogIndex)), 'damaged'),
  );
});

test('a segment that is not the last must be whole', async (t) => {
  const directory = await temporaryDirectory(t);
  const wal = await Wal.create(walOptions(directory, { segmentBytesMax: 100 }), FIRST);
  for (let index = 1; index <= 4; index += 1) await wal.append([entry(index, 'z'.repeat(100))]);
  await wal.close();
  const file = join(directory, 'wal-0000000000000002.log');
  const whole = await readFile(file);
  await writeFile(file, whole.subarray(0, whole.length - 1));
  t.is((await damageOf(t, directory)).file, file);
});
