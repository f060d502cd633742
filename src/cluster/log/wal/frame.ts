/**
 * Frames: one for each write, one after the other behind a segment's head. Space behind the last
 * one is zero, if there is any: it was written ahead, so that a write need not grow the file.
 *
 *   header, 32 bytes   CRC-32 of the whole frame after this field u32
 *                      | CRC-32 of the header after this field u32 | "WLF2" | payload bytes u32
 *                      | frame number u64 | the segment's salt u32 | zero shares u32
 *   payload            records, or records sealed; padded with ff to a multiple of 32
 *
 * Numbers are big endian. Frames are numbered from 0 without gaps through all segments, so that a
 * lost one is missed. Only the last frame can be half written, and nobody was told that it is
 * there. What a crash leaves of it: a disk writes whole sectors, so each sector's share of the
 * frame is there, or is zero as before, or lies beyond the file's end. How many shares are zero in
 * the intact frame stands in its header; a last frame with a wrong sum is torn if it has more, and
 * damaged if not. Frames lie on multiples of 32, so a header is whole or not there at all; when it
 * is not, nothing behind it may be a frame. The salt keeps users' data from passing for one.
 */
import { crc32 } from 'node:zlib';

export const FRAME_HEADER_BYTES = 32;
export const FRAME_ALIGNMENT = 32;
const SUMMED_FROM = 4;
const HEADER_SUMMED_FROM = 8;
const MAGIC = 0x574c_4632;
const SECTOR_BYTES = 512;
const ZEROS = Buffer.alloc(64 << 10);

export interface FrameSpot {
  /** Where in the file it begins. A multiple of 32. */
  readonly position: number;
  readonly number: number;
  readonly salt: number;
}

/** Bytes of the file that a payload of this length takes. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + Math.ceil(payloadBytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

export function encodeFrame(payload: Uint8Array, spot: FrameSpot): Buffer {
  const bytes = Buffer.allocUnsafe(frameBytes(payload.length));
  bytes.set(payload, FRAME_HEADER_BYTES);
  bytes.fill(0xff, FRAME_HEADER_BYTES + payload.length);
  bytes.writeUInt32BE(MAGIC, 8);
  bytes.writeUInt32BE(payload.length, 12);
  bytes.writeBigUInt64BE(BigInt(spot.number), 16);
  bytes.writeUInt32BE(spot.salt, 24);
  // The share with the header in it is not zero, whatever stands in these fields.
  bytes.writeUInt32BE(zeroShares(bytes, spot.position), 28);
  bytes.writeUInt32BE(crc32(bytes.subarray(HEADER_SUMMED_FROM, FRAME_HEADER_BYTES)), 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(SUMMED_FROM)), 0);
  return bytes;
}

export type FrameScan =
  | { readonly kind: 'intact'; readonly payload: Buffer; readonly next: number }
  /** No frame here, and nothing but zeros from here on. */
  | { readonly kind: 'end' }
  /** A frame that was being written when the machine stopped. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'damaged'; readonly reason: string };

/**
 * Looks at `spot` in a whole file, for a frame of any number if `spot` has none. Never throws:
 * damage is a value.
 */
export function scanFrame(
  file: Buffer,
  spot: Omit<FrameSpot, 'number'> & { readonly number: number | undefined },
): FrameScan {
  const at = spot.position;
  const body = at + FRAME_HEADER_BYTES;
  if (body > file.length) return { kind: isZero(file, at) ? 'end' : 'torn' };
  const next = body + frameBytes(file.readUInt32BE(at + 12)) - FRAME_HEADER_BYTES;
  const isIntact =
    file.readUInt32BE(at + 8) === MAGIC &&
    file.readUInt32BE(at + 24) === spot.salt &&
    next <= file.length &&
    file.readUInt32BE(at) === crc32(file.subarray(at + SUMMED_FROM, next));
  if (!isIntact) return whyNot(file, spot);
  const number = Number(file.readBigUInt64BE(at + 16));
  if (spot.number !== undefined && number !== spot.number)
    return { kind: 'damaged', reason: `frame ${spot.number} is missing before frame ${number}` };
  const payload = file.subarray(body, body + file.readUInt32BE(at + 12));
  return { kind: 'intact', payload, next };
}

/** The number of the intact frame at `position`. */
export function frameNumber(file: Buffer, position: number): number {
  return Number(file.readBigUInt64BE(position + 16));
}

function whyNot(file: Buffer, { position, salt }: Omit<FrameSpot, 'number'>): FrameScan {
  if (isHeader(file, position, salt)) return whyNotBody(file, position);
  const body = position + FRAME_HEADER_BYTES;
  if (isZero(file.subarray(0, body), position)) {
    if (isZero(file, body)) return { kind: 'end' };
    if (!hasHeader(file, body, salt)) return { kind: 'torn' };
    return { kind: 'damaged', reason: 'a frame is missing before an intact one' };
  }
  // A frame is never so short that nothing follows its header.
  if (isZero(file, body)) return { kind: 'torn' };
  return { kind: 'damaged', reason: "a frame header's checksum is wrong" };
}

function whyNotBody(file: Buffer, position: number): FrameScan {
  const next = position + frameBytes(file.readUInt32BE(position + 12));
  if (next > file.length) return { kind: 'torn' };
  const zero = zeroShares(file.subarray(position, next), position);
  if (isZero(file, next) && zero > file.readUInt32BE(position + 28)) return { kind: 'torn' };
  return { kind: 'damaged', reason: "a frame's checksum is wrong" };
}

function isHeader(file: Buffer, at: number, salt: number): boolean {
  if (file.readUInt32BE(at + 8) !== MAGIC || file.readUInt32BE(at + 24) !== salt) return false;
  const summed = file.subarray(at + HEADER_SUMMED_FROM, at + FRAME_HEADER_BYTES);
  return file.readUInt32BE(at + 4) === crc32(summed);
}

function hasHeader(file: Buffer, from: number, salt: number): boolean {
  for (let at = from; at + FRAME_HEADER_BYTES <= file.length; at += FRAME_ALIGNMENT)
    if (isHeader(file, at, salt)) return true;
  return false;
}

/** In how many sectors the share of a frame that begins at `position` is all zero. */
function zeroShares(frame: Buffer, position: number): number {
  let count = 0;
  for (let at = 0; at < frame.length;) {
    const end = Math.min(frame.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
    if (frame[at] === 0 && frame.compare(ZEROS, 0, end - at, at, end) === 0) count += 1;
    at = end;
  }
  return count;
}

function isZero(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += ZEROS.length) {
    const end = Math.min(bytes.length, at + ZEROS.length);
    if (bytes.compare(ZEROS, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}
