/** What conmon wrote about a container that ended. */
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isThere, tryReadText } from '../host/files.ts';
import type { ContainerPaths } from '../containers/container-paths.ts';

export interface ContainerExit {
  readonly exitCode: number;
  readonly finishedAtMs: number;
  readonly isOutOfMemoryKilled: boolean;
}

const EXIT_FILE_BYTES_MAX = 16;

/**
 * Undefined while there is no exit code. The copy in the bundle survives a reboot, the one in the
 * run directory not.
 */
export async function tryReadExit(paths: ContainerPaths): Promise<ContainerExit | undefined> {
  for (const file of [paths.exitFile, path.join(paths.persist, 'exit')]) {
    const exit = await tryReadCode(file);
    if (exit === undefined) continue;
    return { ...exit, isOutOfMemoryKilled: await isThere(path.join(paths.persist, 'oom')) };
  }
  return undefined;
}

async function tryReadCode(
  file: string,
): Promise<{ exitCode: number; finishedAtMs: number } | undefined> {
  const text = await tryReadText(file, EXIT_FILE_BYTES_MAX).catch(() => undefined);
  if (text === undefined || !/^-?\d{1,3}\s*$/.test(text)) return undefined;
  const written = await stat(file).catch(() => undefined);
  if (written === undefined) return undefined;
  // conmon writes -1 when waiting failed.
  const code = Number(text);
  return { exitCode: code < 0 ? 255 : code, finishedAtMs: Math.trunc(written.mtimeMs) };
}

/** Before a new process: an old code must not be taken for its own. */
export async function forgetExit(paths: ContainerPaths): Promise<void> {
  await rm(paths.exitFile, { force: true });
  await rm(path.join(paths.persist, 'exit'), { force: true });
  await rm(path.join(paths.persist, 'oom'), { force: true });
}
