/**
 * A disk in memory that stops the machine at a chosen call and then shows what may have survived:
 * names and bytes that were synced, and any part of those that were not (a write's first bytes, its
 * sectors here and there, a rename or not).
 */
import { dirname } from 'node:path';
import { randomBelow, type Rng } from '../../../src/base/index.ts';
import type { Disk, DiskFile, OpenMode } from '../../../src/cluster/log/index.ts';

interface Inode {
  synced: Buffer;
  current: Buffer;
}

const SECTOR = 512;

export class Crash extends Error {}

export class CrashingDisk implements Disk {
  /** Calls until the machine stops. */
  callsLeft = Infinity;
  private durable = new Map<string, Inode>();
  private names = new Map<string, Inode>();

  /** A disk with these files on it, all of them durable. */
  static holding(files: ReadonlyMap<string, Buffer>): CrashingDisk {
    const disk = new CrashingDisk();
    for (const [name, bytes] of files) disk.names.set(name, { synced: bytes, current: bytes });
    disk.durable = new Map(disk.names);
    return disk;
  }

  get files(): Map<string, Buffer> {
    return new Map([...this.names].map(([name, { current }]) => [name, current]));
  }

  async makeDirectory(): Promise<void> {
    this.step();
  }

  async syncDirectory(path: string): Promise<void> {
    this.step();
    for (const name of new Set([...this.durable.keys(), ...this.names.keys()])) {
      if (dirname(name) !== path) continue;
      const inode = this.names.get(name);
      if (inode === undefined) this.durable.delete(name);
      else this.durable.set(name, inode);
    }
  }

  async list(path: string): Promise<string[]> {
    this.step();
    const inside = [...this.names.keys()].filter((name) => dirname(name) === path);
    return inside.map((name) => name.slice(path.length + 1)).sort();
  }

  async read(path: string): Promise<Buffer> {
    this.step();
    return Buffer.from(this.inode(path).current);
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    this.step();
    if (mode === 'create')
      this.names.set(path, { synced: Buffer.alloc(0), current: Buffer.alloc(0) });
    const inode = this.inode(path);
    return {
      size: async () => inode.current.length,
      read: async (into, position) => {
        this.step();
        return inode.current.copy(into, 0, position);
      },
      write: async (bytes, position) => {
        const grown = Buffer.alloc(Math.max(inode.current.length, position + bytes.length));
        inode.current.copy(grown);
        grown.set(bytes, position);
        inode.current = grown;
        // The bytes may reach the disk although the call never returns.
        this.step();
        if (mode === 'durable') inode.synced = inode.current;
      },
      sync: async () => {
        this.step();
        inode.synced = inode.current;
      },
      truncate: async (length) => {
        this.step();
        inode.current = inode.current.subarray(0, length);
      },
      close: async () => undefined,
    };
  }

  async rename(from: string, to: string): Promise<void> {
    const inode = this.inode(from);
    this.names.delete(from);
    this.names.set(to, inode);
    this.step();
  }

  async remove(path: string): Promise<void> {
    this.names.delete(path);
    this.step();
  }

  /** What the next start finds. */
  afterCrash(rng: Rng): CrashingDisk {
    const next = new CrashingDisk();
    for (const name of new Set([...this.durable.keys(), ...this.names.keys()])) {
      const isNew = randomBelow(rng, 2) === 0;
      const inode = (isNew ? this.names : this.durable).get(name);
      if (inode === undefined) continue;
      const bytes = survivingBytes(inode, rng);
      next.names.set(name, { synced: bytes, current: bytes });
    }
    next.durable = new Map(next.names);
    return next;
  }

  protected step(): void {
    this.callsLeft -= 1;
    if (this.callsLeft < 0) throw new Crash('the machine has stopped');
  }

  private inode(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return inode;
  }
}

/** Each sector as it was synced or as it was written last; a length between the two. */
function survivingBytes({ synced, current }: Inode, rng: Rng): Buffer {
  if (synced === current || randomBelow(rng, 3) === 0) return synced;
  const shorter = Math.min(synced.length, current.length);
  const longer = Math.max(synced.length, current.length);
  const length = shorter + randomBelow(rng, longer - shorter + 1);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += SECTOR) {
    const from = randomBelow(rng, 3) === 0 ? synced : current;
    bytes.set(from.subarray(at, Math.min(length, at + SECTOR)), at);
  }
  return bytes;
}
