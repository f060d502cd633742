/**
 * The OCI image config document, its schema and its id. Fields that Hawser does not use are kept as
 * they are.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { machineArchitecture } from '../host/architecture.ts';
import { refuseArchive } from '../errors.ts';
import type { OciImageConfig } from '../runtime.ts';

const strings = z.array(z.string());
const set = z.record(z.string(), z.unknown());

const configSection = z.looseObject({
  User: z.string().optional(),
  Env: strings.nullish().transform((env) => env ?? undefined),
  Entrypoint: z.union([strings, z.string().transform((word) => [word])]).nullish(),
  Cmd: z.union([strings, z.string().transform((word) => [word])]).nullish(),
  WorkingDir: z.string().optional(),
  Labels: z.record(z.string(), z.string()).nullish(),
  ExposedPorts: set.nullish(),
  Volumes: set.nullish(),
  StopSignal: z.string().optional(),
  Healthcheck: set.nullish(),
});

/** A digest as the stores of this room use it. */
export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** Docker's limit on layers is 127; overlayfs's is higher. */
const LAYERS_MAX = 127;

const imageDocument = z.looseObject({
  created: z.string().nullish(),
  author: z.string().nullish(),
  architecture: z.string(),
  os: z.string(),
  config: configSection.nullish(),
  rootfs: z.looseObject({
    type: z.literal('layers'),
    diff_ids: z.array(digestSchema).min(1).max(LAYERS_MAX),
  }),
  history: z.array(z.unknown()).nullish(),
});

/**
 * `config` of an image document, with Docker's health check, which the OCI specification does not
 * have.
 */
export type ImageConfigSection = NonNullable<OciImageConfig['config']> & {
  readonly Healthcheck?: Readonly<Record<string, unknown>>;
};

/** Throws `archive_refused`. */
export function parseImageDocument(bytes: Buffer): OciImageConfig {
  let value: unknown;
  try {
    value = imageDocument.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw refuseArchive('the image config is not an image config', error);
  }
  return dropAbsent(value) as OciImageConfig;
}

/** Writers leave null and undefined for "absent"; readers here know only absent. */
function dropAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropAbsent);
  if (typeof value !== 'object' || value === null) return value;
  const present = Object.entries(value).filter(
    ([, field]) => field !== undefined && field !== null,
  );
  return Object.fromEntries(present.map(([key, field]) => [key, dropAbsent(field)]));
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export interface ImportedImage {
  readonly diffId: string;
  readonly config: ImageConfigSection;
  readonly createdAtMs: number;
  readonly message: string;
}

/** The document that `docker import` would write. */
export function documentOfImport(image: ImportedImage): Buffer {
  const created = new Date(image.createdAtMs).toISOString();
  const document = {
    architecture: machineArchitecture(),
    comment: image.message,
    config: image.config,
    created,
    history: [{ created, comment: image.message }],
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [image.diffId] },
  };
  return Buffer.from(JSON.stringify(document));
}
