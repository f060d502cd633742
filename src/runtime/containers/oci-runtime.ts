/**
 * `Runtime` over runc, conmon and overlayfs.
 *
 * One queue per container keeps its steps in order; different containers go side by side. Nothing
 * here holds a container: conmon does, so the agent may be killed at any line and the next one goes
 * on from the records.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import type { HostFacts } from '../bundle/bundle-config.ts';
import { validateMounts } from '../bundle/mounts.ts';
import { asDiskError, invalid, RuntimeError } from '../errors.ts';
import { startExec } from '../exec/exec-process.ts';
import { KeyedQueue } from '../host/keyed-queue.ts';
import { isAlive, startTicksOf, trySignal, type ProcessIdentity } from '../host/processes.ts';
import type { OciImageStore } from '../images/oci-image-store.ts';
import { readLogs } from '../logs/log-reader.ts';
import { LogRotation } from '../logs/log-rotation.ts';
import type {
  ContainerSpec,
  ContainerStatus,
  ExecProcess,
  ExecSpec,
  LogEntry,
  LogQuery,
  Runtime,
} from '../runtime.ts';
import { ensureRootfs, makeBundle, removeBundle } from './bundle-directory.ts';
import type { OciProcesses } from '../monitor/conmon.ts';
import type { RuntimePaths } from './container-paths.ts';
import { parseContainerSpec, type ContainerRecord } from './container-record.ts';
import type { ContainerTable } from './container-table.ts';
import { ExitWatch } from '../monitor/exit-watch.ts';
import { forgetExit, tryReadExit } from '../monitor/exits.ts';
import { signalNumber } from '../monitor/signals.ts';
import { removeEmptyCgroups } from '../host/cgroups.ts';
import { planMounts, type VolumeDirectory } from './volumes.ts';

/** SIGKILL needs no time of its own; a process stuck in the kernel (a dead disk) may never end. */
const KILL_WAIT_MS = 30_000;
const SIGKILL = 9;
/** Docker's code for "it ended, and nobody knows how". */
const EXIT_CODE_UNKNOWN = 255;

export interface OciRuntimeParts {
  readonly paths: RuntimePaths;
  readonly cgroupParent: string;
  readonly images: OciImageStore;
  readonly table: ContainerTable;
  readonly processes: OciProcesses;
  readonly volumes: VolumeDirectory;
  readonly host: HostFacts;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class OciRuntime implements Runtime {
  readonly images: OciImageStore;
  private readonly parts: OciRuntimeParts;
  private readonly table: ContainerTable;
  private readonly queue = new KeyedQueue();
  private readonly exitWatch: ExitWatch;
  private readonly rotation: LogRotation;

  constructor(parts: OciRuntimeParts) {
    this.parts = parts;
    this.images = parts.images;
    this.table = parts.table;
    this.exitWatch = new ExitWatch({
      directory: parts.paths.exits,
      logger: parts.logger,
      onExitFile: (name) => this.maybeSettle(name),
      onPoll: () => this.findLost(),
    });
    this.rotation = new LogRotation({
      logger: parts.logger,
      running: () =>
        this.table
          .all()
          .filter(({ phase }) => phase === 'running')
          .map(({ spec }) => parts.paths.container(spec.id)),
    });
  }

  list(): readonly ContainerStatus[] {
    return this.table.statuses();
  }

  get(id: string): ContainerStatus | undefined {
    return this.table.status(id);
  }

  onChange(listener: (id: string) => void): () => void {
    return this.table.onChange(listener);
  }

  async create(spec: ContainerSpec): Promise<void> {
    const checked = checkSpec(spec);
    await this.queue.run(spec.id, async () => {
      if (this.table.status(spec.id) !== undefined) return;
      await this.createNew(checked);
    });
  }

  private async createNew(spec: ContainerSpec): Promise<void> {
    const { paths, images, clock } = this.parts;
    const place = paths.container(spec.id);
    const image = await images.acquire(spec.image, {
      id: spec.id,
      recordFile: place.recordFile,
    });
    const plan = planMounts(spec.mounts, Object.keys(image.config.config?.Volumes ?? {}));
    const record: ContainerRecord = {
      version: 1,
      spec,
      imageId: image.id,
      phase: 'creating',
      createdAtMs: clock.wallMs(),
      anonymousVolumes: plan.anonymousVolumes,
    };
    try {
      await mkdir(place.directory, { mode: 0o700 });
      await this.table.put(record);
      await makeBundle({
        ...this.parts,
        spec,
        image,
        plan,
        paths: place,
        cgroupsPath: this.cgroupsPath(spec.id),
      });
      await this.table.put({ ...record, phase: 'created' });
    } catch (error) {
      await this.destroy(record);
      throw asDiskError(error, place.directory);
    }
  }

  private cgroupsPath(id: string): string {
    return path.posix.join('/', this.parts.cgroupParent, id);
  }

  async start(id: string): Promise<void> {
    await this.queue.run(id, async () => {
      const record = this.table.expect(id);
      if (record.phase === 'running') return;
      if (record.phase !== 'created') throw conflict(id, `container ${id} has already run`);
      await this.startCreated(record);
    });
  }

  private async startCreated(record: ContainerRecord): Promise<void> {
    const { id, hasTty } = record.spec;
    const paths = this.parts.paths.container(id);
    await this.table.put({ ...record, phase: 'starting' });
    try {
      await forgetExit(paths);
      await ensureRootfs(await this.images.ofContainer(record.imageId), paths);
      const pid = await this.parts.processes.create({ id, hasTty, paths });
      const startTicks = await startTicksOf(pid);
      await this.parts.processes.start(id);
      await this.table.put({
        ...record,
        phase: 'running',
        startedAtMs: this.parts.clock.wallMs(),
        pid,
        startTicks: startTicks ?? 0,
      });
    } catch (error) {
      await this.failStart(record, error);
      throw error;
    }
    // A process that ended at once has left its file already, perhaps before anyone listened for
    // it.
    this.maybeSettle(id);
  }

  private async failStart(record: ContainerRecord, error: unknown): Promise<void> {
    const failure = error instanceof RuntimeError ? error.detail : undefined;
    await this.tidy(record.spec.id);
    await this.table.put({
      ...record,
      phase: 'exited',
      finishedAtMs: this.parts.clock.wallMs(),
      exitCode: failure?.code === 'start_failed' ? failure.exitCode : 128,
      error: messageOf(error),
    });
  }

  async stop(id: string, graceMs?: number): Promise<void> {
    const record = this.table.expect(id);
    const image = await this.images.ofContainer(record.imageId).catch(() => undefined);
    const name = record.spec.stopSignal ?? image?.config.config?.StopSignal ?? 'SIGTERM';
    const isSent = await this.signal(id, signalNumber(name));
    if (!isSent) return this.settleNow(id);
    const wasEnough = await this.waitForEnd(id, graceMs ?? record.spec.stopGraceMs);
    if (wasEnough) return;
    await this.signal(id, SIGKILL);
    if (await this.waitForEnd(id, KILL_WAIT_MS)) return;
    throw new RuntimeError(
      { code: 'timeout', what: `container ${id}`, afterMs: KILL_WAIT_MS },
      `container ${id} does not end, even killed`,
    );
  }

  private waitForEnd(id: string, timeoutMs: number): Promise<boolean> {
    return this.table.waitFor(id, () => this.table.record(id)?.phase !== 'running', timeoutMs);
  }

  /** Whether a running process got it. */
  private signal(id: string, signal: number): Promise<boolean> {
    return this.queue.run(id, async () => {
      const process = processOf(this.table.record(id));
      return process !== undefined && (await trySignal(process, signal));
    });
  }

  async kill(id: string, signal: string): Promise<void> {
    const number = signalNumber(signal);
    this.table.expect(id);
    if (!(await this.signal(id, number))) {
      throw conflict(id, `Cannot kill container: ${id}: container ${id} is not running`);
    }
  }

  async remove(id: string): Promise<void> {
    await this.queue.run(id, async () => {
      const record = this.table.record(id);
      if (record === undefined) return;
      if (record.phase === 'running') {
        throw conflict(id, `cannot remove container ${id}: it is running; stop it first`);
      }
      await this.table.put({ ...record, phase: 'removing' });
      await this.destroy(record);
    });
  }

  /**
   * Undoes everything of a container that does not run. Idempotent, so that a failed removal can be
   * repeated.
   */
  private async destroy(record: ContainerRecord): Promise<void> {
    const { id } = record.spec;
    await this.parts.processes.delete(id);
    await removeBundle(this.parts.paths.container(id));
    for (const volume of record.anonymousVolumes) await this.parts.volumes.remove(volume);
    await this.images.release(id);
    this.table.forget(id);
  }

  /**
   * After the end: cgroups, runc's state and the mount go, the upper directory and the log stay.
   */
  private async tidy(id: string): Promise<void> {
    await this.parts.processes.delete(id).catch((error: unknown) => {
      this.parts.logger.warn({ container: id, error: messageOf(error) }, 'cannot tidy up');
    });
  }

  private maybeSettle(name: string): void {
    if (this.table.record(name) === undefined) return;
    this.settleNow(name).catch((error: unknown) => {
      this.parts.logger.error(
        { container: name, error: messageOf(error) },
        'cannot record an exit',
      );
    });
  }

  /** running -> exited, when there is an exit code; also when the process is gone without one. */
  private settleNow(id: string): Promise<void> {
    return this.queue.run(id, async () => {
      const record = this.table.record(id);
      const process = processOf(record);
      if (record === undefined || process === undefined) return;
      const exit = await tryReadExit(this.parts.paths.container(id));
      if (exit === undefined) return;
      await this.tidy(id);
      await this.table.put({ ...record, phase: 'exited', ...exit });
    });
  }

  /** Containers whose process is gone, and whose conmon had a moment to say so but did not. */
  private async findLost(): Promise<void> {
    for (const record of this.table.all()) {
      const process = processOf(record);
      if (process === undefined || (await isAlive(process))) continue;
      await this.queue.run(record.spec.id, () => this.maybeLose(record.spec.id));
    }
  }

  private async maybeLose(id: string): Promise<void> {
    const record = this.table.record(id);
    const process = processOf(record);
    if (record === undefined || process === undefined || (await isAlive(process))) return;
    const exit = await waitForExit(this.parts.paths, id);
    await this.tidy(id);
    await this.table.put({
      ...record,
      phase: 'exited',
      ...(exit ?? {
        exitCode: EXIT_CODE_UNKNOWN,
        finishedAtMs: this.parts.clock.wallMs(),
        error: 'its monitor process was killed: the exit status is unknown',
      }),
    });
  }

  logs(id: string, query: LogQuery): AsyncIterable<LogEntry> {
    this.table.expect(id);
    const isRunning = () => this.table.record(id)?.phase === 'running';
    return readLogs(this.parts.paths.container(id).logFile, query, {
      mayGrow: () => isRunning() || this.table.status(id)?.state === 'created',
      onChange: (listener) =>
        this.table.onChange((changed) => (changed === id ? listener() : undefined)),
    });
  }

  async exec(id: string, spec: ExecSpec): Promise<ExecProcess> {
    const record = this.table.expect(id);
    if (record.phase !== 'running') throw conflict(id, `container ${id} is not running`);
    return startExec({
      spec,
      container: record.spec,
      image: (await this.images.ofContainer(record.imageId)).config,
      host: this.parts.host,
      runcCommand: this.parts.processes.runcCommand,
      rootfs: this.parts.paths.container(id).rootfs,
      execDirectory: this.parts.paths.exec,
    });
  }

  async close(): Promise<void> {
    this.exitWatch.close();
    this.rotation.close();
    await this.queue.idle();
    if (this.table.all().length === 0) await removeEmptyCgroups(this.parts.cgroupParent);
  }
}

function processOf(record: ContainerRecord | undefined): ProcessIdentity | undefined {
  if (record?.phase !== 'running' || record.pid === undefined) return undefined;
  return { pid: record.pid, startTicks: record.startTicks ?? 0 };
}

const EXIT_FILE_TRIES = 10;
const EXIT_FILE_PAUSE_MS = 100;

/** The process disappears an instant before conmon has written why. */
async function waitForExit(paths: RuntimePaths, id: string): ReturnType<typeof tryReadExit> {
  for (let tries = 0; tries < EXIT_FILE_TRIES; tries += 1) {
    const exit = await tryReadExit(paths.container(id));
    if (exit !== undefined) return exit;
    await new Promise((resolve) => setTimeout(resolve, EXIT_FILE_PAUSE_MS));
  }
  return undefined;
}

function checkSpec(spec: ContainerSpec): ContainerSpec {
  try {
    const checked = parseContainerSpec(spec);
    validateMounts(checked.mounts);
    if (checked.stopSignal !== undefined) signalNumber(checked.stopSignal);
    return checked;
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw invalid('spec', spec.id, `not a container spec: ${messageOf(error)}`);
  }
}

function conflict(id: string, message: string): RuntimeError {
  return new RuntimeError({ code: 'conflict', what: 'container', name: id }, message);
}
