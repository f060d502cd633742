/**
 * Reads a write-ahead log front to back, once: each segment while the next one comes from the disk.
 *
 * What a crash may leave, and is mended: a half-written last frame, an empty segment that was made
 * ahead, old segments whose removal was not durable. Everything else is refused.
 */
import { join } from 'node:path';
import { setImmediate as pause } from 'node:timers/promises';
import { NO_INDEX, type HardState, type LogIndex } from '../../../raft/index.ts';
import { DurableLog } from '../durable-log.ts';
import { PackedEntries } from '../packed-entries.ts';
import { damaged, missing, wrongKey } from '../refusals.ts';
import { FRAME_HEADER_BYTES, frameNumber, scanFrame } from './frame.ts';
import { decodeRecords, type Install, type LogEnd, type LogRecord, type Run } from './records.ts';
import {
  decodeSegmentHead,
  segmentName,
  sequenceOf,
  type SegmentHead,
  type WalOptions,
} from './segment.ts';

/** Takes a few milliseconds. */
const PAUSE_BYTES = 1 << 20;

/** A segment as the log remembers it. */
export interface KnownSegment {
  readonly path: string;
  readonly sequence: number;
  /** The log's end before its first frame; `undefined` while it has none. */
  readonly start: LogEnd | undefined;
  /** Whether its first frame makes the log begin anew. */
  readonly isInstall: boolean;
}

export interface FoundSegment extends KnownSegment {
  readonly head: SegmentHead;
  /** Through its last intact frame. */
  readonly goodBytes: number;
  readonly fileBytes: number;
  readonly isTorn: boolean;
}

export interface Recovered {
  readonly log: DurableLog;
  readonly hardState: HardState | undefined;
  readonly commit: LogIndex;
  readonly install: Install | undefined;
  /** Those with frames, then those without. */
  readonly segments: readonly FoundSegment[];
  /** Of the next frame. */
  readonly frameNumber: number;
}

/** Changes nothing. Throws `ClusterError`: damaged, unknown-format or wrong-key. */
export async function recover(options: WalOptions): Promise<Recovered> {
  const sequences = await findSegments(options);
  const recovery = new Recovery(options);
  let reading = readSegment(options, sequences[0]);
  for (const [position, sequence] of sequences.entries()) {
    const bytes = await reading;
    reading = readSegment(options, sequences[position + 1]);
    // Whoever waits for it next sees its failure; nobody does after another one.
    reading.catch(() => undefined);
    await recovery.take(sequence, bytes);
  }
  return recovery.finish();
}

/**
 * The unbroken series at the end. What lies before a gap was released: a crash may bring any of it
 * back, because its removal was never made durable.
 */
async function findSegments({ disk, directory }: WalOptions): Promise<number[]> {
  const names = await disk.list(directory);
  const sequences = names.map(sequenceOf).filter((sequence) => sequence !== undefined);
  const gap = sequences.findLastIndex((sequence, at) => sequences[at - 1] !== sequence - 1);
  if (gap < 0) throw missing(directory, 'there is no segment');
  return sequences.slice(gap);
}

async function readSegment(
  { disk, directory }: WalOptions,
  sequence: number | undefined,
): Promise<Buffer> {
  if (sequence === undefined) return Buffer.alloc(0);
  const file = await disk.open(join(directory, segmentName(sequence)), 'existing');
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}

class Recovery {
  private readonly options: WalOptions;
  private readonly segments: FoundSegment[] = [];
  private log: DurableLog | undefined;
  private hardState: HardState | undefined;
  private commit: LogIndex = NO_INDEX;
  private install: Install | undefined;
  private number: number | undefined;

  constructor(options: WalOptions) {
    this.options = options;
  }

  async take(sequence: number, bytes: Buffer): Promise<void> {
    const path = join(this.options.directory, segmentName(sequence));
    const head = decodeSegmentHead(bytes, { file: path, sequence, seal: this.options.seal });
    const source = new FrameSource({ path, bytes, head, seal: this.options.seal });
    const entries = new EntryCollector(source.plain);
    let first: readonly LogRecord[] | undefined;
    for (let frame = source.next(this.number); frame !== undefined;) {
      if (first === undefined) this.beginSegment(source, frame);
      first ??= frame.records;
      const isInstall = frame.records.some(({ kind }) => kind === 'install');
      const place = { source, entries, frame, isInstall };
      for (const record of frame.records) this.takeRecord(record, place);
      this.number = frame.number + 1;
      frame = source.next(this.number);
      if (source.isPauseDue()) await pause();
    }
    if (this.log !== undefined) entries.flush(this.log);
    this.segments.push({
      path,
      sequence,
      head,
      start: startOf(first),
      isInstall: first?.some(({ kind }) => kind === 'install') ?? false,
      goodBytes: source.goodBytes,
      fileBytes: bytes.length,
      isTorn: source.isTorn,
    });
  }

  finish(): Recovered {
    const { log, hardState, install, commit, segments, number } = this;
    const { directory } = this.options;
    if (log === undefined || number === undefined) throw missing(directory, 'it holds no frame');
    return { log, hardState, commit, install, segments, frameNumber: number };
  }

  private beginSegment(source: FrameSource, frame: Frame): void {
    const ended = this.segments.find(({ isTorn, start }) => isTorn || start === undefined);
    if (ended !== undefined)
      throw damaged(ended.path, ended.goodBytes, 'it ends before a later segment begins');
    if (startOf(frame.records) === undefined)
      throw damaged(source.path, frame.at, 'its first frame has no start');
  }

  private takeRecord(record: LogRecord, at: Place): void {
    switch (record.kind) {
      case 'start':
        this.takeStart(record.end, at);
        return;
      case 'install':
        at.entries.drop();
        this.install = record.install;
        this.log?.install(record.install.meta);
        return;
      case 'run':
        this.takeRun({ ...record.run, from: at.frame.from + record.run.from }, at);
        return;
      case 'hard-state':
        this.hardState = record.hardState;
        return;
      case 'commit':
        this.commit = record.index;
    }
  }

  private takeStart(start: LogEnd, { source, entries, frame, isInstall }: Place): void {
    if (this.log !== undefined) entries.flush(this.log);
    const before = (this.log?.firstIndex ?? Infinity) - 1;
    // What was replaced may have been released, and all or part of it is back.
    const isReplaced = start.index < before && (this.install?.meta.index ?? 0) <= start.index;
    if (this.log === undefined || isReplaced) this.log = new DurableLog(start);
    if (!isInstall && this.log.term(start.index) !== start.term)
      throw damaged(source.path, frame.at, `entries before ${start.index + 1} are missing`);
  }

  private takeRun(run: Run, { source, entries, frame }: Place): void {
    const { log } = this;
    if (log === undefined || entries.tryAdd(run)) return;
    entries.flush(log);
    const previous = log.term((run.first - 1) as LogIndex);
    if (previous === undefined || previous > run.term)
      throw damaged(source.path, frame.at, `entry ${run.first} does not follow on the others`);
    entries.begin(run);
  }
}

interface Place {
  readonly source: FrameSource;
  readonly entries: EntryCollector;
  readonly frame: Frame;
  readonly isInstall: boolean;
}

function startOf(records: readonly LogRecord[] | undefined): LogEnd | undefined {
  const first = records?.[0];
  return first?.kind === 'start' ? first.end : undefined;
}

interface Frame {
  /** In the file. */
  readonly at: number;
  readonly number: number;
  /** Where its payload begins in `plain`. */
  readonly from: number;
  readonly records: readonly LogRecord[];
}

/** The frames of one segment. */
class FrameSource {
  readonly path: string;
  /** What the payloads are parts of: the file, or what its frames hold unsealed. */
  readonly plain: Buffer;
  goodBytes: number;
  isTorn = false;
  private readonly bytes: Buffer;
  private readonly salt: number;
  private readonly seal: WalOptions['seal'];
  private plainBytes = 0;
  private pausedAt = 0;

  constructor(from: {
    readonly path: string;
    readonly bytes: Buffer;
    readonly head: SegmentHead;
    readonly seal: WalOptions['seal'];
  }) {
    this.path = from.path;
    this.bytes = from.bytes;
    this.salt = from.head.salt;
    this.seal = from.head.isSealed ? from.seal : undefined;
    this.plain = this.seal === undefined ? from.bytes : Buffer.allocUnsafeSlow(from.bytes.length);
    this.goodBytes = from.head.headBytes;
  }

  next(number: number | undefined): Frame | undefined {
    const at = this.goodBytes;
    const scan = scanFrame(this.bytes, { position: at, number, salt: this.salt });
    if (scan.kind === 'damaged') throw damaged(this.path, at, scan.reason);
    this.isTorn = scan.kind === 'torn';
    if (scan.kind !== 'intact') return undefined;
    this.goodBytes = scan.next;
    const { from, to } = this.open(scan.payload, at);
    const records = decodeRecords(this.plain.subarray(from, to));
    if (typeof records === 'string') throw damaged(this.path, at, records);
    return { at, number: frameNumber(this.bytes, at), from, records };
  }

  /** Whether so much was read that others should have their turn. */
  isPauseDue(): boolean {
    if (this.goodBytes < this.pausedAt + PAUSE_BYTES) return false;
    this.pausedAt = this.goodBytes;
    return true;
  }

  private open(payload: Buffer, at: number): { readonly from: number; readonly to: number } {
    const body = at + FRAME_HEADER_BYTES;
    if (this.seal === undefined) return { from: body, to: body + payload.length };
    const opened = this.seal.open(payload);
    // Its checksum is right, so it is as it was written.
    if (opened === undefined) throw wrongKey(this.path, true);
    const from = this.plainBytes;
    opened.copy(this.plain, from);
    this.plainBytes += opened.length;
    return { from, to: this.plainBytes };
  }
}

/** Gathers a segment's runs as long as one follows on the other. */
class EntryCollector {
  private readonly plain: Buffer;
  private entries: PackedEntries | undefined;

  constructor(plain: Buffer) {
    this.plain = plain;
  }

  tryAdd(run: Run): boolean {
    const { entries } = this;
    if (entries === undefined || run.first !== entries.lastIndex + 1) return false;
    if (run.term < entries.term(entries.lastIndex)) return false;
    entries.add(run);
    return true;
  }

  begin(run: Run): void {
    this.entries = new PackedEntries(this.plain, run.first);
    this.entries.add(run);
  }

  flush(log: DurableLog): void {
    if (this.entries !== undefined) log.appendPacked(this.entries);
    this.entries = undefined;
  }

  drop(): void {
    this.entries = undefined;
  }
}
