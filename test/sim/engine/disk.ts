/**
 * A disk that may be slow or full, and that forgets in a crash what was not synced: of an append
 * that was on its way any part may be there, its end perhaps as garbage; a file that was being
 * replaced is the old one or the new one.
 */
import { randomBelow, type Rng } from '../../../src/base/index.ts';
import type { EventQueue } from '../../raft/sim/event-queue.ts';
import type { Swarm } from '../swarm.ts';

/** What a power cut may spoil at the end of an append. */
const SECTOR_BYTES = 512;

interface Job {
  readonly file: string;
  readonly kind: 'append' | 'replace';
  /** Made when the job begins, from what is durable by then. `undefined`: nothing to do. */
  readonly make: () => Buffer | undefined;
  readonly done: (result: 'done' | 'full') => void;
}

export interface DiskOptions {
  readonly queue: EventQueue;
  readonly rng: Rng;
  readonly swarm: Swarm;
}

export class SimDisk {
  private readonly options: DiskOptions;
  /** Each in the pieces it was written in. */
  private readonly files = new Map<string, Buffer[]>();
  private jobs: Job[] = [];
  private writing: { readonly job: Job; readonly bytes: Buffer } | undefined;
  private lives = 0;
  isFull = false;
  /** Added to every write, in milliseconds; 0 while the disk is well. */
  slownessMs = 0;
  isCalm = false;

  constructor(options: DiskOptions) {
    this.options = options;
  }

  read(file: string): Buffer | undefined {
    const pieces = this.files.get(file);
    return pieces && Buffer.concat(pieces);
  }

  remove(file: string): void {
    this.files.delete(file);
  }

  /** Bytes at the file's end, durable when `done` hears so; when the disk is full, not there. */
  append(file: string, bytes: Buffer, done: Job['done']): void {
    this.submit({ file, kind: 'append', make: () => bytes, done });
  }

  /** The whole file, old or new at any time. */
  replace(file: string, make: Job['make'], done: Job['done']): void {
    this.submit({ file, kind: 'replace', make, done });
  }

  /** Drops the end of a file that recovery found to be torn. */
  truncate(file: string, length: number): void {
    const bytes = this.read(file);
    if (bytes !== undefined) this.files.set(file, [bytes.subarray(0, length)]);
  }

  crash(): void {
    this.lives += 1;
    this.jobs = [];
    const { writing } = this;
    this.writing = undefined;
    if (writing === undefined || this.isFull) return;
    const { rng } = this.options;
    const { job, bytes } = writing;
    if (job.kind === 'append') this.put(job, torn(bytes, rng));
    else if (randomBelow(rng, 2) === 0) this.put(job, bytes);
  }

  private submit(job: Job): void {
    this.jobs.push(job);
    if (!this.isWriting()) this.next();
  }

  private next(): void {
    const job = this.jobs.shift();
    if (job === undefined) return;
    const bytes = job.make();
    if (bytes === undefined) {
      this.next();
      return;
    }
    this.writing = { job, bytes };
    const { lives } = this;
    this.options.queue.after(this.latency(), () => {
      if (lives === this.lives) this.finish(job, bytes);
    });
  }

  private finish(job: Job, bytes: Buffer): void {
    this.writing = undefined;
    if (!this.isFull) this.put(job, bytes);
    job.done(this.isFull ? 'full' : 'done');
    // Whoever was told may have begun the next one.
    if (!this.isWriting()) this.next();
  }

  private isWriting(): boolean {
    return this.writing !== undefined;
  }

  private put({ file, kind }: Job, bytes: Buffer): void {
    const pieces = kind === 'append' ? this.files.get(file) : undefined;
    if (pieces === undefined) this.files.set(file, [bytes]);
    else pieces.push(bytes);
  }

  private latency(): number {
    const { rng, swarm } = this.options;
    if (this.isCalm) return 1;
    const usual = swarm.diskMaxMs === 0 ? 0 : randomBelow(rng, swarm.diskMaxMs);
    return usual + (this.slownessMs === 0 ? 0 : randomBelow(rng, this.slownessMs));
  }
}

function torn(bytes: Buffer, rng: Rng): Buffer {
  const kept = Buffer.from(bytes.subarray(0, randomBelow(rng, bytes.length + 1)));
  if (randomBelow(rng, 2) === 0)
    kept.fill(randomBelow(rng, 256), Math.max(0, kept.length - SECTOR_BYTES));
  return kept;
}
