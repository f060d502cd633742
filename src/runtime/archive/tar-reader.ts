/**
 * Reads a tar archive entry by entry. Everything in it is untrusted: lengths are bounded before
 * they are believed.
 */
import { refuseArchive } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { BLOCK_BYTES, paddingOf, xattrsOf, type TarEntry, type TarEntryType } from './tar-entry.ts';

/**
 * Long names and extended attributes; the kernel allows 4 KiB for a path and 64 KiB for an
 * attribute.
 */
const EXTENSION_BYTES_MAX = 1 << 20;

const TYPES: Readonly<Record<string, TarEntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

export interface TarItem {
  readonly entry: TarEntry;
  /** The content. What the consumer leaves is skipped. */
  readonly content: AsyncGenerator<Buffer>;
}

/** Extensions that precede the header they belong to. */
interface Extensions {
  readonly global: Map<string, string>;
  local: Map<string, string>;
}

/** Yields entries in the archive's order, up to its end marker or the end of the stream. */
export async function* readTar(source: ByteSource): AsyncGenerator<TarItem> {
  const extensions: Extensions = { global: new Map(), local: new Map() };
  for (let block = await readHeader(source); block; block = await readHeader(source)) {
    const flag = block.toString('latin1', 156, 157);
    if (await tryReadExtension(source, block, extensions)) continue;
    const type = TYPES[flag];
    if (type === undefined)
      throw refuseArchive(`entries of type ${JSON.stringify(flag)} are unknown`);
    const entry = decodeEntry(block, type, extensions);
    extensions.local = new Map();
    const content = source.take(entry.size);
    yield { entry, content };
    for await (const rest of content) void rest;
    for await (const padding of source.take(paddingOf(entry.size))) void padding;
  }
}

/** Undefined at the end of the archive: two zero blocks, one, or the end of the stream. */
async function readHeader(source: ByteSource): Promise<Buffer | undefined> {
  const block = await source.tryRead(BLOCK_BYTES);
  if (block === undefined || block.every((byte) => byte === 0)) return undefined;
  const stored = parseNumber(block, 148, 8);
  let sum = 8 * 0x20;
  for (const [offset, byte] of block.entries()) if (offset < 148 || offset >= 156) sum += byte;
  if (sum !== stored) throw refuseArchive('this is not a tar archive, or a damaged one');
  return block;
}

async function tryReadExtension(
  source: ByteSource,
  block: Buffer,
  extensions: Extensions,
): Promise<boolean> {
  const flag = block.toString('latin1', 156, 157);
  if (!'xgLK'.includes(flag)) return false;
  const size = parseNumber(block, 124, 12);
  if (size > EXTENSION_BYTES_MAX) throw refuseArchive(`an extension header has ${size} bytes`);
  const body = (await source.tryRead(size + paddingOf(size)))?.subarray(0, size) ?? Buffer.alloc(0);
  const name = body.toString('latin1').replace(/\0[^]*$/, '');
  if (flag === 'L') extensions.local.set('path', name);
  if (flag === 'K') extensions.local.set('linkpath', name);
  if (flag === 'x') for (const [key, value] of decodePax(body)) extensions.local.set(key, value);
  if (flag === 'g') for (const [key, value] of decodePax(body)) extensions.global.set(key, value);
  return true;
}

/** Records `<length> <key>=<value>\n`. Throws `archive_refused`. */
export function decodePax(body: Buffer): [string, string][] {
  const records: [string, string][] = [];
  let offset = 0;
  while (offset < body.length) {
    const match = /^(\d{1,7}) ([^=]+)=/.exec(body.toString('latin1', offset, offset + 512));
    const length = Number(match?.[1]);
    const key = match?.[2] ?? '';
    const end = offset + length - 1;
    const start = offset + (match?.[0].length ?? 0);
    if (match === null || start > end || end >= body.length || body[end] !== 0x0a) {
      throw refuseArchive('a pax header is malformed');
    }
    records.push([key, body.toString('latin1', start, end)]);
    offset = end + 1;
  }
  return records;
}

function decodeEntry(block: Buffer, type: TarEntryType, extensions: Extensions): TarEntry {
  const records = new Map([...extensions.global, ...extensions.local]);
  for (const key of records.keys()) {
    if (key.startsWith('GNU.sparse.')) throw refuseArchive('sparse files are not supported');
  }
  const number = (key: string, offset: number, length: number): number =>
    records.has(key) ? parseDecimal(key, records.get(key)) : parseNumber(block, offset, length);
  const path = records.get('path') ?? ustarPath(block);
  // Old archives mark a directory by a slash at its end.
  const isDirectory = type === 'file' && path.endsWith('/');
  return {
    type: isDirectory ? 'directory' : type,
    path,
    linkPath: records.get('linkpath') ?? parseText(block, 157, 100),
    mode: parseNumber(block, 100, 8),
    uid: number('uid', 108, 8),
    gid: number('gid', 116, 8),
    size: type === 'file' && !isDirectory ? number('size', 124, 12) : 0,
    mtimeSeconds: number('mtime', 136, 12),
    deviceMajor: type === 'char' || type === 'block' ? parseNumber(block, 329, 8) : 0,
    deviceMinor: type === 'char' || type === 'block' ? parseNumber(block, 337, 8) : 0,
    xattrs: xattrsOf(records),
  };
}

function ustarPath(block: Buffer): string {
  const name = parseText(block, 0, 100);
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? parseText(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function parseText(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? length : end);
}

/** Octal text, or GNU's base-256 for what octal cannot hold. */
function parseNumber(block: Buffer, offset: number, length: number): number {
  const field = block.subarray(offset, offset + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return parseBase256(field);
  const text = field
    .toString('latin1')
    .replace(/\0[^]*$/, '')
    .trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw refuseArchive(`a header field is not a number`);
  return checked(Number.parseInt(text, 8));
}

function parseBase256(field: Buffer): number {
  if (field[0] === 0xff) return 0; // Negative: only times before 1970 are written so.
  let value = BigInt((field[0] ?? 0) & 0x7f);
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  return checked(Number(value));
}

function parseDecimal(key: string, text: string | undefined): number {
  if (text === undefined || !/^-?\d{1,20}(\.\d*)?$/.test(text)) {
    throw refuseArchive(`pax ${key} is not a number`);
  }
  const value = Math.trunc(Number(text));
  return key === 'mtime' ? Math.max(value, 0) : checked(value);
}

function checked(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw refuseArchive('a header number is out of range');
  return value;
}
