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
import { flipBits, mutate } from './mutate.ts';

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
    const bytes = mutate(seeds, rng);
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
