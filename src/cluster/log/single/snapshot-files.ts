/**
 * Snapshots on disk: `snapshot-<index>.snap`, whole or not there at all.
 *
 *   "HAWSRSNP" | version u32 | CRC-32 of state u32 | term u64 | index u64 | state bytes u64
 *   | CRC-32 of these 40 bytes u32 | 0 u32 | state
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { messageOf, type Logger } from '../../../base/index.ts';
import { ClusterError } from '../../errors.ts';
import { replaceFile, type Disk } from '../disk.ts';
import type { LogIndex, Term } from './entry.ts';

export interface Snapshot {
  readonly term: Term;
  /** Last entry whose effect the state holds. */
  readonly index: LogIndex;
  readonly state: Buffer;
}

const MAGIC = 'HAWSRSNP';
const VERSION = 1;
const HEADER_BYTES = 48;
const SUMMED_BYTES = 40;

export interface SnapshotFilesOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly logger: Logger;
}

export class SnapshotFiles {
  private readonly options: SnapshotFilesOptions;

  constructor(options: SnapshotFilesOptions) {
    this.options = options;
  }

  /**
   * The newest snapshot, if there is one. Throws `ClusterError` when it is damaged: the log before
   * it is gone.
   */
  async newest(): Promise<Snapshot | undefined> {
    const name = (await this.names()).at(-1);
    if (name === undefined) return undefined;
    const path = join(this.options.directory, name);
    const snapshot = decode(await this.options.disk.read(path));
    if (typeof snapshot !== 'string') return snapshot;
    throw new ClusterError(
      { code: 'damaged', file: path, offset: 0 },
      `the snapshot ${path} is damaged: ${snapshot}. Nothing was changed. Restore the directory ` +
        `from a backup, or ` +
        `give up this cluster's state with "swarm leave --force"`,
    );
  }

  /**
   * Resolves once the snapshot is durable; older ones than the newest `1 + keepOld` are then
   * removed.
   */
  async save(snapshot: Snapshot, keepOld: number): Promise<void> {
    const name = `snapshot-${snapshot.index.toString(16).padStart(16, '0')}.snap`;
    await replaceFile(
      this.options.disk,
      join(this.options.directory, name),
      Buffer.concat([encodeHeader(snapshot), snapshot.state]),
    );
    for (const old of (await this.names()).slice(0, -(1 + keepOld))) await this.tryRemove(old);
  }

  private async tryRemove(name: string): Promise<void> {
    try {
      await this.options.disk.remove(join(this.options.directory, name));
    } catch (error) {
      this.options.logger.warn({ file: name, error: messageOf(error) }, 'an old snapshot stays');
    }
  }

  private async names(): Promise<string[]> {
    const names = await this.options.disk.list(this.options.directory);
    return names.filter((name) => /^snapshot-[0-9a-f]{16}\.snap$/.test(name));
  }
}

function encodeHeader(snapshot: Snapshot): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(crc32(snapshot.state), 12);
  bytes.writeBigUInt64LE(BigInt(snapshot.term), 16);
  bytes.writeBigUInt64LE(BigInt(snapshot.index), 24);
  bytes.writeBigUInt64LE(BigInt(snapshot.state.length), 32);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, SUMMED_BYTES)), SUMMED_BYTES);
  return bytes;
}

function decode(bytes: Buffer): Snapshot | string {
  if (bytes.length < HEADER_BYTES) return 'its header is cut short';
  if (bytes.toString('latin1', 0, 8) !== MAGIC) return 'it does not begin as a snapshot';
  if (bytes.readUInt32LE(SUMMED_BYTES) !== crc32(bytes.subarray(0, SUMMED_BYTES)))
    return "its header's checksum is wrong";
  if (bytes.readUInt32LE(8) !== VERSION)
    return `version ${bytes.readUInt32LE(8)} is not known here`;
  const state = bytes.subarray(HEADER_BYTES);
  if (state.length !== Number(bytes.readBigUInt64LE(32))) return 'its length is wrong';
  if (bytes.readUInt32LE(12) !== crc32(state)) return 'its checksum is wrong';
  const term = Number(bytes.readBigUInt64LE(16)) as Term;
  return { term, index: Number(bytes.readBigUInt64LE(24)) as LogIndex, state };
}
