/**
 * What an agent finds when it starts: containers of an earlier one, in whatever phase it was
 * killed.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, type Clock, type Logger } from '../../base/index.ts';
import { unmount } from '../host/mounts.ts';
import { isAlive, startTicksOf } from '../host/processes.ts';
import { tryReadText } from '../host/files.ts';
import type { OciImageStore } from '../images/oci-image-store.ts';
import { removeBundle } from './bundle-directory.ts';
import type { OciProcesses } from '../monitor/conmon.ts';
import type { RuntimePaths } from './container-paths.ts';
import { containerIdSchema, tryReadRecord, type ContainerRecord } from './container-record.ts';
import type { ContainerTable } from './container-table.ts';
import { tryReadExit } from '../monitor/exits.ts';
import type { VolumeDirectory } from './volumes.ts';

/** Enough to look into; more would let a failing disk fill itself. */
const QUARANTINED_MAX = 16;

export interface AdoptionParts {
  readonly paths: RuntimePaths;
  readonly images: OciImageStore;
  readonly table: ContainerTable;
  readonly processes: OciProcesses;
  readonly volumes: VolumeDirectory;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One container that cannot be read or cleaned is logged and left out; the others are adopted. */
export async function adoptContainers(parts: AdoptionParts): Promise<void> {
  for (const name of await readdir(parts.paths.containers)) {
    try {
      await adoptOne(parts, name);
    } catch (error) {
      parts.logger.error({ container: name, error: messageOf(error) }, 'cannot adopt a container');
    }
  }
}

async function adoptOne(parts: AdoptionParts, name: string): Promise<void> {
  if (!containerIdSchema.safeParse(name).success) {
    // `<id>.removing`: a removal that did not finish.
    const stray = path.join(parts.paths.containers, name);
    await unmount(path.join(stray, 'rootfs'));
    await rm(stray, { recursive: true, force: true });
    return;
  }
  const record = await readOrQuarantine(parts, name);
  if (record === undefined) return;
  if (record.phase === 'creating' || record.phase === 'removing') return cleanAway(parts, record);
  parts.table.adopt(record);
  if (record.phase === 'starting') await adoptStarting(parts, record);
  if (record.phase === 'running') await adoptRunning(parts, record);
}

async function readOrQuarantine(
  parts: AdoptionParts,
  id: string,
): Promise<ContainerRecord | undefined> {
  const place = parts.paths.container(id);
  try {
    const record = await tryReadRecord(place.recordFile);
    if (record?.spec.id === id) return record;
    // Killed between making the directory and writing its first record: there is nothing in it.
    if (record === undefined) {
      await parts.processes.delete(id);
      await removeBundle(place);
      await parts.images.release(id);
    }
  } catch (error) {
    parts.logger.error({ container: id, error: messageOf(error) }, 'record is corrupt; set aside');
    await quarantine(parts, id);
  }
  return undefined;
}

async function quarantine(parts: AdoptionParts, id: string): Promise<void> {
  const place = parts.paths.container(id);
  await parts.processes.delete(id);
  await unmount(place.rootfs);
  const target = path.join(parts.paths.quarantine, `${parts.clock.wallMs()}-${id}`);
  await rename(place.directory, target);
  await parts.images.release(id);
  const kept = (await readdir(parts.paths.quarantine)).sort();
  for (const old of kept.slice(0, Math.max(kept.length - QUARANTINED_MAX, 0))) {
    await rm(path.join(parts.paths.quarantine, old), { recursive: true, force: true });
  }
}

async function cleanAway(parts: AdoptionParts, record: ContainerRecord): Promise<void> {
  const { id } = record.spec;
  await parts.processes.delete(id);
  await removeBundle(parts.paths.container(id));
  for (const volume of record.anonymousVolumes) await parts.volumes.remove(volume);
  await parts.images.release(id);
}

/** It may have run and ended, run still, wait for its start, or never have come that far. */
async function adoptStarting(parts: AdoptionParts, record: ContainerRecord): Promise<void> {
  const place = parts.paths.container(record.spec.id);
  const pid = Number((await tryReadText(place.pidFile, 32)) ?? 'NaN');
  const exit = await tryReadExit(place);
  if (exit !== undefined) {
    await parts.processes.delete(record.spec.id);
    await parts.table.put({ ...record, phase: 'exited', ...exit });
    return;
  }
  const state = await parts.processes.state(record.spec.id);
  if (state === 'stopped') return putLost(parts, record);
  if (state !== 'running' || !Number.isInteger(pid)) {
    await parts.processes.delete(record.spec.id);
    await parts.table.put({ ...record, phase: 'created' });
    return;
  }
  const startTicks = (await startTicksOf(pid)) ?? 0;
  const startedAtMs = parts.clock.wallMs();
  await parts.table.put({ ...record, phase: 'running', pid, startTicks, startedAtMs });
}

/** Ended meanwhile, lost in a reboot, or running on. */
async function adoptRunning(parts: AdoptionParts, record: ContainerRecord): Promise<void> {
  const { id } = record.spec;
  const exit = await tryReadExit(parts.paths.container(id));
  if (exit !== undefined) {
    await parts.processes.delete(id);
    await parts.table.put({ ...record, phase: 'exited', ...exit });
    return;
  }
  const process = { pid: record.pid ?? 0, startTicks: record.startTicks ?? 0 };
  if (await isAlive(process)) return;
  await putLost(parts, record);
}

/** Docker's code for "it ended, and nobody knows how". */
const EXIT_CODE_UNKNOWN = 255;

async function putLost(parts: AdoptionParts, record: ContainerRecord): Promise<void> {
  await parts.processes.delete(record.spec.id);
  await parts.table.put({
    ...record,
    phase: 'exited',
    exitCode: EXIT_CODE_UNKNOWN,
    finishedAtMs: parts.clock.wallMs(),
    error: 'it ended while no agent ran: the exit status is unknown',
  });
}
