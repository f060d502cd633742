/**
 * Writes netlink messages one after another into one buffer that is used again for the next batch.
 */
import { endianness } from 'node:os';
import { assert } from '../../base/index.ts';

/** Netlink speaks the byte order of the machine. */
export const IS_LITTLE_ENDIAN = endianness() === 'LE';

/** Bytes of `struct nlmsghdr`. */
export const HEADER_BYTES = 16;

const NESTED_FLAG = 0x8000;

export interface MessageHeader {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
}

/**
 * Between `begin` and `end` of a message: first its fixed header (`u8`, `u16`, `u32`), then
 * attributes. Grows as needed; `bytes()` is a view that the next `reset` invalidates.
 */
export class MessageWriter {
  private buffer: ArrayBuffer;
  private view: DataView;
  private array: Uint8Array;
  private used = 0;
  private messageStart = -1;

  constructor(initialBytes = 4096) {
    this.buffer = new ArrayBuffer(initialBytes);
    this.view = new DataView(this.buffer);
    this.array = new Uint8Array(this.buffer);
  }

  /** Bytes written. */
  get length(): number {
    return this.used;
  }

  reset(): void {
    this.used = 0;
    this.messageStart = -1;
  }

  bytes(): Uint8Array {
    assert(this.messageStart < 0, 'the last message was ended');
    return this.array.subarray(0, this.used);
  }

  begin(header: MessageHeader): void {
    assert(this.messageStart < 0, 'the previous message was ended');
    this.messageStart = this.used;
    this.u32(0);
    this.u16(header.type);
    this.u16(header.flags);
    this.u32(header.sequence);
    this.u32(0);
  }

  end(): void {
    assert(this.messageStart >= 0, 'a message was begun');
    this.view.setUint32(this.messageStart, this.used - this.messageStart, IS_LITTLE_ENDIAN);
    this.messageStart = -1;
    this.pad();
  }

  /** Adds flags to the message that begins at `offset`. */
  addFlags(offset: number, flags: number): void {
    const before = this.view.getUint16(offset + 6, IS_LITTLE_ENDIAN);
    this.view.setUint16(offset + 6, before | flags, IS_LITTLE_ENDIAN);
  }

  u8(value: number): void {
    this.reserve(1);
    this.view.setUint8(this.used, value);
    this.used += 1;
  }

  u16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.used, value, IS_LITTLE_ENDIAN);
    this.used += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.used, value, IS_LITTLE_ENDIAN);
    this.used += 4;
  }

  attributeU8(type: number, value: number): void {
    this.attributeHead(type, 1);
    this.u8(value);
    this.pad();
  }

  attributeU16(type: number, value: number): void {
    this.attributeHead(type, 2);
    this.u16(value);
    this.pad();
  }

  /** In network byte order. */
  attributeU16Network(type: number, value: number): void {
    this.attributeHead(type, 2);
    this.reserve(2);
    this.view.setUint16(this.used, value, false);
    this.used += 2;
    this.pad();
  }

  attributeU32(type: number, value: number): void {
    this.attributeHead(type, 4);
    this.u32(value);
  }

  /** In network byte order: an IPv4 address. */
  attributeU32Network(type: number, value: number): void {
    this.attributeHead(type, 4);
    this.reserve(4);
    this.view.setUint32(this.used, value, false);
    this.used += 4;
  }

  /** With a terminating zero. */
  attributeString(type: number, text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.attributeHead(type, encoded.length + 1);
    this.raw(encoded);
    this.u8(0);
    this.pad();
  }

  attributeBytes(type: number, bytes: Uint8Array): void {
    this.attributeHead(type, bytes.length);
    this.raw(bytes);
    this.pad();
  }

  /** Attributes that `content` writes, inside one of the given type. */
  attributeNested(type: number, content: () => void): void {
    const start = this.used;
    this.attributeHead(type | NESTED_FLAG, 0);
    content();
    const length = this.used - start;
    assert(length <= 0xffff, 'an attribute fits its length field', { length });
    this.view.setUint16(start, length, IS_LITTLE_ENDIAN);
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.array.set(bytes, this.used);
    this.used += bytes.length;
  }

  private attributeHead(type: number, payloadBytes: number): void {
    assert(payloadBytes <= 0xffff - 4, 'an attribute fits its length field', { payloadBytes });
    this.u16(payloadBytes + 4);
    this.u16(type);
  }

  private pad(): void {
    while (this.used % 4 !== 0) this.u8(0);
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.byteLength) return;
    const grown = new ArrayBuffer(Math.max(this.buffer.byteLength * 2, this.used + bytes));
    new Uint8Array(grown).set(this.array.subarray(0, this.used));
    this.buffer = grown;
    this.view = new DataView(grown);
    this.array = new Uint8Array(grown);
  }
}
