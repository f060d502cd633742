import test from 'ava';
import fc from 'fast-check';
import { StdStreamDecoder } from '../../src/client/std-stream.ts';

const frame = (stream: 1 | 2, payload: Uint8Array): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

test('frames come out whole, however the bytes arrive', (t) => {
  const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 40 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 9 }), (sent, piece) => {
      const wire = Buffer.concat(sent.map(([stream, bytes]) => frame(stream, bytes)));
      const got: [number, number[]][] = [];
      const decoder = new StdStreamDecoder((stream, bytes) =>
        got.push([stream === 'stderr' ? 2 : 1, [...bytes]]),
      );
      for (let at = 0; at < wire.length; at += piece) decoder.push(wire.subarray(at, at + piece));
      t.deepEqual(
        got,
        sent.map(([stream, bytes]) => [stream, [...bytes]]),
      );
    }),
  );
});
