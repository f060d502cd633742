/**
 * Containers and images in memory; an exec is a real process of this machine, so that its streams
 * are real.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import type {
  ContainerSpec,
  ContainerStatus,
  ExecProcess,
  ExecSpec,
  ImageStore,
  ImageSummary,
  ImportOptions,
  LogEntry,
  LogQuery,
  Runtime,
} from '../../src/runtime/index.ts';
import { RuntimeError } from '../../src/runtime/index.ts';

export class FakeRuntime implements Runtime {
  readonly images = new FakeImages();
  readonly killed: string[] = [];
  readonly resizes: string[] = [];
  logLines: readonly LogEntry[] = [];
  private readonly containers = new Map<string, ContainerStatus>();
  private readonly listeners = new Set<(id: string) => void>();

  list(): readonly ContainerStatus[] {
    return [...this.containers.values()];
  }

  get(id: string): ContainerStatus | undefined {
    return this.containers.get(id);
  }

  /** Puts a container in place as it is. */
  put(status: ContainerStatus): void {
    this.containers.set(status.id, status);
    for (const listener of this.listeners) listener(status.id);
  }

  async create(spec: ContainerSpec): Promise<void> {
    this.put({ id: spec.id, spec, imageId: 'sha256:00', state: 'created', createdAtMs: 0 });
  }

  async start(id: string): Promise<void> {
    this.change(id, { state: 'running', startedAtMs: 0, pid: process.pid });
  }

  async stop(id: string): Promise<void> {
    this.change(id, { state: 'exited', exitCode: 143, finishedAtMs: 0 });
  }

  async kill(id: string, signal: string): Promise<void> {
    this.killed.push(signal);
    this.change(id, { state: 'exited', exitCode: 137, finishedAtMs: 0 });
  }

  async remove(id: string): Promise<void> {
    this.containers.delete(id);
    for (const listener of this.listeners) listener(id);
  }

  async *logs(_id: string, query: LogQuery): AsyncGenerator<LogEntry> {
    const lines = this.logLines.filter(
      ({ stream }) =>
        (stream === 'stdout' && query.wantStdout) || (stream === 'stderr' && query.wantStderr),
    );
    yield* query.tailLines === undefined ? lines : lines.slice(-query.tailLines);
    if (!query.isFollowing) return;
    await new Promise((resolve) => query.signal.addEventListener('abort', resolve));
  }

  async exec(_id: string, spec: ExecSpec): Promise<ExecProcess> {
    const [command = '', ...args] = spec.command;
    const child = spawn(command, args, { stdio: 'pipe' });
    const exited = new Promise<number>((resolve) => {
      child.once('error', () => resolve(127));
      child.once('close', (code) => resolve(code ?? 137));
    });
    return {
      pid: child.pid,
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: spec.hasTty ? undefined : child.stderr,
      resize: (rows, columns) => void this.resizes.push(`${rows}x${columns}`),
      kill: (signal) => void child.kill(signal as NodeJS.Signals),
      exited,
    };
  }

  onChange(listener: (id: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }

  private change(id: string, part: Partial<ContainerStatus>): void {
    const before = this.containers.get(id);
    if (!before) throw new Error(`no container ${id}`);
    this.put({ ...before, ...part });
  }
}

export class FakeImages implements ImageStore {
  onChange(): () => void {
    return () => undefined;
  }

  readonly imported: ImportOptions[] = [];
  isRefusing = false;
  private readonly byId = new Map<string, ImageSummary>();

  async list(): Promise<readonly ImageSummary[]> {
    return [...this.byId.values()];
  }

  async find(reference: string): Promise<ImageSummary | undefined> {
    return [...this.byId.values()].find(
      ({ id, tags }) =>
        tags.includes(reference) || id === reference || id.startsWith(`sha256:${reference}`),
    );
  }

  async importRootfs(tar: NodeJS.ReadableStream, options: ImportOptions): Promise<ImageSummary> {
    this.imported.push(options);
    return this.add(
      await digestOf(tar),
      options.reference === undefined ? [] : [options.reference],
    );
  }

  async load(tar: NodeJS.ReadableStream): Promise<readonly ImageSummary[]> {
    // Leaving the loop early destroys the stream, as a reader that has seen enough does.
    if (this.isRefusing) {
      for await (const chunk of tar) {
        const reason = `${chunk.length} bytes`;
        throw new RuntimeError({ code: 'archive_refused', reason }, 'bad archive: test');
      }
    }
    return [this.add(await digestOf(tar), ['loaded:1'])];
  }

  async tag(id: string, reference: string): Promise<void> {
    const image = this.byId.get(id);
    if (image) this.byId.set(id, { ...image, tags: [...image.tags, reference] });
  }

  async remove(
    reference: string,
  ): Promise<readonly { readonly untagged?: string; readonly deleted?: string }[]> {
    const image = await this.find(reference);
    if (!image) return [];
    this.byId.delete(image.id);
    return [{ untagged: reference }, { deleted: image.id }];
  }

  private add(digest: string, tags: readonly string[]): ImageSummary {
    const image: ImageSummary = {
      id: `sha256:${digest}`,
      tags,
      createdAtMs: Date.UTC(2026, 0, 2),
      bytes: 4_200_000,
      config: {
        architecture: 'amd64',
        os: 'linux',
        config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
        rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
      },
    };
    this.byId.set(image.id, image);
    return image;
  }
}

async function digestOf(tar: NodeJS.ReadableStream): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of tar) hash.update(chunk);
  return hash.digest('hex');
}
