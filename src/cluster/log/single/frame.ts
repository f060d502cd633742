/**
 * The bytes of a log segment: a file header, then frames. One frame holds all entries of one sync,
 * so at most the last frame of a file can be half written; damage anywhere else is not a crash's
 * doing.
 *
 *   file header, 32 bytes    "HAWSRWAL" | version u32 | 0 u32 | first index u64
 *                            | CRC-32 of these 24 bytes u32 | ff ff ff ff
 *   frame header, 16 bytes   "WLF1" | payload bytes u32 | CRC-32 of padded payload u32
 *                            | CRC-32 of these 12 bytes u32
 *   payload                  entries: term u64 | index u64 | data bytes u32 | data;
 *                            padded with ff to a multiple of 16
 *
 * Numbers are little endian. The header has a sum of its own so that a flipped bit in the length is
 * not taken for a frame that ran out of file. Frames begin at multiples of 16 and padding is never
 * zero, so no intact frame has an all-zero share of a disk sector: a frame with a wrong sum and
 * such a share was being written when the machine stopped, any other was damaged later.
 */
import { crc32 } from 'node:zlib';
import type { LogEntry, LogIndex, Term } from './entry.ts';

const FILE_MAGIC = 'HAWSRWAL';
const FILE_VERSION = 1;
export const FILE_HEADER_BYTES = 32;
const FRAME_MAGIC = 0x3146_4c57;
const FRAME_HEADER_BYTES = 16;
const ENTRY_HEADER_BYTES = 20;
const ALIGNMENT = 16;
const SECTOR_BYTES = 512;

export function encodeFileHeader(firstIndex: LogIndex): Buffer {
  const bytes = Buffer.alloc(FILE_HEADER_BYTES, 0xff);
  bytes.write(FILE_MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(FILE_VERSION, 8);
  bytes.writeUInt32LE(0, 12);
  bytes.writeBigUInt64LE(BigInt(firstIndex), 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 24)), 24);
  return bytes;
}

/** Bytes that `entries` take in a file. */
export function frameBytes(entries: readonly LogEntry[]): number {
  const payload = entries.reduce((sum, entry) => sum + ENTRY_HEADER_BYTES + entry.data.length, 0);
  return FRAME_HEADER_BYTES + padded(payload);
}

export function encodeFrame(entries: readonly LogEntry[]): Buffer {
  const bytes = Buffer.alloc(frameBytes(entries), 0xff);
  let at = FRAME_HEADER_BYTES;
  for (const entry of entries) {
    bytes.writeBigUInt64LE(BigInt(entry.term), at);
    bytes.writeBigUInt64LE(BigInt(entry.index), at + 8);
    bytes.writeUInt32LE(entry.data.length, at + 16);
    entry.data.copy(bytes, at + ENTRY_HEADER_BYTES);
    at += ENTRY_HEADER_BYTES + entry.data.length;
  }
  bytes.writeUInt32LE(FRAME_MAGIC, 0);
  bytes.writeUInt32LE(at - FRAME_HEADER_BYTES, 4);
  bytes.writeUInt32LE(crc32(bytes.subarray(FRAME_HEADER_BYTES)), 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12);
  return bytes;
}

/** How a segment's bytes end. `goodBytes` is the length up to which every frame is intact. */
export type ScanEnd =
  | { readonly kind: 'clean' }
  | { readonly kind: 'torn' }
  | { readonly kind: 'damaged'; readonly offset: number; readonly reason: string };

export interface Scan {
  readonly firstIndex: LogIndex;
  readonly entries: LogEntry[];
  readonly goodBytes: number;
  readonly end: ScanEnd;
}

/** Reads a whole segment. Never throws: damage is a value. */
export function scanSegment(bytes: Buffer): Scan {
  const header = scanFileHeader(bytes);
  if (typeof header === 'string') {
    const end: ScanEnd = { kind: 'damaged', offset: 0, reason: header };
    return { firstIndex: 0 as LogIndex, entries: [], goodBytes: 0, end };
  }
  const entries: LogEntry[] = [];
  let at = FILE_HEADER_BYTES;
  let end: ScanEnd = { kind: 'clean' };
  while (at < bytes.length) {
    const frame = scanFrame(bytes, at, header + entries.length);
    if (frame.kind !== 'intact') {
      end = frame;
      break;
    }
    // Not spread into push: a frame may hold more entries than a call takes arguments.
    for (const entry of frame.entries) entries.push(entry);
    at = frame.next;
  }
  return { firstIndex: header as LogIndex, entries, goodBytes: at, end };
}

function scanFileHeader(bytes: Buffer): number | string {
  if (bytes.length < FILE_HEADER_BYTES) return 'the file header is cut short';
  if (bytes.toString('latin1', 0, 8) !== FILE_MAGIC) return 'it does not begin as a log segment';
  if (bytes.readUInt32LE(24) !== crc32(bytes.subarray(0, 24)))
    return "the file header's checksum is wrong";
  const version = bytes.readUInt32LE(8);
  if (version !== FILE_VERSION) return `version ${version} of the format is not known here`;
  return Number(bytes.readBigUInt64LE(16));
}

type FrameScan =
  | { readonly kind: 'intact'; readonly entries: LogEntry[]; readonly next: number }
  | Exclude<ScanEnd, { readonly kind: 'clean' }>;

function scanFrame(bytes: Buffer, at: number, firstIndex: number): FrameScan {
  const body = at + FRAME_HEADER_BYTES;
  if (body > bytes.length) return { kind: 'torn' };
  const isHeaderGood =
    bytes.readUInt32LE(at) === FRAME_MAGIC &&
    bytes.readUInt32LE(at + 12) === crc32(bytes.subarray(at, at + 12));
  if (!isHeaderGood) {
    if (hasZeroSector(bytes, at, body)) return { kind: 'torn' };
    return { kind: 'damaged', offset: at, reason: "a record header's checksum is wrong" };
  }
  const payloadBytes = bytes.readUInt32LE(at + 4);
  const next = body + padded(payloadBytes);
  if (next > bytes.length) return { kind: 'torn' };
  if (bytes.readUInt32LE(at + 8) !== crc32(bytes.subarray(body, next))) {
    const isLast = next === bytes.length;
    if (isLast && hasZeroSector(bytes, at, next)) return { kind: 'torn' };
    return { kind: 'damaged', offset: at, reason: "a record's checksum is wrong" };
  }
  const entries = decodeEntries(bytes.subarray(body, body + payloadBytes), firstIndex);
  if (entries === undefined)
    return { kind: 'damaged', offset: at, reason: 'entries are not in sequence' };
  return { kind: 'intact', entries, next };
}

function decodeEntries(payload: Buffer, firstIndex: number): LogEntry[] | undefined {
  const entries: LogEntry[] = [];
  let at = 0;
  while (at < payload.length) {
    const body = at + ENTRY_HEADER_BYTES;
    if (body > payload.length) return undefined;
    const end = body + payload.readUInt32LE(at + 16);
    const index = Number(payload.readBigUInt64LE(at + 8));
    if (end > payload.length || index !== firstIndex + entries.length) return undefined;
    const term = Number(payload.readBigUInt64LE(at)) as Term;
    entries.push({ term, index: index as LogIndex, data: payload.subarray(body, end) });
    at = end;
  }
  return entries;
}

/**
 * Whether the share of any disk sector in `[from, to)` is all zero: space that was given out and
 * never written.
 */
function hasZeroSector(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to;) {
    const end = Math.min(to, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    if (bytes.subarray(at, end).every((byte) => byte === 0)) return true;
    at = end;
  }
  return false;
}

function padded(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}
