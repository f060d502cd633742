/**
 * Reads netlink messages and attributes. Every length is checked against what holds it; what does
 * not fit throws `KernelError` with code MALFORMED_MESSAGE. Trailing bytes too short for a header
 * are padding and ignored.
 */
import { formatIpv4, ipv4FromNumber, type Ipv4, type Mac } from '../../base/index.ts';
import { malformed } from '../kernel-error.ts';
import { HEADER_BYTES, IS_LITTLE_ENDIAN } from './message-writer.ts';

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Port of the socket whose request it answers or announces. */
  readonly port: number;
  /** What follows the header. */
  readonly payload: DataView;
}

const ATTRIBUTE_HEAD_BYTES = 4;
const MAC_BYTES = 6;
const IPV4_BYTES = 4;
const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** Without the bits that say "nested" and "network byte order". */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

export function readMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (view.byteLength - offset >= HEADER_BYTES) {
    const length = view.getUint32(offset, IS_LITTLE_ENDIAN);
    if (length < HEADER_BYTES || length > view.byteLength - offset)
      throw malformed(`message of ${length} bytes in ${view.byteLength - offset}`);
    messages.push({
      type: view.getUint16(offset + 4, IS_LITTLE_ENDIAN),
      flags: view.getUint16(offset + 6, IS_LITTLE_ENDIAN),
      sequence: view.getUint32(offset + 8, IS_LITTLE_ENDIAN),
      port: view.getUint32(offset + 12, IS_LITTLE_ENDIAN),
      payload: sliceView(view, offset + HEADER_BYTES, length - HEADER_BYTES),
    });
    offset += align(length);
  }
  return messages;
}

/** Fields of a fixed header, in order. */
export class FieldReader {
  private readonly view: DataView;
  private offset = 0;

  constructor(view: DataView) {
    this.view = view;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), IS_LITTLE_ENDIAN);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), IS_LITTLE_ENDIAN);
  }

  i32(): number {
    return this.view.getInt32(this.take(4), IS_LITTLE_ENDIAN);
  }

  skip(bytes: number): void {
    this.take(bytes);
  }

  /** What follows the fields read, as attributes. */
  attributes(): Attributes {
    const start = align(this.offset);
    if (start >= this.view.byteLength) return Attributes.EMPTY;
    return Attributes.parse(sliceView(this.view, start, this.view.byteLength - start));
  }

  private take(bytes: number): number {
    const at = this.offset;
    if (at + bytes > this.view.byteLength)
      throw malformed(`header of ${this.view.byteLength} bytes ends before ${at + bytes}`);
    this.offset = at + bytes;
    return at;
  }
}

/**
 * The attributes of a message or of a nest, by type; of two with one type the last counts, as in
 * the kernel. Keeps places rather than copies: a dump of 10,000 rows holds 100,000 attributes.
 */
export class Attributes {
  static readonly EMPTY = new Attributes(new DataView(new ArrayBuffer(0)), []);
  private readonly view: DataView;
  /** Type, start and length of one after the other. */
  private readonly places: readonly number[];

  private constructor(view: DataView, places: readonly number[]) {
    this.view = view;
    this.places = places;
  }

  static parse(view: DataView): Attributes {
    const places: number[] = [];
    let offset = 0;
    while (view.byteLength - offset >= ATTRIBUTE_HEAD_BYTES) {
      const length = view.getUint16(offset, IS_LITTLE_ENDIAN);
      if (length < ATTRIBUTE_HEAD_BYTES || length > view.byteLength - offset)
        throw malformed(`attribute of ${length} bytes in ${view.byteLength - offset}`);
      const type = view.getUint16(offset + 2, IS_LITTLE_ENDIAN) & ATTRIBUTE_TYPE_MASK;
      places.push(type, offset + ATTRIBUTE_HEAD_BYTES, length - ATTRIBUTE_HEAD_BYTES);
      offset += align(length);
    }
    return new Attributes(view, places);
  }

  has(type: number): boolean {
    return this.find(type) >= 0;
  }

  u8(type: number): number | undefined {
    const start = this.startOf(type, 1);
    return start < 0 ? undefined : this.view.getUint8(start);
  }

  u16(type: number): number | undefined {
    const start = this.startOf(type, 2);
    return start < 0 ? undefined : this.view.getUint16(start, IS_LITTLE_ENDIAN);
  }

  u16Network(type: number): number | undefined {
    const start = this.startOf(type, 2);
    return start < 0 ? undefined : this.view.getUint16(start, false);
  }

  u32(type: number): number | undefined {
    const start = this.startOf(type, 4);
    return start < 0 ? undefined : this.view.getUint32(start, IS_LITTLE_ENDIAN);
  }

  i32(type: number): number | undefined {
    const start = this.startOf(type, 4);
    return start < 0 ? undefined : this.view.getInt32(start, IS_LITTLE_ENDIAN);
  }

  /** An IPv4 address; `undefined` also when the attribute holds one of another family. */
  ipv4(type: number): Ipv4 | undefined {
    const at = this.find(type);
    if (at < 0 || this.places[at + 2] !== IPV4_BYTES) return undefined;
    return ipv4FromNumber(this.view.getUint32(this.places[at + 1] ?? 0, false));
  }

  /** As `ipv4`, in dotted form. */
  ipv4Text(type: number): string | undefined {
    const address = this.ipv4(type);
    return address === undefined ? undefined : formatIpv4(address);
  }

  /** `undefined` also for hardware addresses that are not six bytes long. */
  mac(type: number): Mac | undefined {
    const at = this.find(type);
    if (at < 0 || this.places[at + 2] !== MAC_BYTES) return undefined;
    const start = this.places[at + 1] ?? 0;
    let text = HEX_BYTES[this.view.getUint8(start)] ?? '';
    for (let byte = 1; byte < MAC_BYTES; byte += 1)
      text += `:${HEX_BYTES[this.view.getUint8(start + byte)] ?? ''}`;
    return text as Mac;
  }

  /** Up to the first zero. */
  string(type: number): string | undefined {
    const bytes = this.bytes(type);
    if (bytes === undefined) return undefined;
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  bytes(type: number): Uint8Array | undefined {
    const view = this.slice(type);
    return view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  /** The attributes inside one; empty when it is absent. */
  nested(type: number): Attributes {
    const view = this.slice(type);
    return view === undefined ? Attributes.EMPTY : Attributes.parse(view);
  }

  private slice(type: number): DataView | undefined {
    const at = this.find(type);
    if (at < 0) return undefined;
    return sliceView(this.view, this.places[at + 1] ?? 0, this.places[at + 2] ?? 0);
  }

  /** Where its three numbers begin in `places`; -1 when it is absent. */
  private find(type: number): number {
    for (let at = this.places.length - 3; at >= 0; at -= 3) if (this.places[at] === type) return at;
    return -1;
  }

  /** Where the payload begins; -1 when it is absent. Throws when it is shorter than `bytes`. */
  private startOf(type: number, bytes: number): number {
    const at = this.find(type);
    if (at < 0) return -1;
    const length = this.places[at + 2] ?? 0;
    if (length < bytes) throw malformed(`attribute ${type} has ${length} bytes, not ${bytes}`);
    return this.places[at + 1] ?? 0;
  }
}

function sliceView(view: DataView, start: number, length: number): DataView {
  return new DataView(view.buffer, view.byteOffset + start, length);
}

/** Messages and attributes begin on multiples of four. */
function align(length: number): number {
  return (length + 3) & ~3;
}
