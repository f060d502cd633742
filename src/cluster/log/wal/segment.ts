/**
 * Segments: files `wal-<sequence>.log` with frames behind a head. The next one is made ahead of
 * time and filled with zeros, so that a write changes bytes and nothing else: the file system then
 * has no length or extents to make durable with them.
 */
import { join } from 'node:path';
import type { Logger } from '../../../base/index.ts';
import { replaceFileWith, type Disk, type DiskFile } from '../disk.ts';
import { decodeHead, encodeHead, type LogSeal } from '../file-head.ts';
import { damaged } from '../refusals.ts';
import { encodeFrame } from './frame.ts';

export interface WalOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly seal?: LogSeal | undefined;
  /** A segment is as long as this, longer only for a single frame that is. */
  readonly segmentBytes: number;
  /** A random number in `[0, 2^32)`. */
  readonly salt: () => number;
}

/** A segment that is or will be written to. */
export interface OpenSegment {
  readonly path: string;
  readonly sequence: number;
  readonly file: DiskFile;
  readonly salt: number;
  /** Whether its frames are sealed. */
  readonly isSealed: boolean;
  readonly headBytes: number;
  /** How far its zeros reach; beyond, writes make the file longer. */
  readonly capacityBytes: number;
}

const ZEROS_AT_A_TIME = 1 << 20;

export function segmentName(sequence: number): string {
  return `wal-${sequence.toString(16).padStart(16, '0')}.log`;
}

/** `undefined` for the name of anything else. */
export function sequenceOf(name: string): number | undefined {
  const digits = /^wal-(?<sequence>[0-9a-f]{16})\.log$/.exec(name)?.groups?.['sequence'];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

export interface NewSegment {
  readonly sequence: number;
  /** Of its frame 0, if it begins with one. */
  readonly payload?: Buffer;
  /** How far to fill it with zeros. */
  readonly capacityBytes: number;
}

/** Makes it durable as a whole, name and all. */
export async function createSegment(options: WalOptions, made: NewSegment): Promise<OpenSegment> {
  const { directory, disk, seal } = options;
  const { sequence, payload } = made;
  const path = join(directory, segmentName(sequence));
  const salt = options.salt();
  const fields = Buffer.alloc(8);
  fields.writeBigUInt64BE(BigInt(sequence));
  const head = encodeHead('HAWSRWAL', { salt, fields, seal });
  const frame =
    payload === undefined
      ? Buffer.alloc(0)
      : encodeFrame(payload, { position: head.length, number: 0, salt });
  const begin = Buffer.concat([head, frame]);
  await replaceFileWith(disk, path, async (file) => {
    await file.write(begin, 0);
    await writeZeros(file, begin.length, made.capacityBytes);
  });
  const capacityBytes = Math.max(made.capacityBytes, begin.length);
  const file = await disk.open(path, 'durable');
  const isSealed = seal !== undefined;
  return { path, sequence, file, salt, isSealed, headBytes: head.length, capacityBytes };
}

/** In pieces that are made durable one by one, so that the log's writes are not held up. */
async function writeZeros(file: DiskFile, from: number, to: number): Promise<void> {
  const zeros = Buffer.alloc(Math.max(0, Math.min(ZEROS_AT_A_TIME, to - from)));
  for (let at = from; at < to; at += zeros.length) {
    await file.write(zeros.subarray(0, to - at), at);
    await file.sync();
  }
}

export interface SegmentHead {
  readonly salt: number;
  readonly isSealed: boolean;
  readonly headBytes: number;
}

/** Throws `ClusterError`: damaged, unknown-format or wrong-key. */
export function decodeSegmentHead(
  bytes: Buffer,
  from: {
    readonly file: string;
    readonly sequence: number;
    readonly seal: LogSeal | undefined;
  },
): SegmentHead {
  const { salt, isSealed, headBytes, fields } = decodeHead(bytes, 'HAWSRWAL', from);
  const isNamedRight = fields.length >= 8 && fields.readBigUInt64BE(0) === BigInt(from.sequence);
  if (!isNamedRight) throw damaged(from.file, 0, 'its name is not that of its sequence');
  return { salt, isSealed, headBytes };
}
