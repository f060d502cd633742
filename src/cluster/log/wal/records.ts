/**
 * What a frame says, record by record: all of one write, so that it is there whole or not at all.
 *
 *   record       type u8 | content bytes u32 | content
 *   1 start      index u64 | term u64: the log's end before this write's entries. Stands first in
 *                the first frame of each segment, and in each that replaces entries, so that the
 *                segments before it can go
 *   2 install    salt u32 | a snapshot's meta: the log begins anew after it. The salt stands in
 *                the name of the snapshot's file
 *   3 run        term u64 | first index u64 | each entry: bytes u32 | entry. Entries of one term,
 *                in place of whatever the log holds from the first one's index on
 *   4 hard state
 *   5 commit     index u64
 *
 * Numbers are big endian; entries, metas and hard states are records of raft's wire. Readers skip
 * types that they do not know.
 */
import { assert } from '../../../base/index.ts';
import {
  decodeHardState,
  decodeSnapshotMeta,
  encodeEntry,
  encodeHardState,
  encodeSnapshotMeta,
  type Entry,
  type HardState,
  type LogIndex,
  type SnapshotMeta,
  type Term,
} from '../../../raft/index.ts';

/** Where a log ends: its last entry. */
export interface LogEnd {
  readonly index: LogIndex;
  readonly term: Term;
}

/** A snapshot from elsewhere, or the beginning of a group, which has no file. */
export interface Install {
  readonly salt: number;
  readonly meta: SnapshotMeta;
}

export interface Batch {
  readonly start?: LogEnd | undefined;
  readonly install?: Install | undefined;
  readonly entries: readonly Entry[];
  readonly hardState?: HardState | undefined;
  readonly commit: LogIndex;
}

/** Entries as bytes: `count` of them from `from` on in the payload, each after its length. */
export interface Run {
  readonly term: Term;
  readonly first: LogIndex;
  readonly count: number;
  readonly from: number;
}

export type LogRecord =
  | { readonly kind: 'start'; readonly end: LogEnd }
  | { readonly kind: 'install'; readonly install: Install }
  | { readonly kind: 'run'; readonly run: Run }
  | { readonly kind: 'hard-state'; readonly hardState: HardState }
  | { readonly kind: 'commit'; readonly index: LogIndex };

const TYPES = { start: 1, install: 2, run: 3, hardState: 4, commit: 5 } as const;
const RECORD_HEADER_BYTES = 5;
const RUN_HEADER_BYTES = 16;
const LENGTH_BYTES = 4;
const SALT_BYTES = 4;

interface Part {
  readonly type: number;
  readonly contents: readonly Uint8Array[];
}

export function encodeRecords(batch: Batch): Buffer {
  const parts = partsOf(batch);
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + partBytes(part), 0));
  let at = 0;
  for (const part of parts) {
    bytes.writeUInt8(part.type, at);
    bytes.writeUInt32BE(partBytes(part) - RECORD_HEADER_BYTES, at + 1);
    at += RECORD_HEADER_BYTES;
    for (const content of part.contents) {
      // A run's contents, after its header, are entries.
      if (part.type === TYPES.run && content !== part.contents[0]) {
        bytes.writeUInt32BE(content.length, at);
        at += LENGTH_BYTES;
      }
      bytes.set(content, at);
      at += content.length;
    }
  }
  return bytes;
}

function partBytes({ type, contents }: Part): number {
  let bytes = RECORD_HEADER_BYTES;
  for (const content of contents) bytes += content.length;
  return type === TYPES.run ? bytes + LENGTH_BYTES * (contents.length - 1) : bytes;
}

function partsOf({ start, install, entries, hardState, commit }: Batch): Part[] {
  const parts: Part[] = [];
  if (start !== undefined)
    parts.push({ type: TYPES.start, contents: [numbers(start.index, start.term)] });
  if (install !== undefined) parts.push({ type: TYPES.install, contents: encodeInstall(install) });
  pushRuns(parts, entries);
  if (hardState !== undefined)
    parts.push({ type: TYPES.hardState, contents: [encodeHardState(hardState)] });
  parts.push({ type: TYPES.commit, contents: [numbers(commit)] });
  return parts;
}

function encodeInstall({ salt, meta }: Install): Uint8Array[] {
  const bytes = Buffer.allocUnsafe(SALT_BYTES);
  bytes.writeUInt32BE(salt);
  return [bytes, encodeSnapshotMeta(meta)];
}

function decodeInstall(content: Buffer): Install {
  const meta = decodeSnapshotMeta(content.subarray(SALT_BYTES));
  return { salt: content.readUInt32BE(0), meta };
}

function pushRuns(parts: Part[], entries: readonly Entry[]): void {
  let previous: Entry | undefined;
  let contents: Uint8Array[] = [];
  for (const entry of entries) {
    const { term, index } = entry;
    assert(previous === undefined || index === previous.index + 1, 'entries are in sequence');
    if (term !== previous?.term) {
      contents = [numbers(term, index)];
      parts.push({ type: TYPES.run, contents });
    }
    contents.push(encodeEntry(entry));
    previous = entry;
  }
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(8 * values.length);
  for (const [at, value] of values.entries()) bytes.writeBigUInt64BE(BigInt(value), 8 * at);
  return bytes;
}

/** The records of an intact frame in order, or what is wrong with them. */
export function decodeRecords(payload: Buffer): LogRecord[] | string {
  const records: LogRecord[] = [];
  for (let at = 0; at < payload.length;) {
    const body = at + RECORD_HEADER_BYTES;
    if (body > payload.length) return 'a record is cut short';
    const end = body + payload.readUInt32BE(at + 1);
    if (end > payload.length) return 'a record is longer than its frame';
    const record = decodeRecord(payload, { type: payload.readUInt8(at), from: body, to: end });
    if (typeof record === 'string') return record;
    if (record !== undefined) records.push(record);
    at = end;
  }
  return records;
}

interface Span {
  readonly type: number;
  readonly from: number;
  readonly to: number;
}

function decodeRecord(payload: Buffer, { type, from, to }: Span): LogRecord | string | undefined {
  const content = payload.subarray(from, to);
  try {
    switch (type) {
      case TYPES.start: {
        const end = { index: indexAt(content, 0), term: numberAt(content, 8) as Term };
        return { kind: 'start', end };
      }
      case TYPES.install:
        return { kind: 'install', install: decodeInstall(content) };
      case TYPES.run:
        return decodeRun(content, from);
      case TYPES.hardState:
        return { kind: 'hard-state', hardState: decodeHardState(content) };
      case TYPES.commit:
        return { kind: 'commit', index: indexAt(content, 0) };
      default:
        return undefined;
    }
  } catch (error) {
    return `record ${type} cannot be read: ${error instanceof Error ? error.message : ''}`;
  }
}

function decodeRun(content: Buffer, offset: number): LogRecord | string {
  const term = numberAt(content, 0) as Term;
  const first = indexAt(content, 8);
  let count = 0;
  let at = RUN_HEADER_BYTES;
  for (; at + LENGTH_BYTES <= content.length; count += 1)
    at += LENGTH_BYTES + content.readUInt32BE(at);
  if (at !== content.length || count === 0) return 'an entry is longer than its record';
  return { kind: 'run', run: { term, first, count, from: offset + RUN_HEADER_BYTES } };
}

function numberAt(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64BE(at));
}

function indexAt(bytes: Buffer, at: number): LogIndex {
  return numberAt(bytes, at) as LogIndex;
}
