/** What the tables' messages are made of, beyond single bytes and texts. */
import { rangeError } from '../../errors.ts';
import type { ByteReader, ByteWriter } from '../../wire/bytes.ts';

/** 7 bits in each byte, the lowest first; 48 bits are the most. */
export const VARINT_BYTES_MAX = 7;
const VARINT_MAX = 2 ** 48 - 1;

/** Precondition: an integer in `[0, 2^48)`. */
export function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) writer.u8((rest % 128) | 128);
  writer.u8(rest);
}

export function readVarint(reader: ByteReader, field: string): number {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < VARINT_BYTES_MAX; count += 1) {
    const byte = reader.u8();
    value += (byte & 127) * scale;
    if (byte < 128 && value <= VARINT_MAX) return value;
    scale *= 128;
  }
  throw rangeError(field);
}

/** What `write` appends, after its length as u16. */
export function writeRecord(writer: ByteWriter, write: () => void): void {
  const at = writer.length;
  writer.u16(0);
  write();
  writer.u16At(at, writer.length - at - 2);
}

/** A reader of the next record alone. What it leaves was added by a later release. */
export function readRecord(reader: ByteReader): ByteReader {
  return reader.part(reader.u16());
}

/** A list's items, whose count stands before them. Each takes at least `itemBytesMin`. */
export function readList<Item>(
  reader: ByteReader,
  itemBytesMin: number,
  read: (reader: ByteReader) => Item,
): readonly Item[] {
  const count = readVarint(reader, 'count');
  if (count * itemBytesMin > reader.remaining) throw rangeError('count');
  const items: Item[] = [];
  for (let index = 0; index < count; index += 1) items.push(read(reader));
  return items;
}

export function writeList<Item>(
  writer: ByteWriter,
  items: readonly Item[],
  write: (item: Item) => void,
): void {
  writeVarint(writer, items.length);
  for (const item of items) write(item);
}
