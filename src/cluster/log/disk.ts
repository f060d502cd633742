/**
 * The few calls that the log makes on a file system, so that tests can let any of them fail.
 *
 * Files are made with mode 0600 and directories with 0700: the log holds the cluster's keys.
 */
import { constants } from 'node:fs';
import {
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  type FileHandle,
} from 'node:fs/promises';
import { dirname } from 'node:path';

export interface DiskFile {
  size(): Promise<number>;
  /** Fills `into` as far as the file goes; how many bytes that were. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes`, or throws. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Resolves once data and length are durable (fdatasync). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * For reading and writing. `create` makes the file or empties it; of a `durable` file, which must
 * exist, each write resolves once its bytes are durable, which costs one hop to another thread
 * where a write and a sync cost two.
 */
export type OpenMode = 'create' | 'existing' | 'durable';

export interface Disk {
  makeDirectory(path: string): Promise<void>;
  /** Makes names in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Names in a directory; none if it does not exist. */
  list(path: string): Promise<string[]>;
  read(path: string): Promise<Buffer>;
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

const FLAGS: Readonly<Record<OpenMode, number>> = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  existing: constants.O_RDWR,
  durable: constants.O_RDWR | constants.O_DSYNC,
};

export const SYSTEM_DISK: Disk = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  },
  async syncDirectory(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async list(path) {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  },
  read: (path) => readFile(path),
  async open(path, mode) {
    return systemFile(await open(path, FLAGS[mode], FILE_MODE));
  },
  rename,
  remove: (path) => rm(path, { force: true }),
};

function systemFile(handle: FileHandle): DiskFile {
  return {
    size: async () => (await handle.stat()).size,
    async read(into, position) {
      let done = 0;
      while (done < into.length) {
        const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    async write(bytes, position) {
      let done = 0;
      while (done < bytes.length) {
        const left = bytes.length - done;
        done += (await handle.write(bytes, done, left, position + done)).bytesWritten;
      }
    },
    sync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    close: () => handle.close(),
  };
}

/** Replaces a file as a whole: after a crash it holds the old bytes or the new ones. */
export async function replaceFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  await replaceFileWith(disk, path, (file) => file.write(bytes, 0));
}

/** The same, for a file that is written in several pieces by `fill`. */
export async function replaceFileWith(
  disk: Disk,
  path: string,
  fill: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await disk.open(temporary, 'create');
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    // The failure that matters is the one being reported; the leftover is removed at the next open
    // in any case.
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
  await disk.syncDirectory(dirname(path));
}

export async function fileExists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The errno's name of a failed system call, if it is one. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
