import type { LogIndex } from '../types.ts';

interface Load {
  readonly through: LogIndex;
  readonly bytes: number;
}

/**
 * Loads that are out and come back in order of index: appends on their way to a follower, or
 * entries that wait for a quorum. Counts them and their bytes.
 */
export class Inflights {
  private loads: Load[] = [];
  private head = 0;
  private size = 0;

  get count(): number {
    return this.loads.length - this.head;
  }

  get bytes(): number {
    return this.size;
  }

  add(through: LogIndex, bytes: number): void {
    this.loads.push({ through, bytes });
    this.size += bytes;
  }

  /** Everything at or before `index` came back. */
  freeThrough(index: LogIndex): void {
    for (;;) {
      const load = this.loads[this.head];
      if (load === undefined || load.through > index) break;
      this.head += 1;
      this.size -= load.bytes;
    }
    if (this.head < 64 || this.head * 2 < this.loads.length) return;
    this.loads = this.loads.slice(this.head);
    this.head = 0;
  }
}
