import { DnsError } from '../errors.ts';
import type { DnsName } from './message.ts';

const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** Pointers hold 14 bits. */
const POINTER_TARGET_MAX = 0x3fff;

/**
 * Appends to a growing buffer and remembers where names stand, so that later ones can point at
 * them.
 */
export class WireWriter {
  private bytes = new Uint8Array(512);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  /** Suffixes in their exact case: a name that is compressed reads back as it was written. */
  private readonly suffixes = new Map<string, number>();

  get position(): number {
    return this.length;
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

  raw(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  u16At(offset: number, value: number): void {
    this.view.setUint16(offset, value);
  }

  name(name: DnsName): void {
    // Owners repeat from record to record: those need no parsing.
    if (this.pointTo(name)) return;
    for (const label of parseName(name)) {
      if (this.pointTo(label.suffix)) return;
      if (this.length <= POINTER_TARGET_MAX) this.suffixes.set(label.suffix, this.length);
      this.label(label.bytes);
    }
    this.u8(0);
  }

  /** For data whose names must not be compressed (RFC 2782: SRV). */
  plainName(name: DnsName): void {
    for (const label of parseName(name)) this.label(label.bytes);
    this.u8(0);
  }

  /** Forgets everything from `position` on. */
  rewind(position: number): void {
    for (const [suffix, offset] of this.suffixes) {
      if (offset >= position) this.suffixes.delete(suffix);
    }
    this.length = position;
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** Whether the name stands in the message already, and a pointer to it was written. */
  private pointTo(name: DnsName): boolean {
    const known = this.suffixes.get(name);
    if (known !== undefined) this.u16(0xc000 | known);
    return known !== undefined;
  }

  private label(bytes: Uint8Array): void {
    this.u8(bytes.length);
    this.raw(bytes);
  }

  private reserve(size: number): number {
    const start = this.length;
    this.length += size;
    if (this.length > this.bytes.length) this.grow();
    return start;
  }

  private grow(): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length));
    larger.set(this.bytes);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** Whether the text is a name that fits a message. */
export function isDnsName(text: string): boolean {
  return tryParseName(text) !== undefined;
}

interface Label {
  readonly bytes: Uint8Array;
  /** The name from this label to its end. */
  readonly suffix: string;
}

function parseName(name: DnsName): readonly Label[] {
  const labels = tryParseName(name);
  if (labels === undefined) {
    throw new DnsError({ code: 'name-text', text: name }, `not a domain name: ${name}`);
  }
  return labels;
}

function tryParseName(name: string): readonly Label[] | undefined {
  const labels: Label[] = [];
  let wireBytes = 1;
  for (let start = 0; start < name.length;) {
    const end = labelEnd(name, start);
    const bytes = labelBytes(name.slice(start, end));
    if (bytes === undefined || bytes.length === 0 || bytes.length > LABEL_BYTES_MAX) return;
    wireBytes += bytes.length + 1;
    if (wireBytes > NAME_BYTES_MAX || end === name.length - 1) return;
    labels.push({ bytes, suffix: name.slice(start) });
    start = end + 1;
  }
  return labels;
}

/** Index of the dot that ends the label, or of the text's end. */
function labelEnd(name: string, start: number): number {
  let at = start;
  while (at < name.length && name[at] !== '.') at += name[at] === '\\' ? 2 : 1;
  return Math.min(at, name.length);
}

function labelBytes(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    if (text[at] !== '\\') {
      bytes.push(text.charCodeAt(at));
      at += 1;
      continue;
    }
    const escape = /^\\(?:([0-9]{3})|([^0-9]))/.exec(text.slice(at, at + 4));
    if (!escape) return undefined;
    bytes.push(escape[1] === undefined ? text.charCodeAt(at + 1) : Number(escape[1]));
    at += escape[1] === undefined ? 2 : 4;
  }
  return bytes.every((byte) => byte < 256) ? Uint8Array.from(bytes) : undefined;
}
