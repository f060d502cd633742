import { DnsError } from '../errors.ts';
import { HEADER_BYTES, type DnsName } from './message.ts';

const NAME_BYTES_MAX = 255;
const POINTER_BITS = 0xc0;

/** Reads a message front to back. Never reads outside of it; throws `DnsError`. */
export class WireReader {
  readonly bytes: Uint8Array;
  position: number;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.position;
  }

  u16(): number {
    return this.view.getUint16(this.take(2));
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }

  /** A copy, so that what was decoded does not hold on to a receive buffer. */
  slice(length: number): Uint8Array {
    const start = this.take(length);
    return copyOf(this.bytes.subarray(start, start + length));
  }

  skip(length: number): void {
    this.take(length);
  }

  /**
   * Reads a possibly compressed name. Each pointer must lead strictly further back, so every chain
   * ends, and to a part that ends before the one it was in begins: a name never depends on what
   * follows it (RFC 1035 §4.1.4, a prior occurrence).
   */
  name(): DnsName {
    let text = '';
    this.position = this.walkName((start, length) => {
      text += (text === '' ? '' : '.') + labelText(this.bytes, start, length);
    });
    return text;
  }

  /** Steps over a name, with the same checks. */
  skipName(): void {
    this.position = this.walkName(() => undefined);
  }

  /** Visits the labels and returns the position after the name. */
  private walkName(visit: (start: number, length: number) => void): number {
    const start = this.position;
    let at = start;
    let end: number | undefined;
    let floor = start;
    let bound = this.bytes.length;
    let wireBytes = 1;
    for (;;) {
      const length = this.byteAt(at);
      if (at >= bound) throw this.failure('pointer', at);
      if (length === 0) return end ?? at + 1;
      if (length >= POINTER_BITS) {
        end ??= at + 2;
        const target = this.pointer(at, floor);
        bound = floor;
        floor = target;
        at = floor;
        continue;
      }
      if (length >= 0x40) throw this.failure('label-type', at);
      wireBytes += length + 1;
      if (wireBytes > NAME_BYTES_MAX) throw this.failure('name-too-long', start);
      if (at + 1 + length > this.bytes.length) throw this.failure('short', at);
      if (at + 1 + length > bound) throw this.failure('pointer', at);
      visit(at + 1, length);
      at += 1 + length;
    }
  }

  private pointer(at: number, floor: number): number {
    const target = ((this.byteAt(at) & ~POINTER_BITS) << 8) | this.byteAt(at + 1);
    if (target >= floor || target < HEADER_BYTES) throw this.failure('pointer', at);
    return target;
  }

  private byteAt(offset: number): number {
    const byte = this.bytes[offset];
    if (byte === undefined) throw this.failure('short', offset);
    return byte;
  }

  private take(length: number): number {
    const start = this.position;
    if (length > this.remaining) throw this.failure('short', start);
    this.position = start + length;
    return start;
  }

  private failure(
    code: 'short' | 'label-type' | 'name-too-long' | 'pointer',
    offset: number,
  ): DnsError {
    return new DnsError({ code, offset }, `DNS message refused at byte ${offset}: ${code}`);
  }
}

/**
 * A copy with memory of its own: `slice` of a Node `Buffer`, which is a `Uint8Array` too, would
 * share it.
 */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

function labelText(bytes: Uint8Array, start: number, length: number): string {
  let text = '';
  for (let at = start; at < start + length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === DOT || byte === BACKSLASH) text += `\\${String.fromCharCode(byte)}`;
    else if (byte < 0x21 || byte > 0x7e) text += `\\${String(byte).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}
