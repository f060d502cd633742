/**
 * propose -> append -> commit -> apply, with one voter: an entry is committed when it is durable
 * here.
 *
 * Proposals wait in a bounded queue. Everything that queued up while a sync ran shares the next
 * one, so the log keeps up with many writers although each sync takes milliseconds. Entries are
 * applied in order, after they are durable, and each proposer hears what the state machine said to
 * its own. Snapshots are taken between batches and written beside the log.
 */
import { BoundedQueue, messageOf, type Logger } from '../../../base/index.ts';
import { ClusterError } from '../../errors.ts';
import { SYSTEM_DISK, type Disk } from '../disk.ts';
import type { LogEntry, LogIndex, Term } from './entry.ts';
import { loadHardState, saveHardState } from './hard-state.ts';
import { SnapshotFiles } from './snapshot-files.ts';
import { Wal, type WalOptions } from './wal.ts';

export interface StateMachine<Outcome> {
  /** Deterministic; never throws for any entry that was proposed. */
  apply(data: Buffer): Outcome;
  snapshot(): Buffer;
  restore(state: Buffer): void;
}

export interface LogLimits {
  readonly queueProposalsMax: number;
  readonly queueBytesMax: number;
  readonly entryBytesMax: number;
  readonly batchEntriesMax: number;
  readonly batchBytesMax: number;
  readonly segmentBytesMax: number;
  /** A snapshot is due after this many bytes of entries, however few they are. */
  readonly snapshotBytes: number;
}

export const LOG_LIMITS: LogLimits = {
  queueProposalsMax: 4096,
  queueBytesMax: 64 << 20,
  entryBytesMax: 16 << 20,
  batchEntriesMax: 512,
  batchBytesMax: 4 << 20,
  segmentBytesMax: 16 << 20,
  snapshotBytes: 64 << 20,
};

export interface ReplicatedLogOptions<Outcome> {
  readonly directory: string;
  readonly machine: StateMachine<Outcome>;
  readonly logger: Logger;
  readonly disk?: Disk;
  readonly limits?: Partial<LogLimits>;
  /** Read before each decision: they are settings of the cluster, kept in the state itself. */
  readonly snapshotPolicy: () => { readonly intervalEntries: number; readonly keepOld: number };
  /** Seconds from proposal to durable, per batch member. */
  readonly observeCommitSeconds?: (seconds: number) => void;
  readonly monotonicMs: () => number;
}

interface Proposal<Outcome> {
  readonly data: Buffer;
  readonly sinceMs: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

const FIRST_TERM = 1 as Term;

export class ReplicatedLog<Outcome> {
  private readonly options: ReplicatedLogOptions<Outcome>;
  private readonly limits: LogLimits;
  private readonly wal: Wal;
  private readonly snapshots: SnapshotFiles;
  private readonly queue: BoundedQueue<Proposal<Outcome>>;
  private readonly term: Term;
  private queuedBytes = 0;
  private running: Promise<void> | undefined;
  private saving: Promise<void> | undefined;
  private isClosed = false;
  private entriesSinceSnapshot = 0;
  private bytesSinceSnapshot = 0;

  private constructor(options: ReplicatedLogOptions<Outcome>, opened: { wal: Wal; term: Term }) {
    this.options = options;
    this.limits = limitsOf(options);
    this.wal = opened.wal;
    this.term = opened.term;
    this.snapshots = new SnapshotFiles(storageOf(options));
    this.queue = new BoundedQueue(this.limits.queueProposalsMax);
  }

  /** Begins an empty log in a directory that does not hold one. */
  static async create<Outcome>(
    options: ReplicatedLogOptions<Outcome>,
    votedFor: string,
  ): Promise<ReplicatedLog<Outcome>> {
    const { disk, directory } = storageOf(options);
    const wal = await Wal.create(walOptionsOf(options), 1 as LogIndex);
    await saveHardState(disk, directory, { term: FIRST_TERM, votedFor });
    return new ReplicatedLog(options, { wal, term: FIRST_TERM });
  }

  /** Brings the state machine to where it was: newest snapshot, then every entry after it. */
  static async open<Outcome>(
    options: ReplicatedLogOptions<Outcome>,
  ): Promise<ReplicatedLog<Outcome>> {
    const storage = storageOf(options);
    const { term } = await loadHardState(storage.disk, storage.directory);
    await removeTemporaries(storage);
    const snapshot = await new SnapshotFiles(storage).newest();
    const after = snapshot?.index ?? (0 as LogIndex);
    const { wal, entries } = await Wal.open(walOptionsOf(options), after);
    try {
      if (snapshot !== undefined) options.machine.restore(snapshot.state);
      for (const entry of entries) options.machine.apply(entry.data);
    } catch (error) {
      await wal.close();
      throw error;
    }
    const log = new ReplicatedLog(options, { wal, term });
    log.countApplied(entries);
    return log;
  }

  get lastIndex(): LogIndex {
    return this.wal.lastIndex;
  }

  get currentTerm(): Term {
    return this.term;
  }

  /**
   * Resolves with what the state machine said, once the entry is durable. Throws `ClusterError` and
   * changes nothing.
   */
  async propose(data: Buffer): Promise<Outcome> {
    if (this.isClosed) throw new ClusterError({ code: 'closed' }, 'the cluster log is closed');
    const bytesMax = this.limits.entryBytesMax;
    if (data.length > bytesMax) throw tooLarge(data.length, bytesMax);
    return new Promise<Outcome>((resolve, reject) => {
      const sinceMs = this.options.monotonicMs();
      const isTaken =
        this.queuedBytes + data.length <= this.limits.queueBytesMax &&
        this.queue.tryPush({ data, sinceMs, resolve, reject });
      if (!isTaken) {
        reject(busy());
        return;
      }
      this.queuedBytes += data.length;
      this.running ??= this.run();
    });
  }

  /** Finishes what was proposed, then closes the files. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.running;
    await this.saving;
    await this.wal.close();
  }

  private async run(): Promise<void> {
    // Starts after the proposer's own turn, so that proposals made together are written together.
    await Promise.resolve();
    while (this.queue.length > 0) await this.commit(this.takeBatch());
    this.running = undefined;
  }

  private takeBatch(): Proposal<Outcome>[] {
    const batch: Proposal<Outcome>[] = [];
    let bytes = 0;
    while (batch.length < this.limits.batchEntriesMax && bytes < this.limits.batchBytesMax) {
      const proposal = this.queue.shift();
      if (proposal === undefined) break;
      batch.push(proposal);
      bytes += proposal.data.length;
    }
    this.queuedBytes -= bytes;
    return batch;
  }

  private async commit(batch: readonly Proposal<Outcome>[]): Promise<void> {
    const firstIndex = this.wal.lastIndex + 1;
    const entries = batch.map(({ data }, position) => ({
      term: this.term,
      index: (firstIndex + position) as LogIndex,
      data,
    }));
    try {
      await this.wal.append(entries);
    } catch (error) {
      this.options.logger.error({ error: messageOf(error) }, 'the cluster log took no entry');
      for (const proposal of batch) proposal.reject(error);
      return;
    }
    for (const proposal of batch) this.applyOne(proposal);
    this.countApplied(entries);
    this.maybeSnapshot();
  }

  private applyOne(proposal: Proposal<Outcome>): void {
    const seconds = (this.options.monotonicMs() - proposal.sinceMs) / 1000;
    this.options.observeCommitSeconds?.(seconds);
    try {
      proposal.resolve(this.options.machine.apply(proposal.data));
    } catch (error) {
      // The state machine must take any entry; one that it cannot take would stop every later start
      // as well.
      proposal.reject(error);
      this.options.logger.error({ error: messageOf(error) }, 'applying a log entry crashed');
      throw error;
    }
  }

  private countApplied(entries: readonly LogEntry[]): void {
    this.entriesSinceSnapshot += entries.length;
    for (const entry of entries) this.bytesSinceSnapshot += entry.data.length;
  }

  private maybeSnapshot(): void {
    if (this.saving !== undefined) return;
    const { intervalEntries, keepOld } = this.options.snapshotPolicy();
    const isDue =
      this.entriesSinceSnapshot >= intervalEntries ||
      this.bytesSinceSnapshot >= this.limits.snapshotBytes;
    if (!isDue) return;
    this.entriesSinceSnapshot = 0;
    this.bytesSinceSnapshot = 0;
    const state = this.options.machine.snapshot();
    const snapshot = { term: this.term, index: this.wal.lastIndex, state };
    this.saving = this.save(snapshot, keepOld).finally(() => (this.saving = undefined));
  }

  private async save(
    snapshot: Parameters<SnapshotFiles['save']>[0],
    keepOld: number,
  ): Promise<void> {
    try {
      await this.snapshots.save(snapshot, keepOld);
      await this.wal.releaseThrough(snapshot.index);
    } catch (error) {
      // The log still holds everything; the next attempt comes with the next interval.
      const fields = { index: snapshot.index, error: messageOf(error) };
      this.options.logger.warn(fields, 'a snapshot could not be written');
    }
  }
}

interface Storage {
  readonly disk: Disk;
  readonly directory: string;
  readonly logger: Logger;
}

type StorageOptions = Omit<Storage, 'disk'> & { readonly disk?: Disk };

function storageOf(options: StorageOptions): Storage {
  const { directory, logger } = options;
  return { directory, logger, disk: options.disk ?? SYSTEM_DISK };
}

function limitsOf(options: { readonly limits?: Partial<LogLimits> }): LogLimits {
  return { ...LOG_LIMITS, ...options.limits };
}

function walOptionsOf(
  options: StorageOptions & { readonly limits?: Partial<LogLimits> },
): WalOptions {
  return { ...storageOf(options), segmentBytesMax: limitsOf(options).segmentBytesMax };
}

async function removeTemporaries({ disk, directory }: Storage): Promise<void> {
  const names = await disk.list(directory);
  for (const name of names.filter((each) => each.endsWith('.tmp')))
    await disk.remove(`${directory}/${name}`);
}

function busy(): ClusterError {
  return new ClusterError(
    { code: 'busy' },
    'the cluster has too many changes waiting for the disk; try again in a moment',
  );
}

function tooLarge(bytes: number, bytesMax: number): ClusterError {
  return new ClusterError(
    { code: 'too-large', bytes, bytesMax },
    `the change takes ${bytes} bytes in the cluster log; at most ${bytesMax} are allowed`,
  );
}
