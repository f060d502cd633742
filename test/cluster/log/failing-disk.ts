/** A disk in memory of which one call fails, once, after it did half of what it was asked for. */
import { CrashingDisk } from './crashing-disk.ts';

export class FailingDisk extends CrashingDisk {
  protected override step(): void {
    this.callsLeft -= 1;
    if (this.callsLeft === -1) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  }
}
