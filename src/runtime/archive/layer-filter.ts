/**
 * Makes a layer's tar safe and overlayfs's own.
 *
 * - Every path is relative and without `..`; hard links too. Symbolic links are kept as they are:
 *   they are resolved inside the container, and GNU tar never extracts through one that leaves the
 *   directory.
 * - `.wh.NAME` (AUFS whiteout, OCI image-spec layer.md) becomes a character device 0/0 called NAME,
 *   and `.wh..wh..opq` the attribute trusted.overlay.opaque on its directory: what overlayfs reads.
 * - Attributes other than file capabilities and user.* are dropped. A layer that could set
 *   trusted.overlay.redirect would choose what it is laid over.
 */
import { refuseArchive } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { encodeTarEntry, paddingOf, type TarEntry } from './tar-entry.ts';
import { readTar, type TarItem } from './tar-reader.ts';

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_NAME = '.wh..wh..opq';
const AUFS_INTERNAL_PREFIX = '.wh..wh.';
const PATH_BYTES_MAX = 4095;

export interface LayerLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export interface LayerSize {
  entries: number;
  bytes: number;
}

/** The rewritten archive; `size` is counted up as it passes. Throws `archive_refused`. */
export async function* filterLayer(
  source: ByteSource,
  limits: LayerLimits,
  size: LayerSize,
): AsyncGenerator<Buffer> {
  const parents = new ParentStack();
  for await (const item of readTar(source)) {
    const entry = safeEntry(item.entry);
    countEntry(entry, limits, size);
    parents.enter(entry);
    yield* emit(convert(entry, parents), item);
  }
  yield Buffer.alloc(1024);
}

function countEntry(entry: TarEntry, limits: LayerLimits, size: LayerSize): void {
  size.entries += 1;
  size.bytes += entry.size;
  if (size.entries > limits.entriesMax) {
    throw refuseArchive(`more than ${limits.entriesMax} entries`);
  }
  if (size.bytes > limits.bytesMax) throw refuseArchive(`more than ${limits.bytesMax} bytes`);
}

async function* emit(entry: TarEntry | undefined, item: TarItem): AsyncGenerator<Buffer> {
  if (entry === undefined) return;
  yield encodeTarEntry(entry);
  if (entry.size === 0) return;
  yield* item.content;
  yield Buffer.alloc(paddingOf(entry.size));
}

/** What overlayfs wants in place of an entry; undefined drops it. */
function convert(entry: TarEntry, parents: ParentStack): TarEntry | undefined {
  const slash = entry.path.lastIndexOf('/');
  const directory = entry.path.slice(0, Math.max(slash, 0));
  const name = entry.path.slice(slash + 1);
  if (name === OPAQUE_NAME) return opaque(parents.find(directory) ?? plainDirectory(directory));
  if (name.startsWith(AUFS_INTERNAL_PREFIX)) return undefined;
  if (!name.startsWith(WHITEOUT_PREFIX)) return entry;
  const hidden = name.slice(WHITEOUT_PREFIX.length);
  if (hidden === '' || hidden === '.' || hidden === '..')
    throw refuseArchive('a whiteout has no name');
  const path = directory === '' ? hidden : `${directory}/${hidden}`;
  return { ...plainDirectory(path), type: 'char', mode: 0 };
}

function opaque(directory: TarEntry): TarEntry {
  return {
    ...directory,
    xattrs: new Map([...directory.xattrs, ['trusted.overlay.opaque', 'y']]),
  };
}

function plainDirectory(path: string): TarEntry {
  return {
    type: 'directory',
    path: path === '' ? '.' : path,
    linkPath: '',
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSeconds: 0,
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
  };
}

function safeEntry(entry: TarEntry): TarEntry {
  return {
    ...entry,
    path: innerPath(entry.path),
    linkPath: entry.type === 'hardlink' ? innerPath(entry.linkPath) : checkLink(entry),
    xattrs: new Map([...entry.xattrs].filter(([name]) => isHarmless(name))),
  };
}

function isHarmless(xattr: string): boolean {
  return xattr === 'security.capability' || xattr.startsWith('user.');
}

function checkLink(entry: TarEntry): string {
  if (entry.type !== 'symlink') return '';
  if (entry.linkPath === '' || entry.linkPath.length > PATH_BYTES_MAX) {
    throw refuseArchive(`the link ${printable(entry.path)} has a bad target`);
  }
  return entry.linkPath;
}

/**
 * Relative to the archive's root, without empty, `.` or `..` components; `.` for the root. Throws
 * `archive_refused`.
 */
export function innerPath(path: string): string {
  const components = path.split('/').filter((component) => component !== '' && component !== '.');
  if (components.includes('..')) throw refuseArchive(`${printable(path)} leaves the archive`);
  const joined = components.join('/');
  if (joined.length > PATH_BYTES_MAX || joined.includes('\0')) {
    throw refuseArchive('a path is too long or has a zero byte');
  }
  return joined === '' ? '.' : joined;
}

function printable(path: string): string {
  return JSON.stringify(path.slice(0, 200));
}

/**
 * Directory entries above the current one, so that an opaque marker repeats its directory with the
 * right attributes.
 */
class ParentStack {
  private directories: TarEntry[] = [];

  enter(entry: TarEntry): void {
    this.directories = this.directories.filter(({ path }) => entry.path.startsWith(`${path}/`));
    if (entry.type === 'directory') this.directories.push(entry);
  }

  find(path: string): TarEntry | undefined {
    return this.directories.find((directory) => directory.path === path);
  }
}
