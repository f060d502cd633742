import test from 'ava';
import fc from 'fast-check';
import { GossipError } from '../../../src/gossip/index.ts';
import type { PeerAddress } from '../../../src/gossip/wire/address.ts';
import { decodeFrame } from '../../../src/gossip/wire/decode.ts';
import type {
  Alive,
  Incarnation,
  MemberHash,
  Message,
  NetworkTime,
  Sequence,
} from '../../../src/gossip/wire/messages.ts';
import {
  ACCUSERS_MAX,
  DIGEST_BUCKETS,
  INCARNATION_MAX,
  META_BYTES_MAX,
  NETWORK_TIME_MAX,
} from '../../../src/gossip/wire/messages.ts';
import type { NetworkId, NodeId } from '../../../src/model/index.ts';
import { encodeFrame } from '../support/frames.ts';
import { SAMPLES } from './samples.ts';

const RUNS = Number(process.env['HAWSER_FUZZ_RUNS'] ?? 2000);

const u8 = fc.integer({ min: 0, max: 255 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const text = fc
  .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: 64 })
  .map((codes) => String.fromCharCode(...codes));
const id = text as fc.Arbitrary<NodeId>;
const sequence = u32 as fc.Arbitrary<Sequence>;
const hash = u32 as fc.Arbitrary<MemberHash>;
const incarnation = fc.integer({ min: 0, max: INCARNATION_MAX }) as fc.Arbitrary<Incarnation>;
const host = fc.oneof(
  fc.tuple(u8, u8, u8, u8).map((bytes) => bytes.join('.')),
  // Written as RFC 5952 has them: what is decoded is canonical.
  fc.constantFrom('::', '::1', 'fd00::1', '2001:db8::1:0:0:1', 'fe80::1:2:3:4', '1:2:3:4:5:6:7:8'),
);
const address: fc.Arbitrary<PeerAddress> = fc.record({
  host,
  port: fc.integer({ min: 1, max: 65_535 }),
});
const protocol = fc
  .tuple(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 255 }))
  .map(([one, other]) => ({ min: Math.min(one, other), max: Math.max(one, other) }));
const kind = <Kind extends Message['kind']>(name: Kind) => fc.constant(name);

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: kind('ping'), sequence, target: hash, source: hash }),
  fc.record({ kind: kind('ack'), sequence }),
  fc.record({ kind: kind('nack'), sequence }),
  fc.record({ kind: kind('ping.request'), sequence, target: hash, address }),
  fc.record({
    kind: kind('alive'),
    id,
    incarnation,
    address,
    protocol,
    meta: fc.uint8Array({ maxLength: META_BYTES_MAX }),
  }) satisfies fc.Arbitrary<Alive>,
  fc.record({
    kind: kind('suspect'),
    id,
    incarnation,
    accusers: fc.uniqueArray(hash, { minLength: 1, maxLength: ACCUSERS_MAX }),
  }),
  fc.record({ kind: kind('dead'), id, incarnation, accuser: hash }),
  fc.record({ kind: kind('left'), id, incarnation }),
  fc.record({
    kind: kind('network'),
    id,
    network: text as fc.Arbitrary<NetworkId>,
    time: fc.integer({ min: 0, max: NETWORK_TIME_MAX }) as fc.Arbitrary<NetworkTime>,
    isJoined: fc.boolean(),
  }),
  fc.record({ kind: kind('rows'), source: hash, bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({
    kind: kind('sync.hello'),
    id,
    protocol,
    digest: fc.uint32Array({ minLength: DIGEST_BUCKETS, maxLength: DIGEST_BUCKETS }),
  }),
  fc.record({ kind: kind('sync.done'), heard: u32 }),
);

test('what is encoded is decoded as it was', (t) => {
  const property = fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
    t.deepEqual(decodeFrame(encodeFrame(messages)), { messages, unknown: 0 });
  });
  t.notThrows(() => fc.assert(property, { numRuns: RUNS / 4 }));
});

function isReadOrRefused(bytes: Uint8Array): boolean {
  // Behind the frame lies what must not be read.
  const fenced = new Uint8Array(bytes.length + 64).fill(0x41);
  fenced.set(bytes);
  try {
    const { messages } = decodeFrame(fenced.subarray(0, bytes.length));
    return encodeFrame(messages).length <= bytes.length + 1;
  } catch (error) {
    return error instanceof GossipError;
  }
}

test('bytes of any kind are read or refused with a code', (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 200 }), isReadOrRefused);
  t.notThrows(() => fc.assert(property, { numRuns: RUNS }));
});

test('frames that lost or changed some bytes are read or refused with a code', (t) => {
  const frames = Object.values(SAMPLES).map(encodeFrame);
  const change = fc.record({ at: fc.nat(), byte: u8 });
  const property = fc.property(
    fc.constantFrom(...frames),
    fc.array(change, { maxLength: 4 }),
    fc.nat(),
    (frame, changes, cut) => {
      const bytes = frame.slice(0, 1 + (cut % frame.length));
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      return isReadOrRefused(bytes);
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: RUNS }));
});

test('every prefix of every sample is read or refused with a code', (t) => {
  for (const frame of Object.values(SAMPLES).map(encodeFrame))
    for (let end = 0; end <= frame.length; end += 1)
      t.true(isReadOrRefused(frame.subarray(0, end)));
});
