import { assert } from '../../base/index.ts';
import { ID_CHARACTERS_MAX, WIRE_VERSION, isVisible } from './layout.ts';

/**
 * Where the bytes of a record come from; what is in them before does not matter. A host with a pool
 * of buffers gives its own: fresh ones cost more than filling them.
 */
export type Allocate = (bytes: number) => Uint8Array;

export function allocateFresh(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** Fills exactly the bytes that were counted for it; anything else is a bug, and crashes. */
export class WireWriter {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(size: number, allocate: Allocate) {
    this.bytes = allocate(size);
    assert(this.bytes.length === size, 'as many bytes as were asked for');
  }

  /** Version and type; `end` closes what this opens. */
  begin(type: number): void {
    this.u8(WIRE_VERSION);
    this.u8(type);
  }

  /** An empty extension. */
  end(): void {
    this.u8(0);
    this.u8(0);
  }

  u8(value: number): void {
    this.bytes[this.at] = value;
    this.at += 1;
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u32(value: number): void {
    const { bytes, at } = this;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
    this.at = at + 4;
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a number is in [0, 2^53)');
    this.u32(Math.floor(value / 2 ** 32));
    this.u32(value >>> 0);
  }

  id(id: string): void {
    const { length } = id;
    assert(length >= 1 && length <= ID_CHARACTERS_MAX, 'an id has 1 to 255 characters');
    this.u8(length);
    let isLegible = true;
    for (let index = 0; index < length; index += 1) {
      const code = id.charCodeAt(index);
      isLegible &&= isVisible(code);
      this.bytes[this.at + index] = code;
    }
    assert(isLegible, 'an id is visible ASCII');
    this.at += length;
  }

  data(data: Uint8Array): void {
    this.u32(data.length);
    this.bytes.set(data, this.at);
    this.at += data.length;
  }

  finish(): Uint8Array {
    assert(this.at === this.bytes.length, 'what was counted is what was written');
    return this.bytes;
  }
}
