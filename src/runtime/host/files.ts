/**
 * Files that are whole or absent: written beside, synced, renamed; read with a schema and a size
 * limit.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import { asDiskError, errnoOf, RuntimeError } from '../errors.ts';

/**
 * A container's record with a long environment is some 100 KiB; image documents reach a few MiB.
 */
const DOCUMENT_BYTES_MAX = 16 << 20;

const TEMPORARY_NAME = /\.tmp-[0-9a-f]{12}$/;

/** Whether a file is one that `writeFileAtomic` was killed at. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY_NAME.test(name);
}

/**
 * After it resolves, a crash or power loss finds the new content; before, the old one. Never a
 * mixture.
 */
export async function writeFileAtomic(file: string, content: string | Buffer): Promise<void> {
  const temporary = `${file}.tmp-${randomBytes(6).toString('hex')}`;
  try {
    await writeSynced(temporary, content);
    await rename(temporary, file);
    await syncDirectory(path.dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw asDiskError(error, file);
  }
}

async function writeSynced(file: string, content: string | Buffer): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Undefined when there is no such file. Throws `corrupt` when it is not what the schema says. */
export async function tryReadDocument<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const text = await tryReadText(file, DOCUMENT_BYTES_MAX);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new RuntimeError({ code: 'corrupt', path: file }, `${file} is corrupt`, error);
  }
}

/** Undefined when there is no such file. Throws `corrupt` when it is longer than `bytesMax`. */
export async function tryReadText(file: string, bytesMax: number): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > bytesMax) {
      throw new RuntimeError({ code: 'corrupt', path: file }, `${file} has ${size} bytes`);
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
