import test from 'ava';
import fc from 'fast-check';
import { encodeEcho, encodeProbe, tryDecodePath } from '../../../src/dataplane/index.ts';

test('a probe is as long as it says, and is known again', (t) => {
  const bytes = encodeProbe({ id: 0xfedcba98, bytes: 1450 });
  t.is(bytes.length, 1450 - 28);
  const probe = { kind: 'probe', id: 0xfedcba98, bytes: 1450, isIntact: true } as const;
  t.deepEqual(tryDecodePath(bytes), probe);
});

test('an echo is read as it was written', (t) => {
  for (const isIntact of [true, false]) {
    const echo = { id: 7, isIntact, peerWallMs: 1_795_250_000_123.5 };
    t.deepEqual(tryDecodePath(encodeEcho(echo)), { kind: 'echo', ...echo });
  }
});

test('a changed or cut probe is not intact', (t) => {
  const bytes = encodeProbe({ id: 9, bytes: 101 });
  const changed = Uint8Array.from(bytes);
  changed[50] = (changed[50] ?? 0) ^ 4;
  for (const one of [changed, bytes.subarray(0, 40)])
    t.like(tryDecodePath(one), { kind: 'probe', id: 9, isIntact: false });
});

test('any bytes are a message or none, and an echo says what it said when it is sent on', (t) => {
  const head = Uint8Array.from([0x48, 0x57, 0x50, 0x31]);
  const property = fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (tail, isOurs) => {
    const decoded = tryDecodePath(isOurs ? Uint8Array.from([...head, ...tail]) : tail);
    if (decoded?.kind === 'echo') t.deepEqual(tryDecodePath(encodeEcho(decoded)), decoded);
    // Too short for a header, or somebody else's.
    if (!isOurs || tail.length < 4) t.is(decoded, undefined);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 2000, seed: 3 }));
});
