/**
 * The write-ahead log on disk: segments `wal-<first index>.log`, appended to at the end of the last
 * one.
 *
 * Invariants: what `append` resolved for is durable and is found again by `open`; a failed `append`
 * leaves the file as it was before (cut back at once, or before the next write if even that fails).
 * `open` cuts a frame that a crash left half written, and refuses every other damage with the file,
 * the offset and the way out. One `append` at a time.
 */
import { join } from 'node:path';
import { assert, messageOf, type Logger } from '../../../base/index.ts';
import { ClusterError } from '../../errors.ts';
import { errnoOf, replaceFile, type Disk, type DiskFile } from '../disk.ts';
import type { LogEntry, LogIndex } from './entry.ts';
import { FILE_HEADER_BYTES, encodeFileHeader, encodeFrame, scanSegment } from './frame.ts';

export interface WalOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly logger: Logger;
  /** A segment longer than this is followed by a new one. */
  readonly segmentBytesMax: number;
}

interface Segment {
  readonly path: string;
  readonly firstIndex: number;
  /** `firstIndex - 1` while empty. */
  lastIndex: number;
}

export class Wal {
  private readonly options: WalOptions;
  private readonly sealed: Segment[];
  private tail: Segment;
  private file: DiskFile;
  /** Length of the tail up to its last durable frame. */
  private tailBytes: number;
  private mustRepair = false;
  private mustRoll = false;
  private unneededThrough = 0;

  private constructor(options: WalOptions, sealed: Segment[], tail: OpenTail) {
    this.options = options;
    this.sealed = sealed;
    this.tail = tail.segment;
    this.file = tail.file;
    this.tailBytes = tail.bytes;
  }

  /** Begins a log whose first entry will have `firstIndex`, in a directory that holds none. */
  static async create(options: WalOptions, firstIndex: LogIndex): Promise<Wal> {
    await options.disk.makeDirectory(options.directory);
    return new Wal(options, [], await createSegment(options, firstIndex));
  }

  /**
   * Opens what `create` began, and gives back every entry after `after`, which a snapshot covers.
   */
  static async open(
    options: WalOptions,
    after: LogIndex,
  ): Promise<{ readonly wal: Wal; readonly entries: LogEntry[] }> {
    const names = await neededSegments(options, after);
    const entries: LogEntry[] = [];
    const segments: Segment[] = [];
    let tailBytes = 0;
    for (const [position, name] of names.entries()) {
      const isTail = position === names.length - 1;
      const loaded = await loadSegment(options, name, isTail);
      const expected = (segments.at(-1)?.lastIndex ?? loaded.segment.firstIndex - 1) + 1;
      if (loaded.segment.firstIndex !== expected) throw missing(options, expected);
      segments.push(loaded.segment);
      for (const entry of loaded.entries) if (entry.index > after) entries.push(entry);
      tailBytes = loaded.bytes;
    }
    const segment = segments.pop();
    assert(segment !== undefined, 'a log has a segment');
    if (segment.lastIndex < after) throw missing(options, segment.lastIndex + 1);
    const file = await options.disk.open(segment.path, 'existing');
    return { wal: new Wal(options, segments, { segment, file, bytes: tailBytes }), entries };
  }

  get lastIndex(): LogIndex {
    return this.tail.lastIndex as LogIndex;
  }

  get segmentCount(): number {
    return this.sealed.length + 1;
  }

  /** Resolves once the entries are durable, all of them; rejects with none of them kept. */
  async append(entries: readonly LogEntry[]): Promise<void> {
    assert(entries[0]?.index === this.lastIndex + 1, 'entries follow the last one');
    try {
      if (this.mustRepair) await this.cutTail();
      if (this.mustRoll || this.tailBytes >= this.options.segmentBytesMax) await this.roll();
      const frame = encodeFrame(entries);
      this.mustRepair = true;
      await this.file.write(frame, this.tailBytes);
      await this.file.sync();
      this.mustRepair = false;
      this.tailBytes += frame.length;
      this.tail.lastIndex += entries.length;
    } catch (error) {
      await this.tryRepair();
      throw diskError(this.tail.path, error);
    }
  }

  /**
   * Lets go of entries up to `index`, which a durable snapshot covers. Whole segments only; the
   * tail goes later.
   */
  async releaseThrough(index: LogIndex): Promise<void> {
    this.unneededThrough = index;
    if (this.tail.lastIndex >= this.tail.firstIndex) this.mustRoll = true;
    await this.removeReleased();
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async roll(): Promise<void> {
    const next = await createSegment(this.options, (this.tail.lastIndex + 1) as LogIndex);
    const previous = this.file;
    this.sealed.push(this.tail);
    this.tail = next.segment;
    this.file = next.file;
    this.tailBytes = next.bytes;
    this.mustRoll = false;
    await previous.close();
    await this.removeReleased();
  }

  private async removeReleased(): Promise<void> {
    for (;;) {
      const oldest = this.sealed[0];
      if (oldest === undefined || oldest.lastIndex > this.unneededThrough) return;
      // Taken off first: an append that rolls meanwhile removes as well.
      this.sealed.shift();
      try {
        await this.options.disk.remove(oldest.path);
      } catch (error) {
        const fields = { file: oldest.path, error: messageOf(error) };
        this.options.logger.warn(fields, 'a log segment that is no longer needed stays on disk');
      }
    }
  }

  private async tryRepair(): Promise<void> {
    if (!this.mustRepair) return;
    try {
      await this.cutTail();
    } catch (error) {
      const fields = { file: this.tail.path, error: messageOf(error) };
      this.options.logger.warn(
        fields,
        'the log could not be cut back yet; trying before next write',
      );
    }
  }

  /**
   * After a failed sync the cached pages cannot be trusted, so what they held is cut away and that
   * is made durable.
   */
  private async cutTail(): Promise<void> {
    await this.file.truncate(this.tailBytes);
    await this.file.sync();
    this.mustRepair = false;
  }
}

interface OpenTail {
  readonly segment: Segment;
  readonly file: DiskFile;
  readonly bytes: number;
}

async function createSegment(options: WalOptions, firstIndex: LogIndex): Promise<OpenTail> {
  const path = join(options.directory, segmentName(firstIndex));
  await replaceFile(options.disk, path, encodeFileHeader(firstIndex));
  const file = await options.disk.open(path, 'existing');
  return {
    segment: { path, firstIndex, lastIndex: firstIndex - 1 },
    file,
    bytes: FILE_HEADER_BYTES,
  };
}

/**
 * Names from the segment that holds the entry after `after`, or will. Those before it were
 * released; a crash may bring any of them back, because their removal was never made durable, and
 * they are removed again.
 */
async function neededSegments(options: WalOptions, after: number): Promise<string[]> {
  const names = (await options.disk.list(options.directory)).filter(isSegmentName);
  const start = names.findLastIndex((name) => firstIndexOf(name) <= after + 1);
  if (start < 0) throw missing(options, after + 1);
  for (const name of names.slice(0, start))
    await options.disk.remove(join(options.directory, name));
  return names.slice(start);
}

interface LoadedSegment {
  readonly segment: Segment;
  readonly entries: LogEntry[];
  readonly bytes: number;
}

async function loadSegment(
  options: WalOptions,
  name: string,
  isTail: boolean,
): Promise<LoadedSegment> {
  const path = join(options.directory, name);
  const bytes = await options.disk.read(path);
  const scan = scanSegment(bytes);
  if (scan.end.kind === 'damaged') throw damaged(path, scan.end.offset, scan.end.reason);
  if (scan.end.kind === 'torn') {
    if (!isTail) throw damaged(path, scan.goodBytes, 'it ends within a record');
    await cutTornTail(options, path, scan.goodBytes);
  }
  if (name !== segmentName(scan.firstIndex))
    throw damaged(path, 0, 'its name is not that of its first entry');
  const lastIndex = scan.firstIndex + scan.entries.length - 1;
  const segment = { path, firstIndex: scan.firstIndex, lastIndex };
  return { segment, entries: scan.entries, bytes: scan.goodBytes };
}

async function cutTornTail(options: WalOptions, path: string, length: number): Promise<void> {
  options.logger.warn(
    { file: path, offset: length },
    'cut a record that a crash left half written',
  );
  const file = await options.disk.open(path, 'existing');
  try {
    await file.truncate(length);
    await file.sync();
  } finally {
    await file.close();
  }
}

function segmentName(firstIndex: number): string {
  return `wal-${firstIndex.toString(16).padStart(16, '0')}.log`;
}

function firstIndexOf(name: string): number {
  return Number.parseInt(name.slice('wal-'.length), 16);
}

function isSegmentName(name: string): boolean {
  return /^wal-[0-9a-f]{16}\.log$/.test(name);
}

function damaged(file: string, offset: number, reason: string): ClusterError {
  const message =
    `the cluster log ${file} is damaged at byte ${offset}: ${reason}. Nothing was changed. ` +
    `Restore the directory from a backup; or, to go on with what precedes the damage, remove ` +
    `later segments and ` +
    `run "truncate -s ${offset} ${file}", or give up this cluster's state with ` +
    `"swarm leave --force"`;
  return new ClusterError({ code: 'damaged', file, offset }, message);
}

function missing(options: WalOptions, index: number): ClusterError {
  const file = join(options.directory, segmentName(index));
  const message =
    `the cluster log has no entry ${index}: a segment in ${options.directory} is missing. ` +
    `Nothing was changed. ` +
    `Restore the directory from a backup, or give up this cluster's state with "swarm leave ` +
    `--force"`;
  return new ClusterError({ code: 'damaged', file, offset: 0 }, message);
}

const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function diskError(file: string, error: unknown): ClusterError {
  const errno = errnoOf(error) ?? '';
  if (DISK_FULL.has(errno)) {
    const message =
      `the change was not made: no space left for the cluster log ${file} ` +
      `(${errno}). Free some space and try again`;
    return new ClusterError({ code: 'disk-full', file }, message, error);
  }
  const message =
    `the change was not made: writing the cluster log ${file} failed: ` + messageOf(error);
  return new ClusterError({ code: 'disk-failed', file }, message, error);
}
