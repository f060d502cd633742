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
 * the kernel.
 */
export class Attributes {
  static readonly EMPTY = new Attributes(new Map());
  private readonly byType: ReadonlyMap<number, DataView>;

  private constructor(byType: ReadonlyMap<number, DataView>) {
    this.byType = byType;
  }

  static parse(view: DataView): Attributes {
    const byType = new Map<number, DataView>();
    let offset = 0;
    while (view.byteLength - offset >= ATTRIBUTE_HEAD_BYTES) {
      const length = view.getUint16(offset, IS_LITTLE_ENDIAN);
      if (length < ATTRIBUTE_HEAD_BYTES || length > view.byteLength - offset)
        throw malformed(`attribute of ${length} bytes in ${view.byteLength - offset}`);
      const type = view.getUint16(offset + 2, IS_LITTLE_ENDIAN) & ATTRIBUTE_TYPE_MASK;
      const start = offset + ATTRIBUTE_HEAD_BYTES;
      byType.set(type, sliceView(view, start, length - ATTRIBUTE_HEAD_BYTES));
      offset += align(length);
    }
    return new Attributes(byType);
  }

  has(type: number): boolean {
    return this.byType.has(type);
  }

  u8(type: number): number | undefined {
    return this.sized(type, 1)?.getUint8(0);
  }

  u16(type: number): number | undefined {
    return this.sized(type, 2)?.getUint16(0, IS_LITTLE_ENDIAN);
  }

  u16Network(type: number): number | undefined {
    return this.sized(type, 2)?.getUint16(0, false);
  }

  u32(type: number): number | undefined {
    return this.sized(type, 4)?.getUint32(0, IS_LITTLE_ENDIAN);
  }

  i32(type: number): number | undefined {
    return this.sized(type, 4)?.getInt32(0, IS_LITTLE_ENDIAN);
  }

  /** An IPv4 address; `undefined` also when the attribute holds one of another family. */
  ipv4(type: number): Ipv4 | undefined {
    const view = this.byType.get(type);
    return view?.byteLength === 4 ? ipv4FromNumber(view.getUint32(0, false)) : undefined;
  }

  /** As `ipv4`, in dotted form. */
  ipv4Text(type: number): string | undefined {
    const address = this.ipv4(type);
    return address === undefined ? undefined : formatIpv4(address);
  }

  /** `undefined` also for hardware addresses that are not six bytes long. */
  mac(type: number): Mac | undefined {
    const view = this.byType.get(type);
    if (view?.byteLength !== 6) return undefined;
    const parts: string[] = [];
    for (let at = 0; at < 6; at += 1) parts.push(view.getUint8(at).toString(16).padStart(2, '0'));
    return parts.join(':') as Mac;
  }

  /** Up to the first zero. */
  string(type: number): string | undefined {
    const bytes = this.bytes(type);
    if (bytes === undefined) return undefined;
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  bytes(type: number): Uint8Array | undefined {
    const view = this.byType.get(type);
    return view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  /** The attributes inside one; empty when it is absent. */
  nested(type: number): Attributes {
    const view = this.byType.get(type);
    return view === undefined ? Attributes.EMPTY : Attributes.parse(view);
  }

  private sized(type: number, bytes: number): DataView | undefined {
    const view = this.byType.get(type);
    if (view !== undefined && view.byteLength < bytes)
      throw malformed(`attribute ${type} has ${view.byteLength} bytes instead of ${bytes}`);
    return view;
  }
}

function sliceView(view: DataView, start: number, length: number): DataView {
  return new DataView(view.buffer, view.byteOffset + start, length);
}

/** Messages and attributes begin on multiples of four. */
function align(length: number): number {
  return (length + 3) & ~3;
}
