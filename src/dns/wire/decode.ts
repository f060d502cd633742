import { ipv4FromNumber } from '../../base/index.ts';
import { DnsError } from '../errors.ts';
import {
  HEADER_BYTES,
  MESSAGE_BYTES_MAX,
  RecordType,
  type Edns,
  type Header,
  type Message,
  type Question,
  type RecordData,
  type ResourceRecord,
} from './message.ts';
import { WireReader } from './reader.ts';

/**
 * More records than any answer of 64 KiB has use for; queries are held to fewer by their reader.
 */
const RECORDS_MAX = 4096;
const QUESTIONS_MAX = 16;

export interface DecodeLimits {
  /** Questions; 16 unless told. */
  readonly questionsMax?: number;
  /** Records of all sections together; 4,096 unless told. */
  readonly recordsMax?: number;
}

/**
 * Parses a whole message. Throws `DnsError`, never reads outside of `bytes`, keeps nothing of them.
 */
export function decodeMessage(bytes: Uint8Array, limits: DecodeLimits = {}): Message {
  if (bytes.length > MESSAGE_BYTES_MAX) throw oversized(MESSAGE_BYTES_MAX);
  const header = decodeHeader(bytes);
  const reader = new WireReader(bytes, 4);
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  const recordsMax = limits.recordsMax ?? RECORDS_MAX;
  const questionsMax = limits.questionsMax ?? QUESTIONS_MAX;
  if (counts[0] > questionsMax) throw oversized(questionsMax);
  if (counts[1] + counts[2] + counts[3] > recordsMax) throw oversized(recordsMax);
  const questions = Array.from({ length: counts[0] }, () => readQuestion(reader));
  const answers = readRecords(reader, counts[1]);
  const authorities = readRecords(reader, counts[2]);
  const last = readAdditionals(reader, counts[3]);
  if (reader.remaining > 0) throw refused('trailing-bytes', reader.position);
  const message = { questions, answers, authorities, additionals: last.records };
  if (last.opt === undefined) return { header, ...message };
  const rcode = (last.opt.extendedRcode << 4) | header.rcode;
  return { header: { ...header, rcode }, ...message, edns: last.opt.edns };
}

/**
 * Reads the twelve bytes at the front; the response code without its extended bits. Throws
 * `DnsError` when short.
 */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes.length < HEADER_BYTES) throw refused('short', bytes.length);
  const reader = new WireReader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  return {
    id,
    isResponse: (flags & 0x8000) !== 0,
    opcode: (flags >>> 11) & 15,
    isAuthoritative: (flags & 0x0400) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    isRecursionDesired: (flags & 0x0100) !== 0,
    isRecursionAvailable: (flags & 0x0080) !== 0,
    isAuthenticData: (flags & 0x0020) !== 0,
    isCheckingDisabled: (flags & 0x0010) !== 0,
    rcode: flags & 15,
  };
}

function readQuestion(reader: WireReader): Question {
  return { name: reader.name(), type: reader.u16(), class: reader.u16() };
}

interface RawRecord {
  readonly record: ResourceRecord;
  readonly type: number;
  readonly offset: number;
}

function readRecords(reader: WireReader, count: number): ResourceRecord[] {
  return Array.from({ length: count }, () => {
    const { record, type, offset } = readRecord(reader);
    if (type === RecordType.OPT) throw refused('opt', offset);
    return record;
  });
}

interface Opt {
  readonly extendedRcode: number;
  readonly edns: Edns;
}

function readAdditionals(
  reader: WireReader,
  count: number,
): { records: ResourceRecord[]; opt: Opt | undefined } {
  const records: ResourceRecord[] = [];
  let opt: Opt | undefined;
  for (let index = 0; index < count; index += 1) {
    const raw = readRecord(reader);
    if (raw.type !== RecordType.OPT) {
      records.push(raw.record);
      continue;
    }
    if (opt !== undefined || raw.record.name !== '') throw refused('opt', raw.offset);
    opt = optOf(raw.record);
  }
  return { records, opt };
}

function optOf(record: ResourceRecord): Opt {
  const { ttl, data } = record;
  return {
    extendedRcode: ttl >>> 24,
    edns: {
      udpBytes: record.class,
      version: (ttl >>> 16) & 255,
      isDnssecOk: (ttl & 0x8000) !== 0,
      options: data.kind === 'other' ? data.bytes : new Uint8Array(),
    },
  };
}

function readRecord(reader: WireReader): RawRecord {
  const offset = reader.position;
  const name = reader.name();
  const type = reader.u16();
  const recordClass = reader.u16();
  const ttl = reader.u32();
  const length = reader.u16();
  if (length > reader.remaining) throw refused('short', reader.position);
  const end = reader.position + length;
  const data = readData(reader, type, length);
  if (reader.position !== end) throw refused('record-data', offset);
  return { record: { name, class: recordClass, ttl, data }, type, offset };
}

function readData(reader: WireReader, type: number, length: number): RecordData {
  const offset = reader.position;
  switch (type) {
    case RecordType.A:
      if (length !== 4) throw refused('record-data', offset);
      return { kind: 'A', address: ipv4FromNumber(reader.u32()) };
    case RecordType.AAAA:
      if (length !== 16) throw refused('record-data', offset);
      return { kind: 'AAAA', address: reader.slice(16) };
    case RecordType.PTR:
      return { kind: 'PTR', target: reader.name() };
    case RecordType.SRV:
      return {
        kind: 'SRV',
        priority: reader.u16(),
        weight: reader.u16(),
        port: reader.u16(),
        target: reader.name(),
      };
    default:
      return { kind: 'other', type, bytes: reader.slice(length) };
  }
}

function refused(
  code: 'short' | 'record-data' | 'opt' | 'trailing-bytes',
  offset: number,
): DnsError {
  return new DnsError({ code, offset }, `DNS message refused at byte ${offset}: ${code}`);
}

function oversized(limit: number): DnsError {
  return new DnsError({ code: 'oversized', limit }, `DNS message refused: more than ${limit}`);
}
