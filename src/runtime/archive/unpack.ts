/**
 * Unpacks one layer into a directory: decompress, check and convert (layer-filter.ts), then GNU
 * tar.
 */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { refuseArchive, RuntimeError } from '../errors.ts';
import { collectText, commandFailed, exitOf, toolEnvironment } from '../host/command.ts';
import { ByteSource } from './byte-source.ts';
import { decompress } from './decompress.ts';
import { filterLayer, type LayerLimits, type LayerSize } from './layer-filter.ts';

/** Far above any real image, low enough that a decompression bomb ends before the disk does. */
export const DEFAULT_LAYER_LIMITS: LayerLimits = { entriesMax: 4_000_000, bytesMax: 256 * 2 ** 30 };

export interface UnpackedLayer {
  /** Digest of the plain tar: `sha256:…`. */
  readonly diffId: string;
  /** Content bytes of its files. */
  readonly bytes: number;
}

/**
 * Extracts into `directory`, which exists and is empty. What is left there after an error is the
 * caller's to delete.
 */
export async function unpackLayer(
  tar: AsyncIterable<Buffer>,
  directory: string,
  limits: LayerLimits = DEFAULT_LAYER_LIMITS,
): Promise<UnpackedLayer> {
  const source = new ByteSource(decompress(tar));
  const size: LayerSize = { entries: 0, bytes: 0 };
  try {
    await extract(filterLayer(source, limits, size), directory);
    const diffId = await source.finish();
    if (size.entries === 0) throw refuseArchive('it is empty');
    return { diffId, bytes: size.bytes };
  } finally {
    await source.abandon();
  }
}

const TAR_ARGUMENTS = [
  '--extract',
  '--file=-',
  '--numeric-owner',
  '--same-owner',
  '--same-permissions',
  '--xattrs',
  '--xattrs-include=*',
  '--delay-directory-restore',
  '--warning=no-timestamp',
];

async function extract(archive: AsyncIterable<Buffer>, directory: string): Promise<void> {
  const child = spawn('tar', [...TAR_ARGUMENTS, `--directory=${directory}`], {
    env: toolEnvironment(),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const stderr = collectText(child.stderr);
  const exited = exitOf(child, 'tar');
  exited.catch(() => undefined);
  const feedError = await pipeline(Readable.from(archive), child.stdin).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  const { exitCode } = await exited;
  // The filter's own refusal says more than tar's "unexpected end" that follows from it.
  if (feedError instanceof RuntimeError) throw feedError;
  if (exitCode !== 0) throw tarFailure(exitCode, stderr.text());
  if (feedError !== undefined) throw feedError;
}

function tarFailure(exitCode: number | undefined, stderr: string): RuntimeError {
  const failure = commandFailed('tar', { exitCode, stdout: '', stderr });
  if (failure.detail.code === 'disk_full') return failure;
  return refuseArchive(`it cannot be unpacked: ${stderr.trim().slice(0, 1000)}`, failure);
}
