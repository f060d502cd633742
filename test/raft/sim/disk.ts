import { randomBelow, type Rng } from '../../../src/base/index.ts';
import {
  MemoryLog,
  NO_INDEX,
  type HardState,
  type LogIndex,
  type Membership,
  type SnapshotMeta,
  type Write,
} from '../../../src/raft/index.ts';
import { Machine, type MachineState } from './machine.ts';

/** What of a peer survives a crash. */
export class SimDisk {
  readonly log: MemoryLog;
  hardState: HardState | undefined;
  commit: LogIndex = NO_INDEX;
  /** Goes with `log.snapshot`. */
  state: MachineState = new Machine().snapshot();

  constructor(membership?: Membership) {
    this.log = MemoryLog.empty(membership);
  }

  /** All of it is durable. `state` goes with the write's snapshot. */
  write(write: Write, state: MachineState | undefined): void {
    if (write.hardState !== undefined) this.hardState = write.hardState;
    if (write.snapshot !== undefined) {
      if (state === undefined) throw new Error('violation: a snapshot without its state');
      this.log.install(write.snapshot);
      this.state = state;
    }
    this.log.append(write.entries);
    this.commit = write.commit;
  }

  /** A crash came first: a part of it may be durable, in the order of the duties. */
  tear(write: Write, state: MachineState | undefined, rng: Rng): void {
    if (randomBelow(rng, 2) === 0) return;
    const count = randomBelow(rng, write.entries.length + 1);
    const commit = write.snapshot?.index ?? this.commit;
    this.write({ ...write, entries: write.entries.slice(0, count), commit }, state);
  }

  noteSnapshot(meta: SnapshotMeta, state: MachineState): void {
    this.log.noteSnapshot(meta);
    this.state = state;
  }
}
