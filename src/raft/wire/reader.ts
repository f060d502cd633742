import { RaftError, type RaftErrorDetail } from '../errors.ts';
import { U64_BYTES, WIRE_VERSION, isVisible } from './layout.ts';

/** Faster than making the string here, and the same for what has been checked. */
const ASCII = new TextDecoder();

interface KnownId {
  readonly start: number;
  readonly text: string;
}

/** Ids that one frame repeats become one string each; beyond these many, a string each time. */
const KNOWN_IDS_MAX = 16;

/** Reads bytes front to back. Never reads outside of them; throws `RaftError` where they end. */
export class WireReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly knownIds: KnownId[] = [];
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The type of the record that begins here. */
  begin(): number {
    const version = this.u8();
    if (version !== WIRE_VERSION)
      throw new RaftError(
        { code: 'wire-version', version },
        `version ${version} of the format is not known here, only ${WIRE_VERSION}`,
      );
    return this.u8();
  }

  /** Steps over what a later release added. */
  end(): void {
    this.take(this.u16());
  }

  /** The record that was read is all there is. */
  finish(): void {
    this.end();
    if (this.at < this.bytes.length)
      throw this.failure({ code: 'wire-trailing', offset: this.at }, 'bytes follow the record');
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  flag(field: string): boolean {
    const value = this.u8();
    if (value > 1) throw this.wrong(field);
    return value === 1;
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }

  u64(field: string): number {
    const at = this.take(U64_BYTES);
    const high = this.view.getUint32(at);
    if (high >= 2 ** 21) throw this.wrong(field);
    return high * 2 ** 32 + this.view.getUint32(at + 4);
  }

  /** How many items follow; no more than there is room for, when each takes `itemBytesMin`. */
  count(itemBytesMin: number): number {
    const count = this.u32();
    if (count * itemBytesMin > this.bytes.length - this.at) throw this.short();
    return count;
  }

  id(): string {
    const length = this.u8();
    if (length === 0) throw this.wrong('id');
    const start = this.take(length);
    for (const known of this.knownIds)
      if (known.text.length === length && this.isSame(known.start, start, length))
        return known.text;
    for (let at = start; at < this.at; at += 1)
      if (!isVisible(this.bytes[at] as number)) throw this.wrong('id');
    const text = ASCII.decode(this.bytes.subarray(start, this.at));
    if (this.knownIds.length < KNOWN_IDS_MAX) this.knownIds.push({ start, text });
    return text;
  }

  /** A view of the frame, not a copy. */
  data(bytesMax: number): Uint8Array {
    const length = this.u32();
    if (length > bytesMax) throw this.wrong('data');
    const start = this.take(length);
    return this.bytes.subarray(start, this.at);
  }

  /** A field before here has a value that no writer gives it. */
  wrong(field: string): RaftError {
    const detail = { code: 'wire-field', field, offset: this.at } as const;
    return this.failure(detail, `${field} is wrong`);
  }

  unknownType(type: number): RaftError {
    return this.failure({ code: 'wire-type', type }, `type ${type} is not known here`);
  }

  private u16(): number {
    return this.view.getUint16(this.take(2));
  }

  private isSame(one: number, other: number, length: number): boolean {
    for (let index = 0; index < length; index += 1)
      if (this.bytes[one + index] !== this.bytes[other + index]) return false;
    return true;
  }

  private take(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start) throw this.short();
    this.at = start + length;
    return start;
  }

  private short(): RaftError {
    return this.failure({ code: 'wire-short', offset: this.at }, 'the bytes end too early');
  }

  private failure(detail: RaftErrorDetail, what: string): RaftError {
    return new RaftError(detail, `${what} (byte ${this.at} of ${this.bytes.length})`);
  }
}
