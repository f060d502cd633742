/**
 * The bytes of the tables' messages.
 *
 *   message  version u8 | type u8 | network text | fields of the type | what later releases add
 *   news     list of records: owner text | row | time - since
 *   digest   flags u8 (1 wants an answer, 2 after, 4 through) | after text, if so
 *            | through text, if so | list of records: owner text | mark | rows | hash u32
 *   pull     pulls
 *   rows     pulls, for what did not fit | list of sections
 *   pulls    list of records: owner text | since | sweep
 *   section  record: owner text | flags u8 (1 sweep, 2 last) | since | through | floor
 *            | list of records: row
 *   row      kind u8 | key text | time | 0 for a tombstone, else 1 + length of value | value
 *   list     count | items
 *   record   length u16 | fields | what later releases add
 *   text     length u8, at least 1 | printable ASCII
 *
 * Numbers without a size are varints: 7 bits in each byte, the lowest first, at most 48 bits; sized
 * ones are big endian. A release that adds fields appends them to a record or to the message, where
 * older ones skip them. A type that older ones do not know is refused by them and does no harm.
 * Only what they would misread takes a new version.
 */
import type { NetworkId } from '../../../model/index.ts';
import { ByteWriter } from '../../wire/bytes.ts';
import { NAME_BYTES_MAX } from '../limits.ts';
import type { Row } from '../rows/row.ts';
import { VARINT_BYTES_MAX, writeList, writeRecord, writeVarint } from './fields.ts';
import type { Digest, NewsItem, PullEntry, Rows, Section, TableMessage } from './messages.ts';

export const TABLE_WIRE_VERSION = 1;
export const TABLE_MESSAGE_TYPES = { news: 1, digest: 2, pull: 3, rows: 4 } as const;
export const DIGEST_FLAGS = { wantsAnswer: 1, after: 2, through: 4 } as const;
export const SECTION_FLAGS = { sweep: 1, last: 2 } as const;

const RECORD_LENGTH_BYTES = 2;

/** Upper bounds, for filling messages without encoding anything twice. */
export const bytesMost = {
  /** Everything that does not repeat. */
  head: (networkId: NetworkId): number =>
    2 + 1 + networkId.length + 1 + 2 * (1 + NAME_BYTES_MAX) + 2 * VARINT_BYTES_MAX,
  newsHead: (networkId: NetworkId): number => 2 + 1 + networkId.length + VARINT_BYTES_MAX,
  digestEntry: (owner: string): number =>
    RECORD_LENGTH_BYTES + 1 + owner.length + 2 * VARINT_BYTES_MAX + 4,
  pullEntry: (owner: string): number =>
    RECORD_LENGTH_BYTES + 1 + owner.length + 2 * VARINT_BYTES_MAX,
  sectionHead: (owner: string): number =>
    RECORD_LENGTH_BYTES + 1 + owner.length + 1 + 4 * VARINT_BYTES_MAX,
  row: ({ key, value }: Row): number =>
    RECORD_LENGTH_BYTES + 1 + 1 + key.length + VARINT_BYTES_MAX + 3 + (value?.length ?? 0),
};

export function encodeTableMessage(message: TableMessage): Uint8Array {
  if (message.kind === 'news')
    return packNews(
      message.networkId,
      message.items.map((item) => encodeNewsItem(item)),
    );
  const writer = headOf(message);
  switch (message.kind) {
    case 'digest':
      writeDigest(writer, message);
      break;
    case 'pull':
      writePulls(writer, message.entries);
      break;
    case 'rows':
      writeRows(writer, message);
      break;
  }
  return writer.take();
}

/** One item of news, for `packNews`: encoded once, sent many times. `writer` may be reused. */
export function encodeNewsItem(
  { owner, since, row }: NewsItem,
  writer = new ByteWriter(),
): Uint8Array {
  writer.rewind();
  writeRecord(writer, () => {
    writer.text(owner);
    writeRow(writer, row);
    writeVarint(writer, row.time - since);
  });
  return writer.take();
}

/** The news that consist of these items. */
export function packNews(networkId: NetworkId, items: readonly Uint8Array[]): Uint8Array {
  const writer = headOf({ kind: 'news', networkId });
  writeList(writer, items, (item) => writer.raw(item));
  return writer.take();
}

function headOf({ kind, networkId }: Pick<TableMessage, 'kind' | 'networkId'>): ByteWriter {
  const writer = new ByteWriter();
  writer.u8(TABLE_WIRE_VERSION);
  writer.u8(TABLE_MESSAGE_TYPES[kind]);
  writer.text(networkId);
  return writer;
}

function writeDigest(writer: ByteWriter, { range, entries }: Digest): void {
  const { after, through } = range ?? {};
  writer.u8(
    (range === undefined ? 0 : DIGEST_FLAGS.wantsAnswer) |
      (after === undefined ? 0 : DIGEST_FLAGS.after) |
      (through === undefined ? 0 : DIGEST_FLAGS.through),
  );
  if (after !== undefined) writer.text(after);
  if (through !== undefined) writer.text(through);
  writeList(writer, entries, ({ owner, mark, count, hash }) =>
    writeRecord(writer, () => {
      writer.text(owner);
      writeVarint(writer, mark);
      writeVarint(writer, count);
      writer.u32(hash);
    }),
  );
}

function writePulls(writer: ByteWriter, entries: readonly PullEntry[]): void {
  writeList(writer, entries, ({ owner, since, sweep }) =>
    writeRecord(writer, () => {
      writer.text(owner);
      writeVarint(writer, since);
      writeVarint(writer, sweep);
    }),
  );
}

function writeRows(writer: ByteWriter, { rest, sections }: Rows): void {
  writePulls(writer, rest);
  writeList(writer, sections, (section) => writeSection(writer, section));
}

function writeSection(writer: ByteWriter, section: Section): void {
  writeRecord(writer, () => {
    writer.text(section.owner);
    writer.u8(
      (section.isSweep ? SECTION_FLAGS.sweep : 0) | (section.isLast ? SECTION_FLAGS.last : 0),
    );
    writeVarint(writer, section.since);
    writeVarint(writer, section.through);
    writeVarint(writer, section.floor);
  });
  writeList(writer, section.rows, (row) => writeRecord(writer, () => writeRow(writer, row)));
}

function writeRow(writer: ByteWriter, { kind, key, time, value }: Row): void {
  writer.u8(kind);
  writer.text(key);
  writeVarint(writer, time);
  writeVarint(writer, value === undefined ? 0 : value.length + 1);
  if (value !== undefined) writer.raw(value);
}
