/**
 * What one peer of the consensus group keeps on its disk: log, hard state, snapshots.
 *
 * A `Write` of the core becomes one frame of the write-ahead log, durable whole or not at all. A
 * snapshot that came from elsewhere is brought to a file first, which means nothing until the frame
 * says that the log begins anew after it; so a crash at any point leaves the old state or the new
 * one. A snapshot of this peer's own state holds what the log holds, and needs no such word.
 *
 * Disk full: `write` fails, nothing is kept, and the same write succeeds once there is room.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { assert, type Logger } from '../../base/index.ts';
import {
  NO_INDEX,
  NO_TERM,
  type HardState,
  type LogIndex,
  type LogReader,
  type Membership,
  type SnapshotMeta,
  type Write,
} from '../../raft/index.ts';
import { SYSTEM_DISK, type Disk } from './disk.ts';
import { DurableLog } from './durable-log.ts';
import type { LogSeal } from './file-head.ts';
import { missing } from './refusals.ts';
import { SnapshotFiles, type Snapshot, type SnapshotName } from './snapshot-files.ts';
import type { LogEnd } from './wal/records.ts';
import { recover, type Recovered } from './wal/recovery.ts';
import type { WalOptions } from './wal/segment.ts';
import { Wal } from './wal/wal.ts';

export interface StorageLimits {
  /** Of the log's files. Twice this is taken ahead of need. */
  readonly segmentBytes: number;
  /** Entries that a snapshot holds are kept in memory for slow followers up to this. */
  readonly slowBytesMax: number;
}

export const STORAGE_LIMITS: StorageLimits = {
  segmentBytes: 16 << 20,
  slowBytesMax: 32 << 20,
};

export interface RaftStorageOptions {
  readonly directory: string;
  readonly logger: Logger;
  /** The machine's when left out. */
  readonly disk?: Disk;
  /** When given, everything that is written is sealed. Unsealed files are read all the same. */
  readonly seal?: LogSeal;
  readonly limits?: Partial<StorageLimits>;
  /** A random number in `[0, 2^32)`; of the system when left out. */
  readonly salt?: () => number;
}

export interface OpenedStorage {
  readonly storage: RaftStorage;
  /** The newest one; none before the first. */
  readonly hardState?: HardState;
  readonly commit: LogIndex;
  /** Where the state machine begins; none in a new log. */
  readonly snapshot?: Snapshot;
}

/** How much a snapshot leaves behind it. */
export interface SnapshotKeep {
  readonly oldSnapshots: number;
  /** Entries before the snapshot that stay in the log. */
  readonly entriesForSlow: number;
}

interface Parts {
  readonly wal: Wal;
  readonly durable: DurableLog;
  readonly snapshots: SnapshotFiles;
  /** The newest snapshot's file; none at index 0. */
  readonly newest: SnapshotName | undefined;
}

/** One `write` and one `saveSnapshot` at a time; both may run together. */
export class RaftStorage {
  private readonly settings: WalOptions & StorageLimits;
  private readonly wal: Wal;
  private readonly durable: DurableLog;
  private readonly snapshots: SnapshotFiles;
  private newest: SnapshotName | undefined;
  /** On the disk, and not yet in the log. */
  private arrived: SnapshotName | undefined;
  private cleaning: Promise<void> = Promise.resolve();
  private isWriting = false;
  private isSaving = false;

  private constructor(settings: WalOptions & StorageLimits, parts: Parts) {
    this.settings = settings;
    this.wal = parts.wal;
    this.durable = parts.durable;
    this.snapshots = parts.snapshots;
    this.newest = parts.newest;
  }

  /**
   * Begins an empty log in a directory that holds none. `membership` is that of a new group; a peer
   * that is to be added begins with no members. Throws `ClusterError`: already-member, disk-full or
   * disk-failed.
   */
  static async create(
    options: RaftStorageOptions,
    first: { readonly membership: Membership },
  ): Promise<RaftStorage> {
    const settings = settingsOf(options);
    const meta = { index: NO_INDEX, term: NO_TERM, membership: first.membership };
    const install = { salt: 0, meta };
    const wal = await Wal.create(settings, { start: meta, install, entries: [], commit: NO_INDEX });
    const durable = new DurableLog(meta);
    durable.install(meta);
    const snapshots = new SnapshotFiles(settings);
    return new RaftStorage(settings, { wal, durable, snapshots, newest: undefined });
  }

  /**
   * Goes on with what `create` began. Throws `ClusterError`, with nothing changed: damaged,
   * unknown-format or wrong-key.
   */
  static async open(options: RaftStorageOptions): Promise<OpenedStorage> {
    const settings = settingsOf(options);
    const found = await recover(settings);
    const snapshots = new SnapshotFiles(settings);
    const newest = await newestName(snapshots, { found, directory: settings.directory });
    const snapshot = newest === undefined ? undefined : await snapshots.load(newest);
    const { log: durable, hardState } = found;
    if (snapshot !== undefined) durable.noteSnapshot(snapshot.meta);
    await removeLeftovers(settings, { snapshots, newest });
    const wal = await Wal.open(settings, found);
    const storage = new RaftStorage(settings, { wal, durable, snapshots, newest });
    const { index } = durable.snapshot;
    const commit = Math.min(Math.max(found.commit, index), durable.lastIndex) as LogIndex;
    return {
      storage,
      commit,
      ...(hardState === undefined ? {} : { hardState }),
      ...(snapshot === undefined ? {} : { snapshot }),
    };
  }

  get log(): LogReader {
    return this.durable;
  }

  /** Files that the log takes, besides the one made ahead. */
  get segmentCount(): number {
    return this.wal.segmentCount;
  }

  /**
   * Makes the whole write durable and shows it in `log`. `snapshotState` belongs to
   * `write.snapshot`. Throws `ClusterError`, with nothing kept, after which the same write may be
   * tried again: disk-full or disk-failed.
   */
  async write(write: Write, snapshotState?: Buffer): Promise<void> {
    if (!write.needsSync) return;
    assert(!this.isWriting, 'one write at a time', { id: write.id });
    this.isWriting = true;
    try {
      await this.writeWhole(write, snapshotState);
    } finally {
      this.isWriting = false;
    }
  }

  /**
   * Brings a snapshot of the state as of an applied entry to the disk, and lets go of what it makes
   * superfluous. One that is not newer than the newest is ignored. Throws `ClusterError`, with
   * nothing changed: disk-full or disk-failed.
   */
  async saveSnapshot(meta: SnapshotMeta, state: Buffer, keep: SnapshotKeep): Promise<void> {
    assert(!this.isSaving, 'one snapshot at a time', { index: meta.index });
    if (meta.index <= this.durable.snapshot.index) return;
    this.isSaving = true;
    try {
      await this.snapshots.save({ index: meta.index }, { meta, state });
      this.noteSaved(meta, keep);
      await this.clean();
      await this.removeOldSnapshots(keep.oldSnapshots);
    } finally {
      this.isSaving = false;
    }
  }

  /** For a follower. Throws `ClusterError` when it is damaged. */
  async newestSnapshot(): Promise<Snapshot | undefined> {
    for (;;) {
      const { newest } = this;
      if (newest === undefined) return undefined;
      try {
        return await this.snapshots.load(newest);
      } catch (error) {
        // A newer one may have come meanwhile, and this one gone.
        if (newest === this.newest) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.cleaning;
    await this.wal.close();
  }

  private async writeWhole(write: Write, state: Buffer | undefined): Promise<void> {
    const { entries, hardState, commit, snapshot: meta } = write;
    const name = meta === undefined ? undefined : await this.bring(meta, state);
    const install =
      meta === undefined || name === undefined ? undefined : { salt: name.salt, meta };
    const start = this.startOf(write);
    const isReplacing = start.index < this.durable.lastIndex;
    await this.wal.append({ start, isReplacing, install, entries, hardState, commit });
    if (meta !== undefined) {
      this.durable.install(meta);
      this.newest = name;
      this.arrived = undefined;
      void this.clean();
    }
    this.durable.append(entries);
  }

  /** The log's end before the write's entries. */
  private startOf({ snapshot, entries }: Write): LogEnd {
    if (snapshot !== undefined) return { index: snapshot.index, term: snapshot.term };
    const first = entries[0];
    return first === undefined
      ? this.durable.end
      : this.durable.endAt((first.index - 1) as LogIndex);
  }

  /**
   * Brings the state to a file, unless an earlier try of the same write did: a frame that failed
   * may still be found after a crash, and then needs it.
   */
  private async bring(
    meta: SnapshotMeta,
    state: Buffer | undefined,
  ): Promise<SnapshotName & { readonly salt: number }> {
    assert(state !== undefined, 'a snapshot comes with its state', meta);
    const { arrived } = this;
    if (arrived?.salt !== undefined && arrived.index === meta.index)
      return { ...arrived, salt: arrived.salt };
    const name = { index: meta.index, salt: this.settings.salt() };
    await this.snapshots.save(name, { meta, state });
    this.arrived = name;
    return name;
  }

  private noteSaved(meta: SnapshotMeta, keep: SnapshotKeep): void {
    // Another one may have been installed while this one was on its way.
    if (meta.index <= this.durable.snapshot.index) return;
    this.durable.noteSnapshot(meta);
    this.newest = { index: meta.index };
    const bytes = this.settings.slowBytesMax;
    this.durable.compact({ entries: keep.entriesForSlow, bytes });
  }

  private async clean(): Promise<void> {
    const isInstallNeeded = this.newest?.salt !== undefined || this.newest === undefined;
    const release = this.wal.release(this.durable.firstIndex, isInstallNeeded);
    this.cleaning = this.cleaning.then(() => release);
    await release;
  }

  private async removeOldSnapshots(keepOld: number): Promise<void> {
    const index = this.newest?.index ?? NO_INDEX;
    let older = 0;
    await this.snapshots.remove((name) => {
      if (name.index < index) older += 1;
      return older > keepOld;
    });
  }
}

function settingsOf(options: RaftStorageOptions): WalOptions & StorageLimits {
  const { directory, logger, seal } = options;
  const salt = options.salt ?? ((): number => randomBytes(4).readUInt32BE(0));
  const disk = options.disk ?? SYSTEM_DISK;
  return { ...STORAGE_LIMITS, ...options.limits, directory, logger, disk, seal, salt };
}

/**
 * The newest snapshot of what the log holds: this peer's own that is newer than the log's
 * beginning, else the one with which the log began. A file that is beyond the log's end, or of a
 * term that the log does not have there, was never said to be in place.
 */
async function newestName(
  snapshots: SnapshotFiles,
  { found, directory }: { readonly found: Recovered; readonly directory: string },
): Promise<SnapshotName | undefined> {
  const { log, install } = found;
  const names = await snapshots.names();
  const after = install?.meta.index ?? -1;
  for (const name of names.filter(({ salt }) => salt === undefined).reverse()) {
    if (name.index <= after || name.index > log.lastIndex) continue;
    const term = log.term(name.index);
    if (term !== undefined && (await snapshots.loadMeta(name)).term === term) return name;
  }
  if (install === undefined || install.meta.index < log.firstIndex - 1)
    throw missing(directory, `no snapshot holds the entries before ${log.firstIndex}`);
  const { index } = install.meta;
  if (index === NO_INDEX) return undefined;
  const name = names.find(({ salt, ...each }) => each.index === index && salt === install.salt);
  if (name === undefined)
    throw missing(directory, `${snapshots.pathOf({ index, salt: install.salt })} is missing`);
  return name;
}

/** Files that a crash left half written, and snapshots that arrived and were never installed. */
async function removeLeftovers(
  { disk, directory }: WalOptions,
  { snapshots, newest }: Pick<Parts, 'snapshots' | 'newest'>,
): Promise<void> {
  for (const name of await disk.list(directory))
    if (name.endsWith('.tmp')) await disk.remove(join(directory, name));
  await snapshots.remove(({ salt }) => salt !== undefined && salt !== newest?.salt);
}
