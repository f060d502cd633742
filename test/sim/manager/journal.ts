/**
 * What a peer keeps on its disk: one file of frames, each whole or not there. A frame holds a write
 * of the core; the file begins with the newest snapshot, and is written anew for the next one.
 *
 *   frame     payload bytes u32 | CRC-32 of the payload u32 | payload
 *   payload   JSON, with the core's own records in base 64
 */
import { crc32 } from 'node:zlib';
import {
  MemoryLog,
  decodeEntry,
  decodeHardState,
  decodeSnapshotMeta,
  encodeEntry,
  encodeHardState,
  encodeSnapshotMeta,
  type Entry,
  type HardState,
  type LogIndex,
  type Membership,
  type SnapshotMeta,
  type Write,
} from '../../../src/raft/index.ts';
import type { SimDisk } from '../engine/disk.ts';
import { wrappedEntry } from './bytes.ts';

const HEADER_BYTES = 8;
const FILE = 'journal';
/** After a full disk. */
const RETRY_MS = 250;

interface Frame {
  /** Begins everything anew. */
  readonly snapshot?: { readonly meta: string; readonly state: string };
  readonly hardState?: string;
  readonly commit: number;
  readonly entries: readonly string[];
}

export interface Recovered {
  readonly log: MemoryLog;
  readonly hardState: HardState | undefined;
  readonly commit: LogIndex;
  /** Of the newest snapshot; `undefined` when there is none but the beginning. */
  readonly state: string | undefined;
}

export class Journal {
  private readonly disk: SimDisk;
  private readonly after: (ms: number, act: () => void) => void;
  private readonly members: Membership | undefined;
  private recovered: Recovered;
  private lives = 0;
  /** Whether the file is being written anew. */
  isCompacting = false;

  /** `members` are those a new group begins with; `undefined` for a peer that is to be added. */
  constructor(
    disk: SimDisk,
    members: Membership | undefined,
    after: (ms: number, act: () => void) => void,
  ) {
    this.disk = disk;
    this.members = members;
    this.after = after;
    this.recovered = empty(members);
  }

  get log(): MemoryLog {
    return this.recovered.log;
  }

  /** The newest snapshot, for a follower; `undefined` before there is one. */
  get state(): string | undefined {
    return this.recovered.state;
  }

  /** After a restart. Cuts a torn end off. */
  recover(): Recovered {
    this.lives += 1;
    this.isCompacting = false;
    const bytes = this.disk.read(FILE) ?? Buffer.alloc(0);
    const { frames, end } = framesOf(bytes);
    this.disk.truncate(FILE, end);
    let state = empty(this.members);
    for (const frame of frames) state = follow(state, frame);
    this.recovered = state;
    return state;
  }

  /** Durable as a whole when `done` is called; a full disk is waited for. */
  write(write: Write, state: string | undefined, done: () => void): void {
    const frame: Frame = {
      ...(write.snapshot && { snapshot: { meta: metaText(write.snapshot), state: state ?? '' } }),
      ...(write.hardState && { hardState: text(encodeHardState(write.hardState)) }),
      commit: write.commit,
      entries: write.entries.map((entry) => text(encodeEntry(entry))),
    };
    const bytes = frameBytes(frame);
    const { lives } = this;
    const attempt = (): void =>
      this.disk.append(FILE, bytes, (result) => {
        if (lives !== this.lives) return;
        if (result === 'full') this.after(RETRY_MS, attempt);
        else this.wrote(write, state, done);
      });
    attempt();
  }

  /** Notes a snapshot of the state machine; forgets what it holds but the last `kept` entries. */
  compact(meta: SnapshotMeta, state: string, kept: number): void {
    this.isCompacting = true;
    this.disk.replace(
      FILE,
      () => (this.holds(meta) ? this.compacted(meta, state) : undefined),
      (result) => {
        this.isCompacting = false;
        if (result === 'full' || !this.holds(meta)) return;
        this.log.noteSnapshot(meta);
        this.log.compact(Math.max(0, meta.index - kept) as LogIndex);
        this.recovered = { ...this.recovered, state };
      },
    );
  }

  private holds({ index, term }: SnapshotMeta): boolean {
    const isNewer = index > this.log.snapshot.index && this.log.term(index) === term;
    if (!isNewer) this.isCompacting = false;
    return isNewer;
  }

  private compacted(meta: SnapshotMeta, state: string): Buffer {
    const { log, hardState, commit } = this.recovered;
    const from = (meta.index + 1) as LogIndex;
    const to = (log.lastIndex + 1) as LogIndex;
    const entries = from < to ? (log.entries(from, to, Infinity) ?? []) : [];
    return frameBytes({
      snapshot: { meta: metaText(meta), state },
      ...(hardState && { hardState: text(encodeHardState(hardState)) }),
      commit,
      entries: entries.map((entry) => text(encodeEntry(entry))),
    });
  }

  private wrote(write: Write, state: string | undefined, done: () => void): void {
    const { log } = this;
    if (write.snapshot !== undefined) log.install(write.snapshot);
    log.append(write.entries);
    this.recovered = {
      log,
      hardState: write.hardState ?? this.recovered.hardState,
      commit: write.commit,
      state: write.snapshot === undefined ? this.recovered.state : state,
    };
    done();
  }
}

function empty(members: Membership | undefined): Recovered {
  const log = MemoryLog.empty(members);
  return { log, hardState: undefined, commit: 0 as LogIndex, state: undefined };
}

function follow(before: Recovered, frame: Frame): Recovered {
  const meta = frame.snapshot && decodeSnapshotMeta(bytesOf(frame.snapshot.meta));
  const log = meta === undefined ? before.log : new MemoryLog(meta);
  log.append(frame.entries.map((entry): Entry => wrappedEntry(decodeEntry(bytesOf(entry)))));
  const { hardState } = frame;
  return {
    log,
    hardState: hardState === undefined ? before.hardState : decodeHardState(bytesOf(hardState)),
    commit: frame.commit as LogIndex,
    state: frame.snapshot?.state ?? before.state,
  };
}

function frameBytes(frame: Frame): Buffer {
  const payload = Buffer.from(JSON.stringify(frame));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(crc32(payload), 4);
  return Buffer.concat([header, payload]);
}

function framesOf(bytes: Buffer): { readonly frames: readonly Frame[]; readonly end: number } {
  const frames: Frame[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + HEADER_BYTES + bytes.readUInt32BE(at);
    const payload = bytes.subarray(at + HEADER_BYTES, end);
    // A torn end of zeros would be an empty frame with a sum that is right.
    if (payload.length === 0 || end > bytes.length) break;
    if (crc32(payload) !== bytes.readUInt32BE(at + 4)) break;
    frames.push(JSON.parse(payload.toString()) as Frame);
    at = end;
  }
  return { frames, end: at };
}

function metaText(meta: SnapshotMeta): string {
  return text(encodeSnapshotMeta(meta));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function bytesOf(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64');
}
