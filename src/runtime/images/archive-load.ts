/**
 * `docker load`: reads a docker-archive (`manifest.json`) or an OCI image layout (`index.json`).
 *
 * The outer tar is spread into plain files first, because its parts may come in any order; each
 * file's digest is taken on the way. Then documents are read, every referenced blob is compared
 * with its digest, and layers that are not in the store are unpacked and compared with their diff
 * id. Nothing reaches the store before all of it holds.
 */
import { createReadStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { OciImageConfig } from '../runtime.ts';
import { refuseArchive, RuntimeError } from '../errors.ts';
import { machineArchitecture } from '../host/architecture.ts';
import { unpackLayer, type UnpackedLayer } from '../archive/unpack.ts';
import { spreadArchive, type ArchiveFile, type ArchiveFiles } from '../archive/spread.ts';
import { digestSchema, parseImageDocument } from './image-document.ts';
import type { StoredImage } from './oci-image-store.ts';
import { formatTagged, parseReference } from './reference.ts';

const DOCUMENT_BYTES_MAX = 16 << 20;
const IMAGES_MAX = 1000;
const INDEX_DEPTH_MAX = 4;

const dockerManifest = z
  .array(
    z.looseObject({
      Config: z.string(),
      RepoTags: z.array(z.string()).nullish(),
      Layers: z.array(z.string()).nullish(),
    }),
  )
  .min(1)
  .max(IMAGES_MAX);

const descriptor = z.looseObject({
  mediaType: z.string().optional(),
  digest: digestSchema,
  platform: z.looseObject({ architecture: z.string(), os: z.string() }).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const ociIndex = z.looseObject({ manifests: z.array(descriptor).max(IMAGES_MAX) });
const ociManifest = z.looseObject({ config: descriptor, layers: z.array(descriptor) });

type Descriptor = z.output<typeof descriptor>;

export interface LoadOptions {
  /** An empty directory of the store's file system; the caller deletes it. */
  readonly temporary: string;
  readonly hasLayer: (diffId: string) => Promise<boolean>;
}

/** Throws `archive_refused`, `digest_mismatch`, `disk_full`. */
export async function loadArchive(
  tar: AsyncIterable<Buffer>,
  options: LoadOptions,
): Promise<readonly StoredImage[]> {
  const files = await spreadArchive(tar, path.join(options.temporary, 'files'));
  const loader = new ArchiveLoader(files, options);
  if (files.find('manifest.json') !== undefined) return loader.loadDockerArchive();
  if (files.find('index.json') !== undefined) return loader.loadOciLayout();
  throw refuseArchive('it holds neither manifest.json nor index.json: not an image archive');
}

class ArchiveLoader {
  private readonly files: ArchiveFiles;
  private readonly options: LoadOptions;
  /** Layers unpacked by this load, by diff id. */
  private readonly unpacked = new Set<string>();

  constructor(files: ArchiveFiles, options: LoadOptions) {
    this.files = files;
    this.options = options;
  }

  async loadDockerArchive(): Promise<StoredImage[]> {
    const manifest = await this.document('manifest.json', dockerManifest);
    const images: StoredImage[] = [];
    for (const item of manifest) {
      const configFile = this.file(item.Config);
      const hex = /([0-9a-f]{64})(?:\.json)?$/.exec(item.Config)?.[1];
      if (hex !== undefined) assertDigest(`sha256:${hex}`, configFile.digest);
      const layers = (item.Layers ?? []).map((name) => this.blobOrFile(name));
      images.push({
        ...(await this.image(await this.read(configFile), layers)),
        tags: (item.RepoTags ?? []).map((tag) => formatTagged(parseReference(tag))),
        digests: [],
      });
    }
    return images;
  }

  async loadOciLayout(): Promise<StoredImage[]> {
    const index = await this.document('index.json', ociIndex);
    const images: StoredImage[] = [];
    for (const entry of index.manifests) {
      const manifest = await this.resolve(entry, 0);
      if (manifest !== undefined) images.push(await this.ociImage(entry, manifest));
    }
    if (images.length === 0) {
      throw refuseArchive(`no image for linux/${machineArchitecture()} in it`);
    }
    return images;
  }

  /**
   * The manifest for this machine behind a descriptor, which may be an index of several platforms.
   */
  private async resolve(entry: Descriptor, depth: number): Promise<Descriptor | undefined> {
    if (depth > INDEX_DEPTH_MAX) throw refuseArchive('its indexes are nested too deeply');
    if (!isForThisMachine(entry)) return undefined;
    const file = this.blob(entry.digest);
    const value = parseJson(await this.read(file), entry.digest);
    const index = ociIndex.safeParse(value);
    if (!index.success) return entry;
    for (const inner of index.data.manifests) {
      if (this.files.find(blobPath(inner.digest)) === undefined) continue;
      const found = await this.resolve(inner, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private async ociImage(entry: Descriptor, manifest: Descriptor): Promise<StoredImage> {
    const value = parseJson(await this.read(this.blob(manifest.digest)), manifest.digest);
    const parsed = ociManifest.safeParse(value);
    if (!parsed.success)
      throw refuseArchive(`manifest ${manifest.digest} is malformed`, parsed.error);
    const layers = parsed.data.layers.map((layer) => this.blob(layer.digest));
    const config = await this.read(this.blob(parsed.data.config.digest));
    const name = nameOf(entry);
    return {
      ...(await this.image(config, layers)),
      tags: name === undefined ? [] : [name],
      digests: name === undefined ? [] : [`${parseReference(name).name}@${manifest.digest}`],
    };
  }

  private async image(
    document: Buffer,
    layerFiles: readonly ArchiveFile[],
  ): Promise<Pick<StoredImage, 'document' | 'layers'>> {
    const config = parseImageDocument(document);
    assertRunsHere(config);
    const diffIds = config.rootfs.diff_ids;
    if (diffIds.length !== layerFiles.length) {
      throw refuseArchive(`${layerFiles.length} layers for ${diffIds.length} diff ids`);
    }
    const layers: { unpacked: string; info: UnpackedLayer }[] = [];
    for (const [index, file] of layerFiles.entries()) {
      const layer = await this.maybeUnpack(file, diffIds[index] ?? '');
      if (layer !== undefined) layers.push(layer);
    }
    return { document, layers };
  }

  private async maybeUnpack(
    file: ArchiveFile,
    diffId: string,
  ): Promise<{ unpacked: string; info: UnpackedLayer } | undefined> {
    if (this.unpacked.has(diffId) || (await this.options.hasLayer(diffId))) return undefined;
    const unpacked = path.join(this.options.temporary, `layer-${this.unpacked.size}`);
    await mkdir(unpacked, { mode: 0o755 });
    const info = await unpackLayer(createReadStream(file.path), unpacked);
    assertDigest(diffId, info.diffId);
    this.unpacked.add(diffId);
    return { unpacked, info };
  }

  /** A file by its path; one in `blobs/sha256/` must be what its name says. */
  private blobOrFile(name: string): ArchiveFile {
    const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
    return hex === undefined ? this.file(name) : this.blob(`sha256:${hex}`);
  }

  private blob(digest: string): ArchiveFile {
    const file = this.file(blobPath(digest));
    assertDigest(digest, file.digest);
    return file;
  }

  private file(name: string): ArchiveFile {
    const file = this.files.find(name);
    if (file === undefined) throw refuseArchive(`${JSON.stringify(name.slice(0, 200))} is missing`);
    return file;
  }

  private async read(file: ArchiveFile): Promise<Buffer> {
    if (file.bytes > DOCUMENT_BYTES_MAX) throw refuseArchive(`a document has ${file.bytes} bytes`);
    return readFile(file.path);
  }

  private async document<Schema extends z.ZodType>(
    name: string,
    schema: Schema,
  ): Promise<z.output<Schema>> {
    const value = parseJson(await this.read(this.file(name)), name);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw refuseArchive(`${name} is malformed`, parsed.error);
    return parsed.data;
  }
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

function parseJson(bytes: Buffer, name: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw refuseArchive(`${name} is not JSON`, error);
  }
}

function isForThisMachine({ platform }: Descriptor): boolean {
  if (platform === undefined || platform === null) return true;
  return platform.os === 'linux' && platform.architecture === machineArchitecture();
}

function assertRunsHere(config: OciImageConfig): void {
  if (config.os === 'linux' && config.architecture === machineArchitecture()) return;
  throw refuseArchive(
    `the image is for ${config.os}/${config.architecture}, ` +
      `this machine is linux/${machineArchitecture()}`,
  );
}

/**
 * The name that the writer gave: containerd's annotation is whole, OCI's may be only a tag, which
 * names nothing.
 */
function nameOf({ annotations }: Descriptor): string | undefined {
  const given =
    annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name'];
  if (given === undefined || !/[:/]/.test(given)) return undefined;
  const reference = parseReference(given);
  return reference.digest === undefined ? formatTagged(reference) : undefined;
}

function assertDigest(expected: string, actual: string): void {
  if (expected === actual) return;
  throw new RuntimeError(
    { code: 'digest_mismatch', expected, actual },
    `digest mismatch: expected ${expected}, the content has ${actual}`,
  );
}
