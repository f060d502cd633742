import { ClusterError } from '../../../../src/cluster/errors.ts';
import type {
  ConsensusStorage,
  OpenedConsensus,
  SnapshotKeep,
} from '../../../../src/cluster/consensus/index.ts';
import {
  MemoryLog,
  type HardState,
  type LogIndex,
  type Membership,
  type SnapshotMeta,
  type Write,
} from '../../../../src/raft/index.ts';
import type { World } from './world.ts';

/** A disk that keeps what was written across restarts of its peer, takes time, and may be full. */
export class FakeDisk {
  isFull = false;
  writeMs = 2;
  writes = 0;
  readonly log: MemoryLog;
  private readonly world: World;
  private hardState: HardState | undefined;
  private commit = 0 as LogIndex;
  private snapshots: { meta: SnapshotMeta; state: Buffer }[] = [];

  constructor(world: World, membership: Membership | undefined) {
    this.world = world;
    this.log = MemoryLog.empty(membership);
  }

  open(): OpenedConsensus {
    const snapshot = this.snapshots.at(-1);
    return {
      storage: this.storage(),
      commit: this.commit,
      ...(this.hardState && { hardState: this.hardState }),
      ...(snapshot && { snapshot }),
    };
  }

  private storage(): ConsensusStorage {
    // A process that is gone writes no more, whatever it began.
    let isOpen = true;
    return {
      log: this.log,
      write: async (write, state) => {
        await this.busy(() => isOpen);
        this.keep(write, state);
      },
      saveSnapshot: async (meta, state, keep) => {
        await this.busy(() => isOpen);
        this.save(meta, state, keep);
      },
      newestSnapshot: async () => this.snapshots.at(-1),
      close: async () => {
        isOpen = false;
      },
    };
  }

  private async busy(isOpen: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => this.world.after(this.writeMs, resolve));
    if (!isOpen()) await new Promise(() => undefined);
    if (this.isFull) throw new ClusterError({ code: 'disk-full', file: 'log' }, 'no space left');
  }

  private keep(write: Write, state: Buffer | undefined): void {
    this.writes += 1;
    if (write.snapshot !== undefined) {
      if (state === undefined) throw new Error('an installed snapshot has a state');
      this.log.install(write.snapshot);
      this.snapshots.push({ meta: write.snapshot, state });
    }
    this.log.append(write.entries);
    this.hardState = write.hardState ?? this.hardState;
    this.commit = write.commit;
  }

  private save(meta: SnapshotMeta, state: Buffer, keep: SnapshotKeep): void {
    this.snapshots.push({ meta, state });
    this.log.noteSnapshot(meta);
    this.log.compact(Math.max(0, meta.index - keep.entriesForSlow) as LogIndex);
  }
}
