/**
 * What every file of the log begins with.
 *
 *   magic 8 bytes | major u16 | minor u16 | CRC-32 of these 12 bytes u32
 *   head bytes u32 | flags u32 (1: sealed) | salt u32 | fields bytes u32 | key check bytes u32
 *   | fields | key check | padding of ff | CRC-32 of the head before it u32
 *
 * Numbers are big endian; a head is a multiple of 32 bytes. The first line stays the same in every
 * version, so that a file of a later one is refused by name. The upgrade rule: what an older
 * release may ignore raises the minor version, anything else the major one, which that release
 * refuses. The key check is a known text, sealed: it tells a wrong key from damage. Version 1 had
 * the version as a little endian u32 in the same place.
 */
import { crc32 } from 'node:zlib';
import { damaged, unknownFormat, wrongKey } from './refusals.ts';

/** Seals what lies on the disk with a key that is kept elsewhere (AES-256-GCM). */
export interface LogSeal {
  /** By how much `seal` makes bytes longer. */
  readonly overheadBytes: number;
  seal(bytes: Uint8Array): Buffer;
  /** `undefined` when they were not sealed with this key, or changed since. */
  open(bytes: Uint8Array): Buffer | undefined;
}

export interface FileHead {
  readonly salt: number;
  readonly isSealed: boolean;
  /** What this kind of file has beside. */
  readonly fields: Buffer;
  /** Of the head itself: where the rest begins. */
  readonly headBytes: number;
}

export type Magic = 'HAWSRWAL' | 'HAWSRSNP';

const MAJOR = 2;
const MINOR = 0;
const PREAMBLE_BYTES = 16;
const FIXED_BYTES = PREAMBLE_BYTES + 20;
const SUM_BYTES = 4;
const ALIGNMENT = 32;
const SEALED = 1;
const KEY_CHECK = Buffer.from('this key opens it');
/** No head is longer: fourteen members with the longest ids, and room to grow. */
export const HEAD_BYTES_MAX = 8192;

export function encodeHead(
  magic: Magic,
  head: { readonly salt: number; readonly fields: Uint8Array; readonly seal?: LogSeal | undefined },
): Buffer {
  const { salt, fields, seal } = head;
  const keyCheck = seal?.seal(KEY_CHECK) ?? Buffer.alloc(0);
  const used = FIXED_BYTES + fields.length + keyCheck.length + SUM_BYTES;
  const bytes = Buffer.alloc(Math.ceil(used / ALIGNMENT) * ALIGNMENT, 0xff);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt16BE(MAJOR, 8);
  bytes.writeUInt16BE(MINOR, 10);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 12)), 12);
  bytes.writeUInt32BE(bytes.length, 16);
  bytes.writeUInt32BE(seal === undefined ? 0 : SEALED, 20);
  bytes.writeUInt32BE(salt, 24);
  bytes.writeUInt32BE(fields.length, 28);
  bytes.writeUInt32BE(keyCheck.length, 32);
  bytes.set(fields, FIXED_BYTES);
  bytes.set(keyCheck, FIXED_BYTES + fields.length);
  const sumAt = bytes.length - SUM_BYTES;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, sumAt)), sumAt);
  return bytes;
}

/**
 * Reads the head at the beginning of `bytes`, of which `HEAD_BYTES_MAX` suffice. Throws
 * `ClusterError`: damaged, unknown-format or wrong-key, each with `file`.
 */
export function decodeHead(
  bytes: Buffer,
  magic: Magic,
  from: { readonly file: string; readonly seal?: LogSeal | undefined },
): FileHead {
  const { file, seal } = from;
  requireVersion(bytes, magic, file);
  const headBytes = bytes.length < FIXED_BYTES ? 0 : bytes.readUInt32BE(16);
  if (headBytes < FIXED_BYTES + SUM_BYTES || headBytes > Math.min(bytes.length, HEAD_BYTES_MAX))
    throw damaged(file, 0, 'its head is cut short');
  const sumAt = headBytes - SUM_BYTES;
  if (bytes.readUInt32BE(sumAt) !== crc32(bytes.subarray(0, sumAt)))
    throw damaged(file, 0, "its head's checksum is wrong");
  const keyCheckAt = FIXED_BYTES + bytes.readUInt32BE(28);
  const end = keyCheckAt + bytes.readUInt32BE(32);
  if (end > sumAt) throw damaged(file, 0, 'its head is not in order');
  const isSealed = (bytes.readUInt32BE(20) & SEALED) !== 0;
  if (isSealed && seal?.open(bytes.subarray(keyCheckAt, end))?.equals(KEY_CHECK) !== true)
    throw wrongKey(file, seal !== undefined);
  const fields = bytes.subarray(FIXED_BYTES, keyCheckAt);
  return { salt: bytes.readUInt32BE(24), isSealed, fields, headBytes };
}

function requireVersion(bytes: Buffer, magic: Magic, file: string): void {
  if (bytes.length < PREAMBLE_BYTES) throw damaged(file, 0, 'its head is cut short');
  if (bytes.toString('latin1', 0, 8) !== magic)
    throw damaged(file, 0, 'it does not begin as a file of the log');
  if (bytes.readUInt32LE(8) === 1) throw unknownFormat(file, 1);
  if (bytes.readUInt32BE(12) !== crc32(bytes.subarray(0, 12)))
    throw damaged(file, 0, "its version's checksum is wrong");
  const major = bytes.readUInt16BE(8);
  if (major !== MAJOR) throw unknownFormat(file, major);
}
