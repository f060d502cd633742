/**
 * Spreads an archive of documents and blobs into numbered plain files, so that no name of it
 * reaches the file system.
 */
import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { refuseArchive } from '../errors.ts';
import { ByteSource } from './byte-source.ts';
import { decompress } from './decompress.ts';
import { innerPath } from './layer-filter.ts';
import { readTar } from './tar-reader.ts';

const ENTRIES_MAX = 100_000;
const BYTES_MAX = 256 * 2 ** 30;
const LINKS_MAX = 8;

export interface ArchiveFile {
  /** On the host. */
  readonly path: string;
  readonly digest: string;
  readonly bytes: number;
}

/** The files of an archive by their paths in it; links are followed within it. */
export class ArchiveFiles {
  private readonly files = new Map<string, ArchiveFile>();
  private readonly links = new Map<string, string>();

  add(name: string, file: ArchiveFile): void {
    this.files.set(name, file);
    this.links.delete(name);
  }

  addLink(name: string, target: string): void {
    this.links.set(name, target);
    this.files.delete(name);
  }

  find(name: string): ArchiveFile | undefined {
    let current = path.posix.normalize(name);
    for (let hops = 0; hops <= LINKS_MAX; hops += 1) {
      const target = this.links.get(current);
      if (target === undefined) return this.files.get(current);
      current = target;
    }
    return undefined;
  }
}

/** Writes every regular file below `directory`, which it makes. Throws `archive_refused`. */
export async function spreadArchive(
  tar: AsyncIterable<Buffer>,
  directory: string,
): Promise<ArchiveFiles> {
  await mkdir(directory, { mode: 0o700 });
  const source = new ByteSource(decompress(tar));
  const files = new ArchiveFiles();
  let entries = 0;
  let bytes = 0;
  try {
    for await (const { entry, content } of readTar(source)) {
      entries += 1;
      bytes += entry.size;
      if (entries > ENTRIES_MAX || bytes > BYTES_MAX) throw refuseArchive('it is too large');
      const name = innerPath(entry.path);
      if (entry.type === 'file') {
        const target = path.join(directory, String(entries));
        files.add(name, await writeBlob(content, target));
      }
      if (entry.type === 'hardlink') files.addLink(name, innerPath(entry.linkPath));
      if (entry.type === 'symlink') files.addLink(name, linkTarget(name, entry.linkPath));
    }
    await source.finish();
    return files;
  } finally {
    await source.abandon();
  }
}

/** Older archives have `<id>/layer.tar -> ../<other id>/layer.tar`. */
function linkTarget(name: string, link: string): string {
  return path.posix.normalize(path.posix.join('/', path.posix.dirname(name), link)).slice(1);
}

async function writeBlob(content: AsyncIterable<Buffer>, target: string): Promise<ArchiveFile> {
  const handle = await open(target, 'wx', 0o600);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      bytes += chunk.length;
      await handle.writeFile(chunk);
    }
  } finally {
    await handle.close();
  }
  return { path: target, digest: `sha256:${hash.digest('hex')}`, bytes };
}
