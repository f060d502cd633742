import test from 'ava';
import fc from 'fast-check';
import { ClusterError } from '../../../../src/cluster/errors.ts';
import {
  FRAME_HEAD_BYTES,
  FrameReader,
  emptyFrame,
  encodeFrame,
  type Frame,
} from '../../../../src/cluster/consensus/links/frame.ts';

const MAX = 1000;

function bytesOf(frames: readonly Frame[]): Buffer {
  return Buffer.concat(frames.map(({ type, payload }) => encodeFrame(type, payload)));
}

function headOf(payloadBytes: number): Buffer {
  return emptyFrame(3, payloadBytes).subarray(0, FRAME_HEAD_BYTES);
}

function read(reader: FrameReader, chunk: Buffer): Frame[] {
  return [...reader.push(chunk)].map(({ type, payload }) => {
    return { type, payload: Buffer.from(payload) };
  });
}

test('a frame has the committed bytes', (t) => {
  const frame = { type: 3, payload: Buffer.from('abc') };
  t.is(bytesOf([frame]).toString('hex'), '0000000303616263');
  t.is(bytesOf([{ type: 4, payload: Buffer.alloc(0) }]).toString('hex'), '0000000004');
});

const frames = fc.array(
  fc.record({
    type: fc.nat(255),
    payload: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 20 },
);

test('however the bytes are cut, the same frames come out', (t) => {
  fc.assert(
    fc.property(
      frames,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (all, cuts) => {
        const bytes = bytesOf(all);
        const reader = new FrameReader(MAX);
        const found: Frame[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          found.push(...read(reader, bytes.subarray(at, at + size)));
          at += size;
        }
        t.deepEqual(found, all);
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});

test('a frame that is too large is refused before it arrives', (t) => {
  const error = t.throws(() => read(new FrameReader(MAX), headOf(MAX + 1)), {
    instanceOf: ClusterError,
  });
  t.is(error.detail.code, 'protocol');
  t.deepEqual(read(new FrameReader(MAX), headOf(MAX)), []);
});

test('whatever the bytes, reading ends with frames or a coded error', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (chunks) => {
      const reader = new FrameReader(MAX);
      try {
        for (const chunk of chunks) read(reader, Buffer.from(chunk));
      } catch (error) {
        t.true(error instanceof ClusterError && error.detail.code === 'protocol');
      }
    }),
    { seed: 2, numRuns: 2000 },
  );
  t.pass();
});
