/** Builds tars in memory, hostile ones too. */
import {
  encodeTarEntry,
  paddingOf,
  type TarEntry,
} from '../../../src/runtime/archive/tar-entry.ts';

export interface TarPart extends Partial<TarEntry> {
  readonly path: string;
  readonly content?: string | Buffer;
}

export function tarOf(parts: readonly TarPart[]): Buffer {
  const blocks = parts.flatMap((part) => {
    const content = Buffer.from(part.content ?? '');
    const entry: TarEntry = {
      type: 'file',
      linkPath: '',
      mode: part.type === 'directory' ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      mtimeSeconds: 1_700_000_000,
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: new Map(),
      ...part,
      size: content.length,
    };
    return [encodeTarEntry(entry), content, Buffer.alloc(paddingOf(content.length))];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
