import { DnsError } from '../errors.ts';
import {
  MESSAGE_BYTES_MAX,
  RecordType,
  type Edns,
  type Header,
  type Message,
  type RecordData,
  type ResourceRecord,
} from './message.ts';
import { WireWriter } from './writer.ts';

const OPT_BYTES = 11;
const ANSWER_COUNT_OFFSET = 6;

/**
 * Writes a message of at most `bytesMax` bytes, names compressed.
 *
 * Records that do not fit are left out from the first such one on, and TC is set (RFC 2181 §9). The
 * OPT record always finds room. Throws `DnsError` for a name that is none, and when not even
 * header, question and OPT fit.
 */
export function encodeMessage(message: Message, bytesMax: number = MESSAGE_BYTES_MAX): Uint8Array {
  const limit = Math.min(bytesMax, MESSAGE_BYTES_MAX);
  const { edns } = message;
  const recordsEnd = limit - (edns === undefined ? 0 : OPT_BYTES + edns.options.length);
  const writer = new WireWriter();
  writeHeader(writer, message);
  for (const question of message.questions) {
    writer.name(question.name);
    writer.u16(question.type);
    writer.u16(question.class);
  }
  if (writer.position > recordsEnd) {
    throw new DnsError({ code: 'oversized', limit }, `no DNS message fits in ${limit} bytes`);
  }
  const isWhole = writeSections(writer, message, recordsEnd);
  if (!isWhole) writer.u16At(2, flagsOf({ ...message.header, isTruncated: true }));
  if (edns !== undefined) writeOpt(writer, edns, message.header.rcode >>> 4);
  return writer.finish();
}

function writeHeader(writer: WireWriter, message: Message): void {
  writer.u16(message.header.id);
  writer.u16(flagsOf(message.header));
  writer.u16(message.questions.length);
  writer.u16(message.answers.length);
  writer.u16(message.authorities.length);
  writer.u16(message.additionals.length + (message.edns === undefined ? 0 : 1));
}

function flagsOf(header: Header): number {
  return (
    (header.isResponse ? 0x8000 : 0) |
    ((header.opcode & 15) << 11) |
    (header.isAuthoritative ? 0x0400 : 0) |
    (header.isTruncated ? 0x0200 : 0) |
    (header.isRecursionDesired ? 0x0100 : 0) |
    (header.isRecursionAvailable ? 0x0080 : 0) |
    (header.isAuthenticData ? 0x0020 : 0) |
    (header.isCheckingDisabled ? 0x0010 : 0) |
    (header.rcode & 15)
  );
}

/** Whether everything fitted; the counts in the header say what did. */
function writeSections(writer: WireWriter, message: Message, end: number): boolean {
  const sections = [message.answers, message.authorities, message.additionals];
  const optRecords = message.edns === undefined ? 0 : 1;
  let isWhole = true;
  sections.forEach((records, index) => {
    const written = isWhole ? writeRecords(writer, records, end) : 0;
    isWhole &&= written === records.length;
    const extra = index === 2 ? optRecords : 0;
    writer.u16At(ANSWER_COUNT_OFFSET + 2 * index, written + extra);
  });
  return isWhole;
}

function writeRecords(writer: WireWriter, records: readonly ResourceRecord[], end: number): number {
  for (const [index, record] of records.entries()) {
    const start = writer.position;
    writeRecord(writer, record);
    if (writer.position > end) {
      writer.rewind(start);
      return index;
    }
  }
  return records.length;
}

function writeRecord(writer: WireWriter, record: ResourceRecord): void {
  const { data } = record;
  writer.name(record.name);
  writer.u16(data.kind === 'other' ? data.type : RecordType[data.kind]);
  writer.u16(record.class);
  writer.u32(record.ttl);
  const lengthOffset = writer.position;
  writer.u16(0);
  writeData(writer, data);
  writer.u16At(lengthOffset, writer.position - lengthOffset - 2);
}

function writeData(writer: WireWriter, data: RecordData): void {
  switch (data.kind) {
    case 'A':
      return writer.u32(data.address);
    case 'AAAA':
      return writer.raw(data.address);
    case 'PTR':
      return writer.name(data.target);
    case 'SRV':
      writer.u16(data.priority);
      writer.u16(data.weight);
      writer.u16(data.port);
      return writer.plainName(data.target);
    case 'other':
      return writer.raw(data.bytes);
  }
}

function writeOpt(writer: WireWriter, edns: Edns, extendedRcode: number): void {
  writer.name('');
  writer.u16(RecordType.OPT);
  writer.u16(edns.udpBytes);
  writer.u32(((extendedRcode << 24) | (edns.version << 16) | (edns.isDnssecOk ? 0x8000 : 0)) >>> 0);
  writer.u16(edns.options.length);
  writer.raw(edns.options);
}
