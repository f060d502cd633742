import { fc, testProp } from '@fast-check/ava';
import test from 'ava';
import { FrameReader, framed } from '../../../../src/cluster/gossip/shell/frames.ts';

function readAll(reader: FrameReader, chunk: Buffer): (string | Buffer)[] {
  const read: (string | Buffer)[] = [];
  reader.push(chunk);
  for (;;) {
    const outcome = reader.next();
    if (outcome === 'incomplete') return read;
    read.push(outcome);
    if (outcome === 'too-long') return read;
  }
}

testProp(
  'frames come out as they went in, however the stream cuts them',
  [fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), fc.integer({ min: 1, max: 50 })],
  (t, frames, cut) => {
    const bytes = Buffer.concat(frames.map((frame) => framed(frame)));
    const reader = new FrameReader(40);
    const read: (string | Buffer)[] = [];
    for (let at = 0; at < bytes.length; at += cut)
      read.push(...readAll(reader, bytes.subarray(at, at + cut)));
    t.deepEqual(
      read,
      frames.map((frame) => Buffer.from(frame)),
    );
  },
);

test('a frame that is too long is refused by its length alone', (t) => {
  const reader = new FrameReader(10);
  t.deepEqual(readAll(reader, Buffer.from([0, 0, 0, 11])), ['too-long']);
});

test('the longest frame may change in the middle of a stream', (t) => {
  const reader = new FrameReader(4);
  const both = [Buffer.alloc(4, 1), Buffer.alloc(30, 2)] as const;
  reader.push(Buffer.concat(both.map((frame) => framed(frame))));
  t.deepEqual(reader.next(), both[0]);
  reader.bytesMax = 30;
  t.deepEqual(reader.next(), both[1]);
  t.is(reader.next(), 'incomplete');
});
