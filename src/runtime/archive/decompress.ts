/** Undoes whatever compression a stream has, recognized by its first bytes. */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { messageOf } from '../../base/index.ts';
import { refuseArchive } from '../errors.ts';
import { collectText, exitOf, toolEnvironment } from '../host/command.ts';

const FORMATS = [
  { name: 'gzip', magic: Buffer.from([0x1f, 0x8b]) },
  { name: 'zstd', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { name: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { name: 'bzip2', magic: Buffer.from([0x42, 0x5a, 0x68]) },
] as const;

const MAGIC_BYTES_MAX = 6;

/**
 * The plain bytes. Throws `archive_refused` for damaged input and `missing_tool` when zstd, xz or
 * bzip2 is not there.
 */
export async function* decompress(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES_MAX) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = prepend(head, iterator);
  const format = FORMATS.find(({ magic }) => head.subarray(0, magic.length).equals(magic))?.name;
  if (format === undefined) yield* whole;
  else if (format === 'gzip') yield* gunzip(whole);
  else yield* throughTool(format, whole);
}

async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

async function* gunzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unzip = createGunzip({ chunkSize: 64 << 10 });
  const source = Readable.from(chunks);
  const fed = pipeline(source, unzip);
  fed.catch(() => undefined);
  try {
    for await (const chunk of unzip) yield chunk as Buffer;
    await fed;
  } catch (error) {
    throw refuseArchive(`cannot decompress gzip: ${messageOf(error)}`, error);
  } finally {
    source.destroy();
    unzip.destroy();
  }
}

async function* throughTool(tool: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const child = spawn(tool, ['-dc'], { env: toolEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
  const stderr = collectText(child.stderr);
  const exited = exitOf(child, tool);
  exited.catch(() => undefined);
  const source = Readable.from(chunks);
  const fed = pipeline(source, child.stdin);
  fed.catch(() => undefined);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const { exitCode } = await exited;
    if (exitCode !== 0) throw refuseArchive(`cannot decompress ${tool}: ${stderr.text().trim()}`);
    await fed;
  } finally {
    source.destroy();
    child.kill('SIGKILL');
  }
}
