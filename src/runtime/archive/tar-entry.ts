/**
 * One entry of a tar archive. POSIX.1-2001 (pax), ustar and GNU formats are read; pax and ustar are
 * written.
 *
 * Names are byte strings (latin1 in JavaScript), because file names on Linux are bytes.
 */
export const BLOCK_BYTES = 512;

export type TarEntryType =
  'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

export interface TarEntry {
  readonly type: TarEntryType;
  /** As in the archive; see `innerPath` for the safe form. */
  readonly path: string;
  readonly linkPath: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for everything but files. */
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Extended attributes by full name (`security.capability`). */
  readonly xattrs: ReadonlyMap<string, string>;
}

/** Content is padded to whole blocks. */
export function paddingOf(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

const TYPE_FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

const XATTR_PREFIX = 'SCHILY.xattr.';
const USTAR_NAME_BYTES = 100;
const USTAR_NUMBER_MAX = 0o7777777;
const USTAR_SIZE_MAX = 0o77777777777;

/** Header blocks of an entry: a pax extension where ustar cannot say it, then the ustar header. */
export function encodeTarEntry(entry: TarEntry): Buffer {
  const records = paxRecordsOf(entry);
  const header = encodeHeader(entry, TYPE_FLAGS[entry.type]);
  if (records.length === 0) return header;
  const body = Buffer.concat(records.map(([key, value]) => encodePaxRecord(key, value)));
  const extension = encodeHeader({ ...entry, path: 'pax', linkPath: '', size: body.length }, 'x');
  return Buffer.concat([extension, body, Buffer.alloc(paddingOf(body.length)), header]);
}

function paxRecordsOf(entry: TarEntry): [string, string][] {
  const records: [string, string][] = [];
  if (!fitsUstar(entry.path)) records.push(['path', entry.path]);
  if (!fitsUstar(entry.linkPath)) records.push(['linkpath', entry.linkPath]);
  if (entry.uid > USTAR_NUMBER_MAX) records.push(['uid', String(entry.uid)]);
  if (entry.gid > USTAR_NUMBER_MAX) records.push(['gid', String(entry.gid)]);
  if (entry.size > USTAR_SIZE_MAX) records.push(['size', String(entry.size)]);
  for (const [name, value] of entry.xattrs) records.push([XATTR_PREFIX + name, value]);
  return records;
}

function fitsUstar(name: string): boolean {
  return name.length <= USTAR_NAME_BYTES;
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function encodePaxRecord(key: string, value: string): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length += 1;
  return Buffer.from(`${length} ${key}=${value}\n`, 'latin1');
}

function encodeHeader(entry: TarEntry, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(entry.path.slice(0, USTAR_NAME_BYTES), 0, 'latin1');
  writeOctal(block, 100, { digits: 7, value: entry.mode & 0o7777 });
  writeOctal(block, 108, { digits: 7, value: Math.min(entry.uid, USTAR_NUMBER_MAX) });
  writeOctal(block, 116, { digits: 7, value: Math.min(entry.gid, USTAR_NUMBER_MAX) });
  writeOctal(block, 124, { digits: 11, value: Math.min(entry.size, USTAR_SIZE_MAX) });
  writeOctal(block, 136, { digits: 11, value: clampTime(entry.mtimeSeconds) });
  block.write(flag, 156, 'latin1');
  block.write(entry.linkPath.slice(0, USTAR_NAME_BYTES), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  writeOctal(block, 329, { digits: 7, value: entry.deviceMajor });
  writeOctal(block, 337, { digits: 7, value: entry.deviceMinor });
  block.write('        ', 148, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function clampTime(seconds: number): number {
  return Math.min(Math.max(Math.trunc(seconds), 0), USTAR_SIZE_MAX);
}

function writeOctal(
  block: Buffer,
  offset: number,
  field: { readonly digits: number; readonly value: number },
): void {
  block.write(field.value.toString(8).padStart(field.digits, '0'), offset, 'latin1');
}

/** Attributes of pax records, by full name. */
export function xattrsOf(records: ReadonlyMap<string, string>): Map<string, string> {
  const xattrs = new Map<string, string>();
  for (const [key, value] of records) {
    if (key.startsWith(XATTR_PREFIX)) xattrs.set(key.slice(XATTR_PREFIX.length), value);
  }
  return xattrs;
}
