/**
 * Snapshots on disk, each whole or not there at all.
 *
 *   head (`file-head.ts`); fields: state bytes u64 | piece bytes u32 | meta bytes u32 | meta
 *   pieces, each: stored bytes u32 | piece number u32
 *   | CRC-32 of these 8 bytes and of what follows u32 | the state's next bytes, perhaps sealed
 *
 * Numbers are big endian; the meta is a record of raft's wire. Written and read a piece at a time,
 * so that the event loop is never held up for long. `snapshot-<index>.snap` holds this peer's own
 * state; `snapshot-<index>-<salt>.snap` came from elsewhere and counts only once the log says so.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { messageOf, type Logger } from '../../base/index.ts';
import {
  decodeSnapshotMeta,
  encodeSnapshotMeta,
  type LogIndex,
  type SnapshotMeta,
} from '../../raft/index.ts';
import { replaceFileWith, type Disk, type DiskFile } from './disk.ts';
import { HEAD_BYTES_MAX, decodeHead, encodeHead, type LogSeal } from './file-head.ts';
import { damaged, diskError, wrongKey } from './refusals.ts';

export interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly state: Buffer;
}

export interface SnapshotName {
  readonly index: LogIndex;
  /** Of a snapshot that came from elsewhere. */
  readonly salt?: number;
}

export interface SnapshotFilesOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly seal?: LogSeal | undefined;
}

const PIECE_BYTES = 1 << 20;
const PIECE_HEADER_BYTES = 12;
const FIELDS_BYTES = 16;
/** So many at a time, so that the log's own writes find the disk free in between. */
const SYNC_PIECES = 4;

export class SnapshotFiles {
  private readonly options: SnapshotFilesOptions;

  constructor(options: SnapshotFilesOptions) {
    this.options = options;
  }

  pathOf({ index, salt }: SnapshotName): string {
    const suffix = salt === undefined ? '' : `-${salt.toString(16).padStart(8, '0')}`;
    const name = `snapshot-${index.toString(16).padStart(16, '0')}${suffix}.snap`;
    return join(this.options.directory, name);
  }

  /** From the oldest on. */
  async names(): Promise<SnapshotName[]> {
    const names = await this.options.disk.list(this.options.directory);
    return names
      .map((name) => parseName(name))
      .filter((name) => name !== undefined)
      .sort((a, b) => a.index - b.index);
  }

  /** Resolves once it is durable. Throws `ClusterError`, with nothing left behind. */
  async save(name: SnapshotName, { meta, state }: Snapshot): Promise<void> {
    const { disk, seal } = this.options;
    const path = this.pathOf(name);
    const fields = encodeFields(meta, state.length);
    const head = encodeHead('HAWSRSNP', { salt: name.salt ?? 0, fields, seal });
    try {
      await replaceFileWith(disk, path, async (file) => {
        await file.write(head, 0);
        await writePieces(file, head.length, { state, seal });
      });
    } catch (error) {
      throw diskError(path, error);
    }
  }

  /** Throws `ClusterError`: damaged, unknown-format or wrong-key. */
  async load(name: SnapshotName): Promise<Snapshot> {
    return this.read(name, async (file, { path, head, fields }) => {
      const seal = head.isSealed ? this.options.seal : undefined;
      const { meta, stateBytes, pieceBytes } = fields;
      const state = Buffer.allocUnsafeSlow(stateBytes);
      const reader = new PieceReader({ file, path, seal, at: head.headBytes });
      for (let at = 0, number = 0; at < stateBytes; at += pieceBytes, number += 1) {
        const want = Math.min(pieceBytes, stateBytes - at);
        (await reader.next(number, want)).copy(state, at);
      }
      if ((await file.size()) !== reader.at) throw damaged(path, reader.at, 'bytes follow its end');
      return { meta, state };
    });
  }

  /** Reads no more than the head. Throws as `load` does. */
  async loadMeta(name: SnapshotName): Promise<SnapshotMeta> {
    return this.read(name, (_file, { fields }) => Promise.resolve(fields.meta));
  }

  /** Asks from the newest on. What is not needed costs only space, so a failure is only logged. */
  async remove(isUnneeded: (name: SnapshotName) => boolean): Promise<void> {
    const { directory, disk, logger } = this.options;
    try {
      const names = (await this.names()).reverse();
      for (const name of names.filter((each) => isUnneeded(each)))
        await disk.remove(this.pathOf(name));
    } catch (error) {
      logger.warn({ directory, error: messageOf(error) }, 'old snapshots stay');
    }
  }

  private async read<Value>(
    name: SnapshotName,
    use: (file: DiskFile, opened: Opened) => Promise<Value>,
  ): Promise<Value> {
    const { disk, seal } = this.options;
    const path = this.pathOf(name);
    const file = await disk.open(path, 'existing');
    try {
      const bytes = Buffer.alloc(HEAD_BYTES_MAX);
      const length = await file.read(bytes, 0);
      const head = decodeHead(bytes.subarray(0, length), 'HAWSRSNP', { file: path, seal });
      const fields = decodeFields(head.fields);
      if (fields?.meta.index !== name.index) throw damaged(path, 0, 'its head is not in order');
      if (fields.stateBytes > (await file.size())) throw damaged(path, 0, 'its end is missing');
      return await use(file, { path, head, fields });
    } finally {
      await file.close();
    }
  }
}

interface Fields {
  readonly meta: SnapshotMeta;
  readonly stateBytes: number;
  readonly pieceBytes: number;
}

interface Opened {
  readonly path: string;
  readonly head: ReturnType<typeof decodeHead>;
  readonly fields: Fields;
}

function parseName(name: string): SnapshotName | undefined {
  const found = /^snapshot-(?<index>[0-9a-f]{16})(-(?<salt>[0-9a-f]{8}))?\.snap$/.exec(name);
  if (found?.groups === undefined) return undefined;
  const { index = '', salt } = found.groups;
  const parsed = { index: Number.parseInt(index, 16) as LogIndex };
  return salt === undefined ? parsed : { ...parsed, salt: Number.parseInt(salt, 16) };
}

function encodeFields(meta: SnapshotMeta, stateBytes: number): Buffer {
  const record = encodeSnapshotMeta(meta);
  const bytes = Buffer.alloc(FIELDS_BYTES + record.length);
  bytes.writeBigUInt64BE(BigInt(stateBytes), 0);
  bytes.writeUInt32BE(PIECE_BYTES, 8);
  bytes.writeUInt32BE(record.length, 12);
  bytes.set(record, FIELDS_BYTES);
  return bytes;
}

function decodeFields(bytes: Buffer): Fields | undefined {
  if (bytes.length < FIELDS_BYTES) return undefined;
  const end = FIELDS_BYTES + bytes.readUInt32BE(12);
  const pieceBytes = bytes.readUInt32BE(8);
  if (end > bytes.length || pieceBytes === 0) return undefined;
  try {
    const meta = decodeSnapshotMeta(bytes.subarray(FIELDS_BYTES, end));
    return { meta, stateBytes: Number(bytes.readBigUInt64BE(0)), pieceBytes };
  } catch {
    return undefined;
  }
}

async function writePieces(
  file: DiskFile,
  begin: number,
  { state, seal }: { readonly state: Buffer; readonly seal: LogSeal | undefined },
): Promise<void> {
  let position = begin;
  for (let number = 0; number * PIECE_BYTES < state.length; number += 1) {
    const plain = state.subarray(number * PIECE_BYTES, (number + 1) * PIECE_BYTES);
    const stored = seal?.seal(plain) ?? plain;
    const header = Buffer.alloc(PIECE_HEADER_BYTES);
    header.writeUInt32BE(stored.length, 0);
    header.writeUInt32BE(number, 4);
    header.writeUInt32BE(crc32(stored, crc32(header.subarray(0, 8))), 8);
    await file.write(header, position);
    await file.write(stored, position + PIECE_HEADER_BYTES);
    position += PIECE_HEADER_BYTES + stored.length;
    if (number % SYNC_PIECES === SYNC_PIECES - 1) await file.sync();
  }
}

class PieceReader {
  at: number;
  private readonly from: {
    readonly file: DiskFile;
    readonly path: string;
    readonly seal: LogSeal | undefined;
  };

  constructor(from: {
    readonly file: DiskFile;
    readonly path: string;
    readonly seal: LogSeal | undefined;
    readonly at: number;
  }) {
    this.from = from;
    this.at = from.at;
  }

  /** The next piece, whose length before sealing is known. */
  async next(number: number, plainBytes: number): Promise<Buffer> {
    const { file, path, seal } = this.from;
    const stored = Buffer.allocUnsafe(PIECE_HEADER_BYTES + plainBytes + (seal?.overheadBytes ?? 0));
    const length = await file.read(stored, this.at);
    const body = stored.subarray(PIECE_HEADER_BYTES);
    if (length < stored.length) throw damaged(path, this.at, 'its end is missing');
    const isRight =
      stored.readUInt32BE(0) === body.length &&
      stored.readUInt32BE(4) === number &&
      stored.readUInt32BE(8) === crc32(body, crc32(stored.subarray(0, 8)));
    if (!isRight) throw damaged(path, this.at, "a piece's checksum is wrong");
    const plain = seal === undefined ? body : seal.open(body);
    // Its checksum is right, so it is as it was written.
    if (plain === undefined) throw wrongKey(path, true);
    if (plain.length !== plainBytes) throw damaged(path, this.at, 'a piece has a wrong length');
    this.at += stored.length;
    return plain;
  }
}
