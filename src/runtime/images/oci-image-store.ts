/** Images on this node: `docker import`, `load`, `tag`, `rmi` over an `ImageDirectory`. */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import { unpackLayer, type UnpackedLayer } from '../archive/unpack.ts';
import { asDiskError, invalid, RuntimeError } from '../errors.ts';
import type { ImageStore, ImageSummary, ImportOptions, OciImageConfig } from '../runtime.ts';
import { loadArchive } from './archive-load.ts';
import { documentOfImport, parseImageDocument } from './image-document.ts';
import { layerName, type ImageDirectory, type ImageNames } from './image-directory.ts';
import { applyChanges } from './import-changes.ts';
import { formatTagged, parseReference } from './reference.ts';
import { removeImage, type RemovedImage } from './image-removal.ts';

/** What a container needs of its image. */
export interface ImageForContainer {
  readonly id: string;
  readonly config: OciImageConfig;
  readonly layerDirectory: string;
  /** Names below `layerDirectory`, topmost first. */
  readonly lower: readonly string[];
}

export interface StoredImage {
  readonly document: Buffer;
  readonly layers: readonly { readonly unpacked: string; readonly info: UnpackedLayer }[];
  readonly tags: readonly string[];
  readonly digests: readonly string[];
}

export interface ImageStoreOptions {
  readonly directory: ImageDirectory;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Only its own containers make a removal fail; those of other agents keep the content. */
  readonly isOwnContainer: (containerId: string) => boolean;
}

export class OciImageStore implements ImageStore {
  private readonly directory: ImageDirectory;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly isOwnContainer: (containerId: string) => boolean;

  constructor(options: ImageStoreOptions) {
    this.directory = options.directory;
    this.logger = options.logger;
    this.clock = options.clock;
    this.isOwnContainer = options.isOwnContainer;
  }

  async list(): Promise<readonly ImageSummary[]> {
    const { tags } = await this.directory.names();
    const summaries: ImageSummary[] = [];
    for (const id of await this.directory.imageIds()) {
      const summary = await this.trySummary(id, tags);
      if (summary !== undefined) summaries.push(summary);
    }
    return summaries.sort((left, right) => right.createdAtMs - left.createdAtMs);
  }

  async find(reference: string): Promise<ImageSummary | undefined> {
    const names = await this.directory.names();
    const id = await this.findId(reference, names);
    return id === undefined ? undefined : this.trySummary(id, names.tags);
  }

  onChange(listener: () => void): () => void {
    return this.directory.onNamesChange(listener);
  }

  async importRootfs(tar: NodeJS.ReadableStream, options: ImportOptions): Promise<ImageSummary> {
    const config = applyChanges(options.changes);
    const tags = options.reference === undefined ? [] : [tagOf(options.reference)];
    const temporary = await this.directory.makeTemporary();
    try {
      const unpacked = path.join(temporary, 'layer');
      await mkdir(unpacked, { mode: 0o755 });
      const info = await unpackLayer(tar as AsyncIterable<Buffer>, unpacked);
      const document = documentOfImport({
        diffId: info.diffId,
        config,
        createdAtMs: this.clock.wallMs(),
        message: options.message ?? 'Imported from -',
      });
      return await this.put({ document, layers: [{ unpacked, info }], tags, digests: [] });
    } catch (error) {
      throw asDiskError(error, temporary);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async load(tar: NodeJS.ReadableStream): Promise<readonly ImageSummary[]> {
    const temporary = await this.directory.makeTemporary();
    try {
      const images = await loadArchive(tar as AsyncIterable<Buffer>, {
        temporary,
        hasLayer: async (diffId) => (await this.directory.layer(diffId)) !== undefined,
      });
      const summaries: ImageSummary[] = [];
      for (const image of images) summaries.push(await this.put(image));
      return summaries;
    } catch (error) {
      throw asDiskError(error, temporary);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async tag(id: string, reference: string): Promise<void> {
    const tag = tagOf(reference);
    await this.directory.lock.with(async () => {
      const names = await this.directory.names();
      const found = await this.findId(id, names);
      if (found === undefined) throw noSuchImage(id);
      await this.directory.putNames({ ...names, tags: { ...names.tags, [tag]: found } });
    });
  }

  async remove(reference: string, isForced: boolean): Promise<readonly RemovedImage[]> {
    return this.directory.lock.with(async () => {
      const names = await this.directory.names();
      const id = await this.findId(reference, names);
      if (id === undefined) throw noSuchImage(reference);
      return removeImage(this.directory, {
        reference,
        id,
        names,
        isForced,
        isOwnContainer: this.isOwnContainer,
      });
    });
  }

  /**
   * Registers a container as a user of its image; nobody deletes the image's layers until
   * `release`.
   */
  async acquire(
    reference: string,
    container: { readonly id: string; readonly recordFile: string },
  ): Promise<ImageForContainer> {
    return this.directory.lock.with(async () => {
      const id = await this.findId(reference, await this.directory.names());
      const config = id === undefined ? undefined : await this.directory.document(id);
      if (id === undefined || config === undefined) throw noSuchImage(reference);
      await this.directory.putUse(container.id, { imageId: id, recordFile: container.recordFile });
      return this.forContainer(id, config);
    });
  }

  /** The image of a container that exists; its use is registered. */
  async ofContainer(imageId: string): Promise<ImageForContainer> {
    const config = await this.directory.document(imageId);
    if (config === undefined) throw noSuchImage(imageId);
    return this.forContainer(imageId, config);
  }

  async release(containerId: string): Promise<void> {
    await this.directory.removeUse(containerId);
  }

  private forContainer(id: string, config: OciImageConfig): ImageForContainer {
    const lower = config.rootfs.diff_ids.map(layerName).reverse();
    return {
      id,
      config,
      layerDirectory: this.directory.layerDirectory,
      lower: [...new Set(lower)],
    };
  }

  private async put(image: StoredImage): Promise<ImageSummary> {
    return this.directory.lock.with(async () => {
      for (const { unpacked, info } of image.layers) await this.directory.putLayer(unpacked, info);
      const config = parseImageDocument(image.document);
      for (const diffId of config.rootfs.diff_ids) {
        if ((await this.directory.layer(diffId)) !== undefined) continue;
        throw new RuntimeError(
          { code: 'archive_refused', reason: `layer ${diffId} is missing` },
          `the archive does not hold layer ${diffId}`,
        );
      }
      const id = await this.directory.putDocument(image.document);
      const names = await this.directory.names();
      const added: ImageNames = {
        tags: { ...names.tags, ...Object.fromEntries(image.tags.map((tag) => [tag, id])) },
        digests: {
          ...names.digests,
          ...Object.fromEntries(image.digests.map((name) => [name, id])),
        },
      };
      await this.directory.putNames(added);
      return this.summary(id, config, added.tags);
    });
  }

  /**
   * An image whose document or layers cannot be read is left out, with a warning, and spoils
   * nothing else.
   */
  private async trySummary(
    id: string,
    tags: ImageNames['tags'],
  ): Promise<ImageSummary | undefined> {
    try {
      const config = await this.directory.document(id);
      return config === undefined ? undefined : await this.summary(id, config, tags);
    } catch (error) {
      this.logger.warn({ image: id, error: messageOf(error) }, 'image cannot be read');
      return undefined;
    }
  }

  private async summary(
    id: string,
    config: OciImageConfig,
    tags: ImageNames['tags'],
  ): Promise<ImageSummary> {
    const layers = await Promise.all(
      config.rootfs.diff_ids.map((diffId) => this.directory.layer(diffId)),
    );
    const created = Date.parse(config.created ?? '');
    return {
      id,
      tags: Object.keys(tags)
        .filter((tag) => tags[tag] === id)
        .sort(),
      createdAtMs: Number.isNaN(created) ? 0 : created,
      bytes: layers.reduce((total, layer) => total + (layer?.bytes ?? 0), 0),
      config,
    };
  }

  /** Docker's order: a whole id, a name, the beginning of an id. */
  private async findId(reference: string, names: ImageNames): Promise<string | undefined> {
    const hex = reference.replace(/^sha256:/, '');
    const ids = await this.directory.imageIds();
    if (ids.includes(`sha256:${hex}`)) return `sha256:${hex}`;
    const named = reference.startsWith('sha256:')
      ? undefined
      : findByName(reference, { names, ids });
    if (named !== undefined) return named;
    if (!/^[0-9a-f]{1,63}$/.test(hex)) return undefined;
    const matches = ids.filter((id) => id.startsWith(`sha256:${hex}`));
    return matches.length === 1 ? matches[0] : undefined;
  }
}

function findByName(
  text: string,
  known: { readonly names: ImageNames; readonly ids: readonly string[] },
): string | undefined {
  let reference;
  try {
    reference = parseReference(text);
  } catch {
    return undefined;
  }
  if (reference.digest === undefined) return known.names.tags[formatTagged(reference)];
  const byManifest = known.names.digests[`${reference.name}@${reference.digest}`];
  return byManifest ?? known.ids.find((id) => id === reference.digest);
}

/** The tag that a reference names. Throws `invalid` when it has a digest. */
export function tagOf(text: string): string {
  const reference = parseReference(text);
  if (reference.digest !== undefined) {
    throw invalid('reference', text, 'refusing to create a tag with a digest reference');
  }
  return formatTagged(reference);
}

function noSuchImage(name: string): RuntimeError {
  return new RuntimeError({ code: 'not_found', what: 'image', name }, `No such image: ${name}`);
}
