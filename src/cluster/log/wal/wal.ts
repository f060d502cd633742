/**
 * The write-ahead log on disk: each write is one frame at the end of the last segment.
 *
 * Invariants: what `append` resolved for is durable and is found again by `recover`; a failed
 * `append` is cut away at once, or before the next write if even that fails. `open` cuts a frame
 * that a crash left half written. One `append` at a time.
 */
import { dirname, join } from 'node:path';
import { assert, messageOf } from '../../../base/index.ts';
import type { HardState, LogIndex } from '../../../raft/index.ts';
import type { DiskFile } from '../disk.ts';
import { diskError, occupied } from '../refusals.ts';
import { encodeFrame, frameBytes } from './frame.ts';
import { encodeRecords, type Batch, type LogEnd } from './records.ts';
import type { FoundSegment, KnownSegment, Recovered } from './recovery.ts';
import {
  createSegment,
  segmentName,
  sequenceOf,
  type OpenSegment,
  type WalOptions,
} from './segment.ts';

export interface Append extends Batch {
  /** The log's end before the batch's entries. */
  readonly start: LogEnd;
  /** Whether the log held entries after that. */
  readonly isReplacing: boolean;
}

interface Tail extends OpenSegment, KnownSegment {
  /** Through its last durable frame. */
  readonly usedBytes: number;
}

interface Opened {
  readonly kept: KnownSegment[];
  readonly tail: Tail;
  readonly next: OpenSegment | undefined;
  readonly frameNumber: number;
  readonly hardState: HardState | undefined;
}

export class Wal {
  private readonly options: WalOptions;
  /** Those before the tail. */
  private readonly kept: KnownSegment[];
  private tail: Tail;
  /** The one after the tail, made ahead; none if that failed. */
  private next: Promise<OpenSegment | undefined>;
  private frameNumber: number;
  private hardState: HardState | undefined;
  private mustRepair = false;

  private constructor(options: WalOptions, opened: Opened) {
    this.options = options;
    this.kept = opened.kept;
    this.tail = opened.tail;
    this.frameNumber = opened.frameNumber;
    this.hardState = opened.hardState;
    this.next = opened.next === undefined ? this.prepareNext() : Promise.resolve(opened.next);
  }

  /** Begins with one batch, in a directory that holds no log. */
  static async create(
    options: WalOptions,
    batch: Batch & { readonly start: LogEnd },
  ): Promise<Wal> {
    const { disk, directory, seal, segmentBytes } = options;
    try {
      await disk.makeDirectory(directory);
      await disk.syncDirectory(dirname(directory));
    } catch (error) {
      throw diskError(directory, error);
    }
    const present = (await disk.list(directory)).find((name) => /\.(log|snap)$/.test(name));
    if (present !== undefined) throw occupied(directory, present);
    const plain = encodeRecords(batch);
    const payload = seal?.seal(plain) ?? plain;
    const made = { sequence: 1, payload, capacityBytes: segmentBytes };
    const segment = await tryCreateSegment(options, made);
    const usedBytes = segment.headBytes + frameBytes(payload.length);
    const isInstall = batch.install !== undefined;
    const tail = { ...segment, start: batch.start, isInstall, usedBytes };
    const { hardState } = batch;
    return new Wal(options, { kept: [], tail, next: undefined, frameNumber: 1, hardState });
  }

  /** Goes on after what `recover` found. */
  static async open(options: WalOptions, found: Recovered): Promise<Wal> {
    await mend(options, found);
    const { segments, frameNumber, hardState } = found;
    const at = segments.findLastIndex(({ start }) => start !== undefined);
    const last = segments[at];
    assert(last !== undefined, 'a log has a frame');
    const tail = { ...last, ...(await reopen(options, last)), usedBytes: last.goodBytes };
    const ahead = segments[at + 1];
    const isFit = ahead?.head.isSealed === (options.seal !== undefined);
    const next = ahead === undefined || !isFit ? undefined : await reopen(options, ahead);
    const kept = segments.slice(0, at);
    return new Wal(options, { kept, tail, next, frameNumber, hardState });
  }

  get segmentCount(): number {
    return this.kept.length + 1;
  }

  /** Resolves once the batch is durable, whole; rejects with nothing of it kept. */
  async append(batch: Append): Promise<void> {
    try {
      if (this.mustRepair) await this.cutTail();
      let payload = this.encode(batch);
      if (this.mustRoll(batch, payload)) {
        await this.roll();
        payload = this.encode(batch);
      }
      const position = this.tail.usedBytes;
      const { salt, file } = this.tail;
      const frame = encodeFrame(payload, { position, number: this.frameNumber, salt });
      this.mustRepair = true;
      await file.write(frame, position);
      this.mustRepair = false;
      this.noteWritten(batch, frame.length);
    } catch (error) {
      await this.tryRepair();
      throw diskError(this.tail.path, error);
    }
  }

  /**
   * Lets go of segments that hold nothing but entries before `firstNeeded`; of the one that begins
   * the log anew only if `isInstallNeeded` is false.
   */
  async release(firstNeeded: LogIndex, isInstallNeeded: boolean): Promise<void> {
    for (;;) {
      const [oldest, second = this.tail] = this.kept;
      if (oldest === undefined || second.start === undefined) return;
      const isOld = second.start.index < firstNeeded && !(oldest.isInstall && isInstallNeeded);
      if (!isOld && !second.isInstall) return;
      // Taken off first: another call may be under way.
      this.kept.shift();
      await tryRemove(this.options, oldest.path);
    }
  }

  async close(): Promise<void> {
    const next = await this.next;
    this.next = Promise.resolve(undefined);
    await next?.file.close();
    await this.tail.file.close();
  }

  private encode({ start, isReplacing, ...batch }: Append): Buffer {
    const isFirst = this.tail.start === undefined;
    const plain = encodeRecords({
      ...batch,
      start: isFirst || isReplacing ? start : undefined,
      hardState: batch.hardState ?? (isFirst ? this.hardState : undefined),
    });
    const { seal } = this.options;
    return this.tail.isSealed && seal !== undefined ? seal.seal(plain) : plain;
  }

  private mustRoll({ install }: Batch, payload: Buffer): boolean {
    const { start, usedBytes, capacityBytes, isSealed } = this.tail;
    if (start === undefined) return false;
    if (install !== undefined || isSealed !== (this.options.seal !== undefined)) return true;
    return usedBytes + frameBytes(payload.length) > capacityBytes;
  }

  private noteWritten({ start, install, hardState }: Batch, bytes: number): void {
    const { tail } = this;
    const usedBytes = tail.usedBytes + bytes;
    this.tail =
      tail.start === undefined
        ? { ...tail, usedBytes, start, isInstall: install !== undefined }
        : { ...tail, usedBytes };
    this.frameNumber += 1;
    this.hardState = hardState ?? this.hardState;
  }

  private async roll(): Promise<void> {
    const ahead = await this.next;
    this.next = Promise.resolve(undefined);
    const sequence = this.tail.sequence + 1;
    // Without zeros ahead a write takes longer, and is tried all the same.
    const { segmentBytes: capacityBytes } = this.options;
    const segment = ahead ?? {
      ...(await createSegment(this.options, { sequence, capacityBytes: 0 })),
      capacityBytes,
    };
    const previous = this.tail;
    this.kept.push(previous);
    const { headBytes: usedBytes } = segment;
    this.tail = { ...segment, usedBytes, start: undefined, isInstall: false };
    this.next = this.prepareNext();
    await this.tryClose(previous.file);
  }

  private async prepareNext(): Promise<OpenSegment | undefined> {
    const sequence = this.tail.sequence + 1;
    const { segmentBytes: capacityBytes, directory, logger } = this.options;
    try {
      return await createSegment(this.options, { sequence, capacityBytes });
    } catch (error) {
      const fields = { file: join(directory, segmentName(sequence)), error: messageOf(error) };
      logger.warn(fields, 'no log segment could be made ahead; trying again when it is needed');
      return undefined;
    }
  }

  private async tryRepair(): Promise<void> {
    if (!this.mustRepair) return;
    try {
      await this.cutTail();
    } catch (error) {
      const fields = { file: this.tail.path, error: messageOf(error) };
      const message = 'the log could not be cut back yet; trying before the next write';
      this.options.logger.warn(fields, message);
    }
  }

  /**
   * After a failed write the cached pages cannot be trusted, so what they held is cut away and that
   * is made durable.
   */
  private async cutTail(): Promise<void> {
    const { file, usedBytes } = this.tail;
    await file.truncate(usedBytes);
    await file.sync();
    this.mustRepair = false;
    this.tail = { ...this.tail, capacityBytes: usedBytes };
  }

  private async tryClose(file: DiskFile): Promise<void> {
    try {
      await file.close();
    } catch (error) {
      this.options.logger.warn({ error: messageOf(error) }, 'a log segment did not close');
    }
  }
}

async function tryCreateSegment(
  options: WalOptions,
  made: Parameters<typeof createSegment>[1],
): Promise<OpenSegment> {
  try {
    return await createSegment(options, made);
  } catch (error) {
    throw diskError(join(options.directory, segmentName(made.sequence)), error);
  }
}

/** Cuts torn ends, and removes what was released before and came back. */
async function mend(options: WalOptions, { segments }: Recovered): Promise<void> {
  const { disk, directory, logger } = options;
  for (const { path, goodBytes } of segments.filter(({ isTorn }) => isTorn)) {
    logger.warn({ file: path, offset: goodBytes }, 'cut a write that a crash left half done');
    const file = await disk.open(path, 'existing');
    try {
      await file.truncate(goodBytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  const first = segments[0]?.sequence ?? 0;
  for (const name of await disk.list(directory))
    if ((sequenceOf(name) ?? first) < first) await tryRemove(options, join(directory, name));
}

async function reopen(options: WalOptions, found: FoundSegment): Promise<OpenSegment> {
  const { path, sequence, head, isTorn, goodBytes, fileBytes } = found;
  const file = await options.disk.open(path, 'durable');
  return { path, sequence, file, ...head, capacityBytes: isTorn ? goodBytes : fileBytes };
}

async function tryRemove({ disk, logger }: WalOptions, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    const fields = { file: path, error: messageOf(error) };
    logger.warn(fields, 'a log segment that is not needed stays on disk');
  }
}
