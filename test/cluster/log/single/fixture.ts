import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { SILENT_LOGGER } from '../../../../src/base/index.ts';
import {
  ReplicatedLog,
  SYSTEM_DISK,
  type Disk,
  type LogEntry,
  type LogIndex,
  type ReplicatedLogOptions,
  type Term,
} from '../../../../src/cluster/log/index.ts';
import type { Wal } from '../../../../src/cluster/log/single/wal.ts';

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-log-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export function entry(index: number, text: string): LogEntry {
  return { term: 1 as Term, index: index as LogIndex, data: Buffer.from(text) };
}

export function walOptions(
  directory: string,
  options: { readonly disk?: Disk; readonly segmentBytesMax?: number } = {},
): Parameters<typeof Wal.create>[0] {
  return {
    directory,
    logger: SILENT_LOGGER,
    disk: options.disk ?? SYSTEM_DISK,
    segmentBytesMax: options.segmentBytesMax ?? 1 << 20,
  };
}

/** A log whose state is the list of what was proposed. */
export class ListLog {
  readonly state: string[] = [];

  options(
    directory: string,
    changes: Partial<ReplicatedLogOptions<number>> = {},
  ): ReplicatedLogOptions<number> {
    const { state } = this;
    return {
      directory,
      logger: SILENT_LOGGER,
      machine: {
        apply: (data) => state.push(data.toString()),
        snapshot: () => Buffer.from(JSON.stringify(state)),
        restore: (bytes) => {
          state.splice(0, state.length, ...(JSON.parse(bytes.toString()) as string[]));
        },
      },
      snapshotPolicy: () => ({ intervalEntries: 1_000_000, keepOld: 0 }),
      monotonicMs: () => performance.now(),
      ...changes,
    };
  }

  async create(
    directory: string,
    changes?: Partial<ReplicatedLogOptions<number>>,
  ): Promise<ReplicatedLog<number>> {
    return ReplicatedLog.create(this.options(directory, changes), 'node');
  }

  async open(
    directory: string,
    changes?: Partial<ReplicatedLogOptions<number>>,
  ): Promise<ReplicatedLog<number>> {
    return ReplicatedLog.open(this.options(directory, changes));
  }
}

export type DiskFault = (
  call: keyof Disk | 'write' | 'sync' | 'truncate',
  path: string,
) => Error | undefined;

export function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
}

/**
 * A disk whose calls fail when `fault` says so. A failing write leaves half of its bytes behind.
 */
export function faultyDisk(fault: DiskFault): Disk {
  const check = (call: Parameters<DiskFault>[0], path: string): void => {
    const error = fault(call, path);
    if (error !== undefined) throw error;
  };
  return {
    ...SYSTEM_DISK,
    async rename(from, to) {
      check('rename', to);
      await SYSTEM_DISK.rename(from, to);
    },
    async remove(path) {
      check('remove', path);
      await SYSTEM_DISK.remove(path);
    },
    async open(path, mode) {
      check('open', path);
      const file = await SYSTEM_DISK.open(path, mode);
      return {
        ...file,
        async write(bytes, position) {
          const error = fault('write', path);
          if (error === undefined) return file.write(bytes, position);
          await file.write(bytes.subarray(0, bytes.length >> 1), position);
          throw error;
        },
        async sync() {
          check('sync', path);
          await file.sync();
        },
        async truncate(length) {
          check('truncate', path);
          await file.truncate(length);
        },
      };
    },
  };
}
