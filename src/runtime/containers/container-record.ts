/**
 * A container's record: what an agent must know to go on where another one was killed.
 *
 * Written whole before and after each step, so that a crash at any instruction leaves a phase that
 * `adopt.ts` can finish: `creating` and `removing` are cleaned away, `starting` is looked at, the
 * others stand.
 */
import path from 'node:path';
import { z } from 'zod';
import { tryReadDocument, writeFileAtomic } from '../host/files.ts';
import type { ContainerSpec, ContainerStatus } from '../runtime.ts';

const strings = z.array(z.string());
const labels = z.record(z.string(), z.string());
const count = z.number().int();

const mount = z.strictObject({
  Type: z.enum(['bind', 'volume', 'tmpfs']),
  Source: z.string().optional(),
  Target: z.string(),
  ReadOnly: z.boolean().optional(),
  TmpfsOptions: z.object({ SizeBytes: count.optional(), Mode: count.optional() }).optional(),
});

export const containerIdSchema = z.string().regex(/^[0-9a-f]{64}$/);

const spec = z.object({
  id: containerIdSchema,
  name: z.string(),
  image: z.string(),
  command: strings.optional(),
  args: strings.optional(),
  env: strings,
  workingDirectory: z.string().optional(),
  user: z.string().optional(),
  groups: strings.optional(),
  hasTty: z.boolean(),
  isReadOnly: z.boolean(),
  mounts: z.array(mount),
  networkNamespacePath: z.string(),
  hostname: z.string(),
  hostsFile: z.string(),
  resolvConf: z.string(),
  stopSignal: z.string().optional(),
  stopGraceMs: z.number(),
  memoryBytes: count.optional(),
  nanoCpus: count.optional(),
  pids: count.optional(),
  capabilityAdd: strings,
  capabilityDrop: strings,
  sysctls: labels,
  ulimits: z.array(z.object({ name: z.string(), soft: z.number(), hard: z.number() })),
  labels,
});

const record = z.object({
  version: z.literal(1),
  spec,
  imageId: z.string(),
  phase: z.enum(['creating', 'created', 'starting', 'running', 'exited', 'removing']),
  createdAtMs: z.number(),
  /** Names below volumes/ that were made for this container alone. */
  anonymousVolumes: strings,
  startedAtMs: z.number().optional(),
  /** Init process in the host's pid namespace, and when it started (see processes.ts). */
  pid: count.optional(),
  startTicks: count.optional(),
  finishedAtMs: z.number().optional(),
  exitCode: count.optional(),
  isOutOfMemoryKilled: z.boolean().optional(),
  error: z.string().optional(),
});

export type ContainerPhase = z.output<typeof record>['phase'];

/** Undefined fields are absent in the file. */
export interface ContainerRecord {
  readonly version: 1;
  readonly spec: ContainerSpec;
  readonly imageId: string;
  readonly phase: ContainerPhase;
  readonly createdAtMs: number;
  readonly anonymousVolumes: readonly string[];
  readonly startedAtMs?: number;
  readonly pid?: number;
  readonly startTicks?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly isOutOfMemoryKilled?: boolean;
  readonly error?: string;
}

/** Throws `invalid` in zod's words when a caller's spec is not one. */
export function parseContainerSpec(value: unknown): ContainerSpec {
  return JSON.parse(JSON.stringify(spec.parse(value))) as ContainerSpec;
}

/** Undefined when there is none; throws `corrupt`. */
export async function tryReadRecord(file: string): Promise<ContainerRecord | undefined> {
  return (await tryReadDocument(file, record)) as ContainerRecord | undefined;
}

export async function writeRecord(directory: string, value: ContainerRecord): Promise<void> {
  await writeFileAtomic(path.join(directory, RECORD_NAME), JSON.stringify(value));
}

export const RECORD_NAME = 'container.json';

/** What outsiders see of it; undefined while it is half made or half removed. */
export function statusOf(value: ContainerRecord): ContainerStatus | undefined {
  const { phase } = value;
  if (phase === 'creating' || phase === 'removing') return undefined;
  const state = phase === 'starting' ? 'created' : phase;
  return {
    id: value.spec.id,
    spec: value.spec,
    imageId: value.imageId,
    state,
    createdAtMs: value.createdAtMs,
    ...(state === 'running' && value.pid !== undefined ? { pid: value.pid } : {}),
    ...present('startedAtMs', value.startedAtMs),
    ...present('finishedAtMs', value.finishedAtMs),
    ...present('exitCode', value.exitCode),
    ...present('isOutOfMemoryKilled', value.isOutOfMemoryKilled),
    ...present('error', value.error),
  };
}

function present<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Record<Name, Value>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}
