import test from 'ava';
import * as fc from 'fast-check';
import {
  FRAME_HEADER_BYTES,
  encodeFrame,
  frameBytes,
  frameNumber,
  scanFrame,
} from '../../../../src/cluster/log/wal/frame.ts';
import { decodeRecords, encodeRecords } from '../../../../src/cluster/log/wal/records.ts';
import type { LogIndex } from '../../../../src/raft/index.ts';
import { entries, hardStateOf, metaOf } from '../fixture.ts';

const SALT = 7;

/** A file in which a frame begins at `position`, with so many zeros behind it. */
function fileOf(payload: Uint8Array, position: number, behind = 1024): Buffer {
  const frame = encodeFrame(payload, { position, number: 5, salt: SALT });
  return Buffer.concat([Buffer.alloc(position, 1), frame, Buffer.alloc(behind)]);
}

/** Like records, which begin with a type: any bytes, or zeros. */
const anyPayload = fc
  .oneof(
    fc.uint8Array({ maxLength: 3000 }),
    fc.nat({ max: 5000 }).map((length) => new Uint8Array(length)),
  )
  .map((bytes) => Uint8Array.from([3, ...bytes]));
const anyPosition = fc.nat({ max: 40 }).map((units) => units * 32);

test('a frame is read as it was written, wherever it lies and whatever is in it', (t) => {
  fc.assert(
    fc.property(anyPayload, anyPosition, (payload, position) => {
      const file = fileOf(payload, position);
      const scan = scanFrame(file, { position, number: 5, salt: SALT });
      t.is(scan.kind, 'intact');
      if (scan.kind !== 'intact') return;
      t.true(scan.payload.equals(payload));
      t.is(scan.next, position + frameBytes(payload.length));
      t.is(frameNumber(file, position), 5);
      t.is(scanFrame(file, { position: scan.next, number: 6, salt: SALT }).kind, 'end');
    }),
  );
});

test('a frame of another number, or of another segment, is damage', (t) => {
  const file = fileOf(Buffer.from('payload'), 0, 0);
  t.is(scanFrame(file, { position: 0, number: undefined, salt: SALT }).kind, 'intact');
  t.is(scanFrame(file, { position: 0, number: 6, salt: SALT }).kind, 'damaged');
  t.is(scanFrame(file, { position: 0, number: 5, salt: SALT + 1 }).kind, 'damaged');
});

test('a flipped bit in a frame is damage, also in one of zeros', (t) => {
  const scenario = fc.record({ payload: anyPayload, position: anyPosition, at: fc.nat() });
  fc.assert(
    fc.property(scenario, ({ payload, position, at }) => {
      const file = fileOf(payload, position);
      const offset = position + (at % frameBytes(payload.length));
      file[offset] = (file[offset] ?? 0) ^ 16;
      t.is(scanFrame(file, { position, number: 5, salt: SALT }).kind, 'damaged');
    }),
    { numRuns: 500 },
  );
});

test('a frame of which a sector is missing is torn, unless that sector was zero', (t) => {
  const scenario = fc.record({ payload: anyPayload, position: anyPosition, which: fc.nat() });
  fc.assert(
    fc.property(scenario, ({ payload, position, which }) => {
      const whole = fileOf(payload, position);
      const end = position + frameBytes(payload.length);
      const sectors = Math.ceil(end / 512) - Math.floor(position / 512);
      const sector = (Math.floor(position / 512) + (which % sectors)) * 512;
      const file = Buffer.from(whole);
      file.fill(0, Math.max(position, sector), Math.min(end, sector + 512));
      const { kind } = scanFrame(file, { position, number: 5, salt: SALT });
      const isAllZero = file.subarray(position, end).every((byte) => byte === 0);
      t.is(kind, file.equals(whole) ? 'intact' : isAllZero ? 'end' : 'torn');
    }),
    { numRuns: 500 },
  );
});

test('a frame that is missing before another one is damage, not an end', (t) => {
  const first = encodeFrame(Buffer.alloc(100, 'x'), { position: 0, number: 0, salt: SALT });
  const second = encodeFrame(Buffer.alloc(900, 'y'), {
    position: first.length,
    number: 1,
    salt: SALT,
  });
  const file = Buffer.concat([Buffer.alloc(first.length), second]);
  t.is(scanFrame(file, { position: 0, number: 0, salt: SALT }).kind, 'damaged');
  // What only looks like one, such as a user's data, has not the salt.
  t.is(scanFrame(file, { position: 0, number: 0, salt: SALT + 1 }).kind, 'torn');
});

test('any bytes are scanned without an exception, and never beyond their end', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), anyPosition, (bytes, position) => {
      const file = Buffer.from(bytes);
      const at = Math.min(position, file.length);
      const scan = scanFrame(file, { position: at, number: undefined, salt: 0 });
      t.true(scan.kind !== 'intact' || scan.next <= file.length);
    }),
    { numRuns: 1000 },
  );
});

test('records of every type are read as they were written', (t) => {
  const install = { salt: 9, meta: metaOf(4, 2) };
  const hardState = hardStateOf(3, 'b:1');
  const payload = encodeRecords({
    start: { index: 4 as LogIndex, term: metaOf(4, 2).term },
    install,
    entries: [...entries([5, 3], 2), ...entries([8, 1], 3)],
    hardState,
    commit: 6 as LogIndex,
  });
  const records = decodeRecords(payload);
  t.true(Array.isArray(records));
  if (typeof records === 'string') return;
  t.deepEqual(
    records.map((record) =>
      record.kind === 'run' ? [record.run.term, record.run.first, record.run.count] : record,
    ),
    [
      { kind: 'start', end: { index: 4, term: 2 } },
      { kind: 'install', install },
      [2, 5, 3],
      [3, 8, 1],
      { kind: 'hard-state', hardState },
      { kind: 'commit', index: 6 },
    ] as unknown[],
  );
});

test('records of types that are not known are skipped', (t) => {
  const known = encodeRecords({ entries: [], commit: 6 as LogIndex });
  const unknown = Buffer.from([200, 0, 0, 0, 3, 1, 2, 3]);
  t.deepEqual(decodeRecords(Buffer.concat([unknown, known, unknown])), decodeRecords(known));
});

test('any bytes are decoded as records without an exception', (t) => {
  const whole = encodeRecords({ entries: entries([1, 4], 1), commit: 6 as LogIndex });
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.uint8Array({ maxLength: 9 }), (at, bytes) => {
      const mangled = Buffer.from(whole);
      mangled.set(bytes.subarray(0, whole.length - at), at);
      t.true(['string', 'object'].includes(typeof decodeRecords(mangled)));
      t.true(['string', 'object'].includes(typeof decodeRecords(Buffer.from(bytes))));
      t.true(['string', 'object'].includes(typeof decodeRecords(whole.subarray(at))));
    }),
    { numRuns: 1000 },
  );
  t.is(frameBytes(0), FRAME_HEADER_BYTES);
});
