/**
 * Work on messages that stay as they are: what a forwarder needs to know of an upstream's answer,
 * and the two changes it makes to it. Bytes it has no business with pass through untouched,
 * whatever types they hold.
 */
import { DnsError } from '../errors.ts';
import { HEADER_BYTES, MESSAGE_BYTES_MAX, RecordType } from './message.ts';
import { WireReader, copyOf } from './reader.ts';

const TRUNCATED_FLAG = 0x02;

/**
 * Where the only question of a message ends. Throws `DnsError` unless it has exactly one,
 * uncompressed.
 */
export function questionEnd(bytes: Uint8Array): number {
  const reader = new WireReader(bytes, 4);
  if (reader.u16() !== 1) {
    throw new DnsError(
      { code: 'oversized', limit: 1 },
      'a message of exactly one question expected',
    );
  }
  reader.position = HEADER_BYTES;
  reader.skipName();
  reader.skip(4);
  return reader.position;
}

/** Whether both ask the same: one question each, alike but for the case of letters in the name. */
export function isSameQuestion(one: Uint8Array, other: Uint8Array): boolean {
  const end = questionEnd(one);
  if (questionEnd(other) !== end) return false;
  for (let at = HEADER_BYTES; at < end - 4; at += 1) {
    if (lowerCase(one[at] as number) !== lowerCase(other[at] as number)) return false;
  }
  for (let at = end - 4; at < end; at += 1) {
    if (one[at] !== other[at]) return false;
  }
  return true;
}

/** The same message under another id. */
export function withId(bytes: Uint8Array, id: number): Uint8Array {
  const copy = copyOf(bytes);
  copy[0] = id >>> 8;
  copy[1] = id & 255;
  return copy;
}

/**
 * An upstream's answer as the client must see it: its own id, its own question letter by letter,
 * and no more than `bytesMax` bytes (whole records from the front and the OPT record; TC set if any
 * is left out). Precondition: `isSameQuestion(answer, query)`. Throws `DnsError` for an answer that
 * would have to be cut but is broken.
 */
export function answerFor(query: Uint8Array, answer: Uint8Array, bytesMax: number): Uint8Array {
  const limit = Math.min(bytesMax, MESSAGE_BYTES_MAX);
  const fitting = answer.length <= limit ? copyOf(answer) : truncateMessage(answer, limit);
  fitting.set(query.subarray(0, 2));
  fitting.set(query.subarray(HEADER_BYTES, questionEnd(query)), HEADER_BYTES);
  return fitting;
}

/** Leaves out records, from the first that does not fit on, but never the OPT record; sets TC. */
export function truncateMessage(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const layout = walkRecords(bytes);
  const limit = bytesMax - layout.opt.length;
  let end = layout.questionEnd;
  const counts = [0, 0, layout.opt.length > 0 ? 1 : 0];
  for (const record of layout.records) {
    if (record.end > limit || record.section > 1) break;
    counts[record.section] = (counts[record.section] as number) + 1;
    end = record.end;
  }
  if (end > limit) {
    throw new DnsError({ code: 'oversized', limit: bytesMax }, `question needs ${end} bytes`);
  }
  const cut = new Uint8Array(end + layout.opt.length);
  cut.set(bytes.subarray(0, end));
  cut.set(layout.opt, end);
  cut[2] = (cut[2] as number) | TRUNCATED_FLAG;
  const view = new DataView(cut.buffer);
  counts.forEach((count, section) => view.setUint16(6 + 2 * section, count));
  return cut;
}

interface RecordSpan {
  /** 0 answers, 1 authorities, 2 additionals. */
  readonly section: number;
  readonly end: number;
}

interface Layout {
  readonly questionEnd: number;
  readonly records: readonly RecordSpan[];
  /** The OPT record's bytes; empty when there is none. */
  readonly opt: Uint8Array;
}

function walkRecords(bytes: Uint8Array): Layout {
  const end = questionEnd(bytes);
  const reader = new WireReader(bytes, 6);
  const counts = [reader.u16(), reader.u16(), reader.u16()];
  const records: RecordSpan[] = [];
  let opt: Uint8Array = new Uint8Array();
  reader.position = end;
  counts.forEach((count, section) => {
    for (let index = 0; index < count; index += 1) {
      const start = reader.position;
      if (skipRecord(reader) === RecordType.OPT) opt = bytes.subarray(start, reader.position);
      records.push({ section, end: reader.position });
    }
  });
  return { questionEnd: end, records, opt };
}

/** The record's type. */
function skipRecord(reader: WireReader): number {
  reader.skipName();
  const type = reader.u16();
  reader.skip(6);
  reader.skip(reader.u16());
  return type;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}
