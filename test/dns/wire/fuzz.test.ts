/**
 * Mutations of known messages against every function that takes bytes from the network: each
 * returns or throws a `DnsError`, never anything else, never reads past the end (the bytes lie in
 * the middle of a larger buffer whose rest must not show), and what was accepted round-trips.
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import packet from 'dns-packet';
import { SeededRng, randomBelow, type Rng } from '../../../src/base/index.ts';
import {
  DnsError,
  MessageStream,
  answerFor,
  decodeMessage,
  encodeMessage,
  isSameQuestion,
  truncateMessage,
} from '../../../src/dns/index.ts';
import { ACCEPTED, REFUSED } from './corpus.ts';

const ROUNDS = 30_000;
const seeds = [...ACCEPTED, ...REFUSED].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

test('the corpus is accepted and refused as it says', (t) => {
  for (const hex of ACCEPTED) t.notThrows(() => decodeMessage(Buffer.from(hex, 'hex')), hex);
  for (const hex of REFUSED) {
    t.throws(() => decodeMessage(Buffer.from(hex, 'hex')), { instanceOf: DnsError }, hex);
  }
});

test('mutated messages are decoded or refused with a code, and round-trip', (t) => {
  const seed = seedOf(t);
  const rng = new SeededRng(seed);
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = mutate(rng);
    try {
      accepted += exercise(bytes, rng) ? 1 : 0;
    } catch (error) {
      const hex = Buffer.from(bytes).toString('hex');
      t.fail(`seed ${seed}, round ${round}, message ${hex}: ${String(error)}`);
      return;
    }
  }
  t.log(`${accepted} of ${ROUNDS} mutations were well-formed`);
  t.true(accepted > ROUNDS / 100);
});

test('whatever dns-packet accepts of a plain query, this codec reads alike', (t) => {
  const seed = seedOf(t);
  const rng = new SeededRng(seed);
  const query = seeds[0] as Uint8Array;
  for (let round = 0; round < 5000; round += 1) {
    const bytes = flipBits(query.slice(), rng);
    const ours = tryDecode(bytes);
    if (ours?.questions[0] === undefined || /\\/.test(ours.questions[0].name)) continue;
    const theirs = packet.decode(Buffer.from(bytes));
    t.is(theirs.id, ours.header.id);
    t.is(theirs.questions?.[0]?.name, ours.questions[0].name === '' ? '.' : ours.questions[0].name);
  }
});

function seedOf(t: { log(...values: unknown[]): void }): number {
  const given = process.env['HAWSER_FUZZ_SEED'];
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  t.log(`HAWSER_FUZZ_SEED=${seed}`);
  return seed;
}

/** Whether the message was accepted. Throws when something does not hold. */
function exercise(bytes: Uint8Array, rng: Rng): boolean {
  const padded = new Uint8Array(bytes.length + 64).fill(randomBelow(rng, 256));
  padded.set(bytes, 32);
  const window = padded.subarray(32, 32 + bytes.length);
  const message = tryDecode(window);
  if (!isDeepStrictEqual(message, tryDecode(bytes))) throw new Error('read past the end');
  attempt(() => isSameQuestion(window, seeds[0] as Uint8Array));
  const limit = randomBelow(rng, 600);
  const cut = attempt(() => truncateMessage(window, limit));
  if (cut !== undefined && cut.length > limit) throw new Error('cut is too long');
  if (cut !== undefined && message !== undefined && message.additionals.length < 2)
    decodeMessage(cut);
  attempt(() => answerFor(window, window, limit));
  new MessageStream().push(window);
  if (message === undefined) return false;
  const again = attempt(() => encodeMessage(message));
  if (again === undefined || again.length < bytes.length / 2) return true;
  const opaque = [...message.answers, ...message.authorities, ...message.additionals].some(
    (record) => record.data.kind === 'other',
  );
  if (!opaque && !isDeepStrictEqual(decodeMessage(again), message))
    throw new Error('no round trip');
  return true;
}

function tryDecode(bytes: Uint8Array): ReturnType<typeof decodeMessage> | undefined {
  return attempt(() => decodeMessage(bytes));
}

/** Lets coded refusals pass and nothing else. */
function attempt<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof DnsError) return undefined;
    throw error;
  }
}

function mutate(rng: Rng): Uint8Array {
  const seed = seeds[randomBelow(rng, seeds.length)] as Uint8Array;
  const other = seeds[randomBelow(rng, seeds.length)] as Uint8Array;
  switch (randomBelow(rng, 6)) {
    case 0:
      return flipBits(seed.slice(), rng);
    case 1:
      return seed.slice(0, randomBelow(rng, seed.length + 1));
    case 2:
      return concat(seed, other.slice(randomBelow(rng, other.length)));
    case 3:
      return concat(seed.slice(0, randomBelow(rng, seed.length)), other.slice(12));
    case 4:
      return overwrite(seed.slice(), rng);
    default:
      return Uint8Array.from({ length: randomBelow(rng, 80) }, () => randomBelow(rng, 256));
  }
}

function flipBits(bytes: Uint8Array, rng: Rng): Uint8Array {
  const flips = 1 + randomBelow(rng, 4);
  for (let flip = 0; flip < flips; flip += 1) {
    const at = randomBelow(rng, bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << randomBelow(rng, 8));
  }
  return bytes;
}

/** Values that mean something: lengths, pointers, counts. */
function overwrite(bytes: Uint8Array, rng: Rng): Uint8Array {
  const telling = [0x00, 0x01, 0x3f, 0x40, 0x80, 0xc0, 0xff, 0x0c, 0x29];
  for (let times = 1 + randomBelow(rng, 3); times > 0; times -= 1) {
    bytes[randomBelow(rng, bytes.length)] = telling[randomBelow(rng, telling.length)] as number;
  }
  return bytes;
}

function concat(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
