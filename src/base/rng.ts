import { assert } from './assert.ts';

/** A source of randomness, passed in wherever a decision is random. */
export interface Rng {
  /** Uniform in [0, 2^32). */
  nextU32(): number;
}

/** Deterministic generator (sfc32): one seed gives one sequence. Not for secrets. */
export class SeededRng implements Rng {
  private a: number;
  private b = 0x9e3779b9;
  private c = 0x243f6a88;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed | 0;
    for (let round = 0; round < 12; round += 1) this.nextU32();
  }

  nextU32(): number {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result >>> 0;
  }
}

/** Uniform in [0, bound). Precondition: `0 < bound <= 2^32`. */
export function randomBelow(rng: Rng, bound: number): number {
  assert(bound > 0 && bound <= 2 ** 32, 'bound is in (0, 2^32]', { bound });
  return Math.floor((rng.nextU32() / 2 ** 32) * bound);
}

/** Shuffles in place (Fisher-Yates) and returns the same array. */
export function shuffle<Item>(items: Item[], rng: Rng): Item[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = randomBelow(rng, last + 1);
    [items[last], items[other]] = [items[other] as Item, items[last] as Item];
  }
  return items;
}

const ID_ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** A 25-character lower-case base-36 id, the shape of Swarm's object ids. */
export function randomId(rng: Rng): string {
  let id = '';
  for (let index = 0; index < 25; index += 1) id += ID_ALPHABET[randomBelow(rng, 36)] as string;
  return id;
}
