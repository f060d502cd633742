import { assert } from '../../base/index.ts';
import { ID_CHARACTERS_MAX, WIRE_VERSION } from './layout.ts';

const FIRST_VISIBLE = 0x21;
const LAST_VISIBLE = 0x7e;

/** Fills exactly the bytes that were counted for it; anything else is a bug, and crashes. */
export class WireWriter {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Version and type; `end` closes what this opens. */
  begin(type: number): void {
    this.u8(WIRE_VERSION);
    this.u8(type);
  }

  /** An empty extension. */
  end(): void {
    this.view.setUint16(this.at, 0);
    this.at += 2;
  }

  u8(value: number): void {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value);
    this.at += 4;
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a number is in [0, 2^53)');
    this.view.setUint32(this.at, Math.floor(value / 2 ** 32));
    this.view.setUint32(this.at + 4, value >>> 0);
    this.at += 8;
  }

  id(id: string): void {
    const { length } = id;
    assert(length >= 1 && length <= ID_CHARACTERS_MAX, 'an id has 1 to 255 characters');
    this.u8(length);
    let isVisible = true;
    for (let index = 0; index < length; index += 1) {
      const code = id.charCodeAt(index);
      isVisible &&= code >= FIRST_VISIBLE && code <= LAST_VISIBLE;
      this.bytes[this.at + index] = code;
    }
    assert(isVisible, 'an id is visible ASCII');
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
