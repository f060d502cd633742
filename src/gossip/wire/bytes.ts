import { GossipError, rangeError } from '../errors.ts';

const FIRST_BYTES = 1536;

/** Appends big-endian numbers, short texts and bytes to a buffer that grows. Made to be reused. */
export class ByteWriter {
  private bytes = new Uint8Array(FIRST_BYTES);
  private view = new DataView(this.bytes.buffer);
  private end = 0;

  get length(): number {
    return this.end;
  }

  /** Forgets everything from `length` on. */
  rewind(length = 0): void {
    this.end = length;
  }

  // Room is made before `bytes` and `view` are looked at: making it may replace both.
  u8(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.reserve(2);
    this.view.setUint16(at, value);
  }

  u32(value: number): void {
    const at = this.reserve(4);
    this.view.setUint32(at, value);
  }

  u16At(offset: number, value: number): void {
    this.view.setUint16(offset, value);
  }

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** One byte of length, then the characters. Precondition: at most 255, all below U+0080. */
  text(text: string): void {
    this.u8(text.length);
    const at = this.reserve(text.length);
    for (let index = 0; index < text.length; index += 1)
      this.bytes[at + index] = text.charCodeAt(index);
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.end);
  }

  private reserve(length: number): number {
    const at = this.end;
    this.end += length;
    if (this.end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.end, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Reads bytes front to back, never outside of its bounds; throws `GossipError`. */
export class ByteReader {
  private readonly view: DataView;
  private at: number;
  private readonly end: number;

  constructor(bytes: Uint8Array | DataView, at = 0, end = bytes.byteLength) {
    const { buffer, byteOffset, byteLength } = bytes;
    this.view = bytes instanceof DataView ? bytes : new DataView(buffer, byteOffset, byteLength);
    this.at = at;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2));
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }

  /** A copy, so that what was decoded does not hold on to a receive buffer. */
  raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytesAt(start, length).slice();
  }

  /** Printable ASCII without blanks, 1 to `lengthMax` characters. */
  text(lengthMax: number, field: string): string {
    const length = this.u8();
    if (length === 0 || length > lengthMax) throw rangeError(field);
    const start = this.take(length);
    const codes = this.bytesAt(start, length);
    for (const code of codes) if (code < 0x21 || code > 0x7e) throw rangeError(field);
    return String.fromCharCode(...codes);
  }

  /** A reader of the next `length` bytes alone; this one goes on after them. */
  part(length: number): ByteReader {
    const start = this.take(length);
    return new ByteReader(this.view, start, start + length);
  }

  private bytesAt(start: number, length: number): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + start, length);
  }

  private take(length: number): number {
    const start = this.at;
    if (length > this.end - start)
      throw new GossipError({ code: 'short', offset: start }, `bytes end at ${this.end}`);
    this.at = start + length;
    return start;
  }
}
