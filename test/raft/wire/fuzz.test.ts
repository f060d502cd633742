/**
 * Mutated records against every decoder: each returns a value or throws a `RaftError`, never
 * anything else; never reads past the end (the bytes lie in a larger buffer whose rest must not
 * show); and what was accepted is written again as something that reads the same.
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { SeededRng, randomBelow, type Rng } from '../../../src/base/index.ts';
import {
  RaftError,
  decodeEntry,
  decodeHardState,
  decodeMembership,
  decodeMessage,
  decodeSnapshotMeta,
  encodeEntry,
  encodeHardState,
  encodeMembership,
  encodeMessage,
  encodeSnapshotMeta,
} from '../../../src/raft/index.ts';
import { FORMS } from './samples.ts';

const ROUNDS = 15_000;
const SEEDS = [...FORMS.values()].map(({ encode }) => encode());

/** Reads and writes again; `undefined` when the bytes are refused. */
type Reader = (bytes: Uint8Array) => { readonly value: unknown; readonly again: Uint8Array };

const READERS: readonly Reader[] = [
  readerOf(decodeMessage, encodeMessage),
  readerOf(decodeEntry, encodeEntry),
  readerOf(decodeHardState, encodeHardState),
  readerOf(decodeSnapshotMeta, encodeSnapshotMeta),
  readerOf(decodeMembership, encodeMembership),
];

function readerOf<Value>(
  decode: (bytes: Uint8Array) => Value,
  encode: (value: Value) => Uint8Array,
): Reader {
  return (bytes) => {
    const value = decode(bytes);
    return { value, again: encode(value) };
  };
}

test('mutated records are read or refused with a code, and mean the same when written again', (t) => {
  const given = process.env['HAWSER_FUZZ_SEED'];
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  t.log(`HAWSER_FUZZ_SEED=${seed}`);
  const rng = new SeededRng(seed);
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = mutated(rng);
    try {
      for (const read of READERS) accepted += exercise(read, bytes, rng) ? 1 : 0;
    } catch (error) {
      const hex = Buffer.from(bytes).toString('hex');
      t.fail(`seed ${seed}, round ${round}, record ${hex}: ${String(error)}`);
      return;
    }
  }
  t.log(`${accepted} of ${ROUNDS} mutations were well-formed`);
  t.true(accepted > ROUNDS / 100);
});

function exercise(read: Reader, bytes: Uint8Array, rng: Rng): boolean {
  const result = tryRead(read, bytes);
  const padded = new Uint8Array(bytes.length + 64).fill(randomBelow(rng, 256));
  padded.set(bytes, 32);
  const inside = tryRead(read, padded.subarray(32, 32 + bytes.length));
  if (!isDeepStrictEqual(result?.value, inside?.value)) throw new Error('read past the end');
  if (result === undefined) return false;
  if (!isDeepStrictEqual(read(result.again).value, result.value))
    throw new Error('written again, it reads otherwise');
  return true;
}

function tryRead(read: Reader, bytes: Uint8Array) {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof RaftError) return undefined;
    throw error;
  }
}

function mutated(rng: Rng): Uint8Array {
  let bytes = [...(SEEDS[randomBelow(rng, SEEDS.length)] ?? [])];
  const steps = 1 + randomBelow(rng, 4);
  for (let step = 0; step < steps; step += 1) bytes = mutateOnce(bytes, rng);
  return Uint8Array.from(bytes);
}

function mutateOnce(bytes: number[], rng: Rng): number[] {
  const at = randomBelow(rng, bytes.length + 1);
  const other = SEEDS[randomBelow(rng, SEEDS.length)] ?? new Uint8Array();
  switch (randomBelow(rng, 6)) {
    case 0:
      return bytes.map((byte, place) => (place === at ? byte ^ (1 << randomBelow(rng, 8)) : byte));
    case 1:
      return bytes.map((byte, place) => (place === at ? randomBelow(rng, 256) : byte));
    case 2:
      return bytes.slice(0, at);
    case 3:
      return [...bytes.slice(0, at), randomBelow(rng, 256), ...bytes.slice(at)];
    case 4:
      return [...bytes.slice(0, at), ...bytes.slice(at + 1 + randomBelow(rng, 8))];
    default:
      return [...bytes.slice(0, at), ...other.subarray(randomBelow(rng, other.length + 1))];
  }
}
