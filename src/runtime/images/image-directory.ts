/**
 * The image directory on disk, which several agents may share.
 *
 * ```
 * lock                      held by whoever changes anything below (file-lock.ts)
 * images/<64 hex>.json      the image's config document, byte for byte; its name is its digest
 * layers/<32 hex>/          a layer's files, as overlayfs wants them; named by its diff id
 * layer-info/<32 hex>.json  full diff id and size; there exactly when the layer is whole
 * uses/<container>.json     which image a container stands on, so that no agent
 *                           deletes it from under another's
 * names.json                tags and repository digests
 * tmp/<pid>-<start>-<n>/    layers being unpacked; left ones are swept when their process is gone
 * ```
 * Short layer names keep overlayfs's mount options below one page for 127 layers.
 */
import { watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { errnoOf, RuntimeError } from '../errors.ts';
import { runChecked } from '../host/command.ts';
import { FileLock } from '../host/file-lock.ts';
import { isTemporaryName, isThere, tryReadDocument, writeFileAtomic } from '../host/files.ts';
import { isAlive, startTicksOf } from '../host/processes.ts';
import type { OciImageConfig } from '../runtime.ts';
import { digestOf, digestSchema, parseImageDocument } from './image-document.ts';

const layerInfo = z.object({ diffId: digestSchema, bytes: z.number().int().nonnegative() });
const use = z.object({ imageId: digestSchema, recordFile: z.string() });
const names = z.object({
  tags: z.record(z.string(), digestSchema),
  digests: z.record(z.string(), digestSchema),
});

export type LayerInfo = z.output<typeof layerInfo>;
export type ImageUse = z.output<typeof use>;
export interface ImageNames {
  /** `name:tag` to image id. */
  readonly tags: Readonly<Record<string, string>>;
  /** `name@sha256:…` (manifest digest) to image id. */
  readonly digests: Readonly<Record<string, string>>;
}

const LAYER_NAME_LENGTH = 32;
const NAMES_FILE = 'names.json';

export class ImageDirectory {
  readonly lock: FileLock;
  readonly layerDirectory: string;
  private readonly root: string;
  /** Documents never change under their name, so they are parsed once. */
  private readonly documents = new Map<string, OciImageConfig>();

  private constructor(root: string) {
    this.root = root;
    this.lock = new FileLock(path.join(root, 'lock'));
    this.layerDirectory = path.join(root, 'layers');
  }

  static async open(root: string): Promise<ImageDirectory> {
    for (const name of ['images', 'layers', 'layer-info', 'uses', 'tmp']) {
      await mkdir(path.join(root, name), { recursive: true, mode: 0o700 });
    }
    const directory = new ImageDirectory(root);
    await directory.lock.with(async () => {
      await directory.sweepTemporaries();
      await directory.setCorruptNamesAside();
    });
    return directory;
  }

  /** A new empty directory on the same file system, for a layer that is being unpacked. */
  async makeTemporary(): Promise<string> {
    const start = await startTicksOf(process.pid);
    const prefix = path.join(this.root, 'tmp', `${process.pid}-${start ?? 0}-`);
    return mkdtemp(prefix);
  }

  private async sweepTemporaries(): Promise<void> {
    for (const name of await readdir(path.join(this.root, 'tmp'))) {
      const [pid = 0, startTicks = 0] = name.split('-').map(Number);
      if (await isAlive({ pid, startTicks })) continue;
      await rm(path.join(this.root, 'tmp', name), { recursive: true, force: true });
    }
    // Writers hold the lock: what is half written here belongs to nobody.
    for (const directory of [
      this.root,
      ...['images', 'layer-info', 'uses'].map((name) => path.join(this.root, name)),
    ]) {
      for (const name of (await readdir(directory)).filter(isTemporaryName)) {
        await rm(path.join(directory, name), { force: true });
      }
    }
  }

  /**
   * Tags are lost with the file; images are still there by their ids, and the next import or load
   * names them again.
   */
  private async setCorruptNamesAside(): Promise<void> {
    const file = path.join(this.root, NAMES_FILE);
    const isReadable = await this.names().then(
      () => true,
      () => false,
    );
    if (!isReadable) await rename(file, `${file}.corrupt`);
  }

  /**
   * Agents of one machine share the directory, so the file itself is watched. Returns how to stop.
   */
  onNamesChange(listener: () => void): () => void {
    const watcher = watch(this.root, { persistent: false }, (_event, name) => {
      if (name === NAMES_FILE) listener();
    });
    // The directory went away: there is nothing to hear of any more.
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  }

  /** Ids of every image whose document is here. */
  async imageIds(): Promise<string[]> {
    const files = await readdir(path.join(this.root, 'images'));
    return files
      .filter((file) => /^[0-9a-f]{64}\.json$/.test(file))
      .map((file) => `sha256:${file.slice(0, 64)}`);
  }

  /**
   * Undefined when there is none. Throws `corrupt` when its bytes are not those its name promises.
   */
  async document(id: string): Promise<OciImageConfig | undefined> {
    const file = this.documentFile(id);
    const known = this.documents.get(id);
    if (known !== undefined && (await isThere(file))) return known;
    this.documents.delete(id);
    const bytes = await readFile(file).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes === undefined) return undefined;
    if (digestOf(bytes) !== id) {
      throw new RuntimeError({ code: 'corrupt', path: file }, `${file} is corrupt`);
    }
    const document = parseImageDocument(bytes);
    this.documents.set(id, document);
    return document;
  }

  /** The lock is held. */
  async putDocument(bytes: Buffer): Promise<string> {
    const id = digestOf(bytes);
    await writeFileAtomic(this.documentFile(id), bytes);
    return id;
  }

  async removeDocument(id: string): Promise<void> {
    this.documents.delete(id);
    await rm(this.documentFile(id), { force: true });
  }

  /**
   * A layer whose document cannot be read counts as absent: the next import or load makes it anew.
   */
  async layer(diffId: string): Promise<LayerInfo | undefined> {
    const file = this.layerInfoFile(layerName(diffId));
    const info = await tryReadDocument(file, layerInfo).catch(() => undefined);
    return info?.diffId === diffId ? info : undefined;
  }

  /**
   * Moves an unpacked layer to its place, or deletes it when it is there already. The lock is held.
   */
  async putLayer(unpacked: string, info: LayerInfo): Promise<void> {
    if ((await this.layer(info.diffId)) !== undefined) {
      await rm(unpacked, { recursive: true, force: true });
      return;
    }
    const name = layerName(info.diffId);
    const target = path.join(this.layerDirectory, name);
    await runChecked('sync', ['-f', unpacked], { timeoutMs: 600_000 });
    await rm(target, { recursive: true, force: true });
    await rename(unpacked, target);
    await writeFileAtomic(this.layerInfoFile(name), JSON.stringify(info));
  }

  /** Deletes layers that no image names. The lock is held. */
  async removeOrphanLayers(wanted: ReadonlySet<string>): Promise<void> {
    const keep = new Set([...wanted].map(layerName));
    for (const name of await readdir(this.layerDirectory)) {
      if (keep.has(name)) continue;
      await rm(this.layerInfoFile(name), { force: true });
      await rm(path.join(this.layerDirectory, name), { recursive: true, force: true });
    }
  }

  async names(): Promise<ImageNames> {
    const file = path.join(this.root, NAMES_FILE);
    return (await tryReadDocument(file, names)) ?? { tags: {}, digests: {} };
  }

  /** The lock is held. */
  async putNames(changed: ImageNames): Promise<void> {
    await writeFileAtomic(path.join(this.root, NAMES_FILE), JSON.stringify(changed));
  }

  /** The lock is held. */
  async putUse(containerId: string, entry: ImageUse): Promise<void> {
    await writeFileAtomic(this.useFile(containerId), JSON.stringify(entry));
  }

  async removeUse(containerId: string): Promise<void> {
    await rm(this.useFile(containerId), { force: true });
  }

  /**
   * Containers that stand on an image, of every agent; those whose record is gone are forgotten.
   * The lock is held.
   */
  async uses(): Promise<Map<string, ImageUse>> {
    const found = new Map<string, ImageUse>();
    for (const file of await readdir(path.join(this.root, 'uses'))) {
      const containerId = file.replace(/\.json$/, '');
      const entry = await tryReadDocument(this.useFile(containerId), use).catch(() => undefined);
      if (entry !== undefined && (await isThere(entry.recordFile))) found.set(containerId, entry);
      else if (file.endsWith('.json')) await this.removeUse(containerId);
    }
    return found;
  }

  private documentFile(id: string): string {
    return path.join(this.root, 'images', `${id.slice('sha256:'.length)}.json`);
  }

  private layerInfoFile(name: string): string {
    return path.join(this.root, 'layer-info', `${name}.json`);
  }

  private useFile(containerId: string): string {
    return path.join(this.root, 'uses', `${containerId}.json`);
  }
}

/** The directory of a layer below `layers/`. */
export function layerName(diffId: string): string {
  return diffId.slice('sha256:'.length, 'sha256:'.length + LAYER_NAME_LENGTH);
}
