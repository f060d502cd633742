import { assert } from '../../base/index.ts';

const PAGE_NUMBERS = 1024;
const WORD_BITS = 32;

interface Page {
  readonly words: Uint32Array;
  used: number;
}

/**
 * Numbers from `first` to `last`, handed out next-fit: a number that was given back is the last to
 * be given again, so that what still lingers under it elsewhere (a neighbour entry, a name in a
 * cache) does not meet its next owner. A bitmap in pages that exist only where a number is used;
 * taking and freeing cost a few word reads.
 */
export class NumberPool {
  readonly first: number;
  readonly last: number;
  /** Where the search for the next number starts. Part of the state: it travels in snapshots. */
  cursor: number;
  private usedCount = 0;
  private readonly pages = new Map<number, Page>();

  constructor(first: number, last: number) {
    assert(first <= last, 'a pool holds at least one number', { first, last });
    this.first = first;
    this.last = last;
    this.cursor = first;
  }

  get free(): number {
    return this.last - this.first + 1 - this.usedCount;
  }

  /** Whether the number lies in the pool's range. */
  covers(value: number): boolean {
    return value >= this.first && value <= this.last;
  }

  isUsed(value: number): boolean {
    const offset = value - this.first;
    const page = this.pages.get(Math.floor(offset / PAGE_NUMBERS));
    if (page === undefined) return false;
    const bit = offset % PAGE_NUMBERS;
    return ((page.words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }

  /** The next free number, now used; `undefined` when there is none. */
  take(): number | undefined {
    if (this.free === 0) return undefined;
    const found = this.firstFree(this.cursor, this.last) ?? this.firstFree(this.first, this.cursor);
    assert(found !== undefined, 'a pool with free numbers finds one', { cursor: this.cursor });
    this.claim(found);
    this.cursor = found === this.last ? this.first : found + 1;
    return found;
  }

  /** Marks a number used that someone chose. Precondition: in range and free. */
  claim(value: number): void {
    assert(this.covers(value) && !this.isUsed(value), 'a claimed number is free', { value });
    const offset = value - this.first;
    const page = this.pageOf(Math.floor(offset / PAGE_NUMBERS));
    const bit = offset % PAGE_NUMBERS;
    page.words[bit >>> 5] = (page.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    page.used += 1;
    this.usedCount += 1;
  }

  /** Gives a number back. Precondition: used. */
  release(value: number): void {
    assert(this.covers(value) && this.isUsed(value), 'a released number is used', { value });
    const offset = value - this.first;
    const key = Math.floor(offset / PAGE_NUMBERS);
    const page = this.pageOf(key);
    const bit = offset % PAGE_NUMBERS;
    page.words[bit >>> 5] = (page.words[bit >>> 5] ?? 0) & ~(1 << (bit & 31));
    page.used -= 1;
    this.usedCount -= 1;
    if (page.used === 0) this.pages.delete(key);
  }

  private pageOf(key: number): Page {
    const existing = this.pages.get(key);
    if (existing !== undefined) return existing;
    const page = { words: new Uint32Array(PAGE_NUMBERS / WORD_BITS), used: 0 };
    this.pages.set(key, page);
    return page;
  }

  private firstFree(from: number, to: number): number | undefined {
    let value = from;
    while (value <= to) {
      const offset = value - this.first;
      const key = Math.floor(offset / PAGE_NUMBERS);
      const page = this.pages.get(key);
      if (page === undefined) return value;
      const bit = page.used === PAGE_NUMBERS ? PAGE_NUMBERS : freeBit(page, offset % PAGE_NUMBERS);
      const found = this.first + key * PAGE_NUMBERS + bit;
      if (bit < PAGE_NUMBERS) return found <= to ? found : undefined;
      value = found;
    }
    return undefined;
  }
}

/** The first zero bit at or after `from`; `PAGE_NUMBERS` when there is none. */
function freeBit(page: Page, from: number): number {
  let bit = from;
  while (bit < PAGE_NUMBERS) {
    const word = page.words[bit >>> 5] ?? 0;
    const ahead = ~word & (-1 << (bit & 31));
    if (ahead !== 0) return (bit & ~31) + lowestBit(ahead);
    bit = (bit & ~31) + WORD_BITS;
  }
  return PAGE_NUMBERS;
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
