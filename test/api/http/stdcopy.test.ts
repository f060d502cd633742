import test from 'ava';
import fc from 'fast-check';
import type { StreamKind } from '../../../src/api/http/stdcopy.ts';
import { stdcopyFrame, streamType } from '../../../src/api/http/stdcopy.ts';

const KINDS: readonly StreamKind[] = ['stdin', 'stdout', 'stderr', 'systemerr'];

test('a frame says its stream and length, then holds its payload', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...KINDS),
      fc.uint8Array({ size: 'max', maxLength: 100_000 }),
      (kind, payload) => {
        const frame = stdcopyFrame(kind, payload);
        t.is(frame[0], KINDS.indexOf(kind));
        t.deepEqual([...frame.subarray(1, 4)], [0, 0, 0]);
        t.is(frame.readUInt32BE(4), payload.length);
        t.is(Buffer.compare(frame.subarray(8), payload), 0);
      },
    ),
  );
});

test('the type of a stream depends on the terminal and the version', (t) => {
  t.is(streamType(false, 42), 'application/vnd.docker.multiplexed-stream');
  t.is(streamType(false, 41), 'application/vnd.docker.raw-stream');
  t.is(streamType(true, 51), 'application/vnd.docker.raw-stream');
});
