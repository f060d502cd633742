/** Damage done to known messages, as fuzzers do it. */
import { randomBelow, type Rng } from '../../../src/base/index.ts';

/** A message like one of the seeds, or two of them, or none. */
export function mutate(seeds: readonly Uint8Array[], rng: Rng): Uint8Array {
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

export function flipBits(bytes: Uint8Array, rng: Rng): Uint8Array {
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
