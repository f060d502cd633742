import type { NetworkId, NodeId } from '../../../model/index.ts';
import { GossipError, rangeError } from '../../errors.ts';
import { ByteReader } from '../../wire/bytes.ts';
import { MESSAGE_BYTES_MAX, NAME_BYTES_MAX, TABLE_LIMITS } from '../limits.ts';
import type { LamportTime, Row, RowKind } from '../rows/row.ts';
import { DIGEST_FLAGS, SECTION_FLAGS, TABLE_MESSAGE_TYPES, TABLE_WIRE_VERSION } from './encode.ts';
import { readList, readRecord, readVarint } from './fields.ts';
import type {
  Digest,
  DigestEntry,
  NewsItem,
  PullEntry,
  Section,
  TableMessage,
} from './messages.ts';

/** The least that items take: what a count promises must fit into the rest of the message. */
const RECORD_BYTES_MIN = 2;
const SECTION_BYTES_MIN = 3;

/**
 * A message from another node's bytes; nothing of it points into `bytes`. Throws `GossipError`.
 */
export function decodeTableMessage(bytes: Uint8Array): TableMessage {
  if (bytes.length > MESSAGE_BYTES_MAX) throw rangeError('bytes');
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== TABLE_WIRE_VERSION)
    throw new GossipError({ code: 'version', version }, `tables' message of version ${version}`);
  const type = reader.u8();
  return readFields(reader, type, readName(reader, 'network') as NetworkId);
}

function readFields(reader: ByteReader, type: number, networkId: NetworkId): TableMessage {
  switch (type) {
    case TABLE_MESSAGE_TYPES.news:
      return { kind: 'news', networkId, items: readList(reader, RECORD_BYTES_MIN, readNewsItem) };
    case TABLE_MESSAGE_TYPES.digest:
      return readDigest(reader, networkId);
    case TABLE_MESSAGE_TYPES.pull:
      return { kind: 'pull', networkId, entries: readPulls(reader) };
    case TABLE_MESSAGE_TYPES.rows: {
      const rest = readPulls(reader);
      const sections = readList(reader, SECTION_BYTES_MIN, readSection);
      return { kind: 'rows', networkId, sections, rest };
    }
    default:
      throw rangeError('type');
  }
}

function readNewsItem(list: ByteReader): NewsItem {
  const reader = readRecord(list);
  const owner = readOwner(reader);
  const row = readRow(reader);
  const since = row.time - readVarint(reader, 'since');
  if (since < 0 || since === row.time) throw rangeError('since');
  return { owner, since: since as LamportTime, row };
}

function readDigest(reader: ByteReader, networkId: NetworkId): Digest {
  const flags = reader.u8();
  const range = readRange(reader, flags);
  const entries = readList(reader, RECORD_BYTES_MIN, readDigestEntry);
  return { kind: 'digest', networkId, ...(range && { range }), entries };
}

function readRange(reader: ByteReader, flags: number): Digest['range'] {
  const { wantsAnswer, after, through } = DIGEST_FLAGS;
  if (flags > (wantsAnswer | after | through)) throw rangeError('flags');
  if ((flags & wantsAnswer) === 0 && flags !== 0) throw rangeError('flags');
  if (flags === 0) return undefined;
  const first = (flags & after) === 0 ? undefined : readOwner(reader);
  const last = (flags & through) === 0 ? undefined : readOwner(reader);
  return { ...(first && { after: first }), ...(last && { through: last }) };
}

function readDigestEntry(list: ByteReader): DigestEntry {
  const reader = readRecord(list);
  const owner = readOwner(reader);
  const mark = readTime(reader, 'mark');
  return { owner, mark, count: readVarint(reader, 'rows'), hash: reader.u32() };
}

function readPulls(reader: ByteReader): readonly PullEntry[] {
  return readList(reader, RECORD_BYTES_MIN, (list) => {
    const record = readRecord(list);
    const owner = readOwner(record);
    const since = readTime(record, 'since');
    return { owner, since, sweep: readTime(record, 'sweep') };
  });
}

function readSection(list: ByteReader): Section {
  const reader = readRecord(list);
  const owner = readOwner(reader);
  const flags = reader.u8();
  if (flags > (SECTION_FLAGS.sweep | SECTION_FLAGS.last)) throw rangeError('flags');
  const since = readTime(reader, 'since');
  const through = readTime(reader, 'through');
  if (through < since) throw rangeError('through');
  const floor = readTime(reader, 'floor');
  const rows = readList(list, RECORD_BYTES_MIN, (inner) => readRow(readRecord(inner)));
  const isSweep = (flags & SECTION_FLAGS.sweep) !== 0;
  const isLast = (flags & SECTION_FLAGS.last) !== 0;
  return { owner, isSweep, since, through, floor, isLast, rows };
}

function readRow(reader: ByteReader): Row {
  const kind = reader.u8() as RowKind;
  const key = readName(reader, 'key');
  const time = readTime(reader, 'time');
  if (time === 0) throw rangeError('time');
  const length = readVarint(reader, 'value');
  if (length > TABLE_LIMITS.valueBytesMax + 1) throw rangeError('value');
  return { kind, key, time, value: length === 0 ? undefined : reader.raw(length - 1) };
}

function readTime(reader: ByteReader, field: string): LamportTime {
  return readVarint(reader, field) as LamportTime;
}

function readOwner(reader: ByteReader): NodeId {
  return readName(reader, 'owner') as NodeId;
}

function readName(reader: ByteReader, field: string): string {
  return reader.text(NAME_BYTES_MAX, field);
}
