/**
 * A runtime on directories of its own, a network namespace, and what is needed to see that nothing
 * is left.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { SILENT_LOGGER, SYSTEM_CLOCK } from '../../../src/base/index.ts';
import { openOciRuntime, type ContainerSpec, type Runtime } from '../../../src/runtime/index.ts';
import { busyboxTar } from './rootfs.ts';

let worlds = 0;

export class World {
  readonly directory = mkdtempSync('/tmp/hawser-runtime-');
  readonly namespace: string;
  readonly cgroupParent: string;
  private readonly open = new Set<Runtime>();
  private closing: Promise<string[]> | undefined;

  constructor(t: ExecutionContext) {
    worlds += 1;
    t.teardown(() => this.close());
    this.namespace = `hawser-rt-${process.pid}-${worlds}`;
    this.cgroupParent = `/hawser-test-${process.pid}-${worlds}`;
    execFileSync('ip', ['netns', 'add', this.namespace]);
    execFileSync('ip', ['-n', this.namespace, 'link', 'set', 'lo', 'up']);
  }

  async runtime(name = 'one'): Promise<Runtime> {
    const runtime = await openOciRuntime({
      dataDirectory: `${this.directory}/${name}/data`,
      runDirectory: `${this.directory}/${name}/run`,
      imageDirectory: `${this.directory}/images`,
      cgroupParent: this.cgroupParent,
      logger: SILENT_LOGGER,
      clock: SYSTEM_CLOCK,
    });
    this.open.add(runtime);
    return runtime;
  }

  spec(change: Partial<ContainerSpec> = {}): ContainerSpec {
    return {
      id: randomBytes(32).toString('hex'),
      name: 'web.1.abc',
      image: 'busybox',
      env: [],
      hasTty: false,
      isReadOnly: false,
      mounts: [],
      networkNamespacePath: `/run/netns/${this.namespace}`,
      hostname: 'web1',
      hostsFile: '127.0.0.1 localhost\n10.0.0.3 web1\n',
      resolvConf: 'nameserver 127.0.0.11\n',
      stopGraceMs: 500,
      capabilityAdd: [],
      capabilityDrop: [],
      sysctls: {},
      ulimits: [],
      labels: {},
      ...change,
    };
  }

  /** What an agent's end does; its containers go on. */
  async end(runtime: Runtime): Promise<void> {
    this.open.delete(runtime);
    await runtime.close();
  }

  /** Stops and removes everything, and returns what is left of it: nothing, if all is well. */
  close(): Promise<string[]> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async closeOnce(): Promise<string[]> {
    for (const runtime of this.open) {
      for (const { id } of runtime.list()) {
        await runtime.stop(id, 0);
        await runtime.remove(id);
      }
      await runtime.close();
    }
    const left = this.leftovers();
    rmSync(this.directory, { recursive: true, force: true });
    execFileSync('ip', ['netns', 'del', this.namespace]);
    return left;
  }

  private leftovers(): string[] {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return [
      ...mounts.filter((line) => line.includes(this.directory)),
      ...this.cgroups(),
      ...processesWith(this.directory),
    ];
  }

  private cgroups(): string[] {
    const name = this.cgroupParent.slice(1);
    const find = ['/sys/fs/cgroup', '-maxdepth', '2', '-type', 'd', '-name', name];
    return execFileSync('find', find, { encoding: 'utf8' }).split('\n').filter(Boolean);
  }
}

function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.includes(text) ? [line.replaceAll('\0', ' ')] : [];
      } catch {
        return [];
      }
    });
}

export async function importBusybox(
  runtime: Runtime,
  changes: readonly string[] = [],
): Promise<void> {
  await runtime.images.importRootfs(Readable.from([busyboxTar()]), {
    reference: 'busybox',
    changes: ['CMD ["sh"]', ...changes],
  });
}

/** Waits until the container is in the state. */
export async function reach(runtime: Runtime, id: string, state: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (runtime.get(id)?.state !== state) {
    if (Date.now() > deadline)
      throw new Error(`${id} is not ${state}: ${JSON.stringify(runtime.get(id))}`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, 100);
      const stop = runtime.onChange(done);
      function done(): void {
        clearTimeout(timer);
        stop();
        resolve();
      }
    });
  }
}

/** Everything in the log, as text per stream. */
export async function outputOf(
  runtime: Runtime,
  id: string,
): Promise<{ stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' };
  const query = {
    wantStdout: true,
    wantStderr: true,
    isFollowing: false,
    signal: new AbortController().signal,
  };
  for await (const { stream, line } of runtime.logs(id, query)) output[stream] += line.toString();
  return output;
}

export interface ShellResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
  readonly id: string;
}

/** Runs a shell command in a new container to its end. */
export function shellOf(world: World, runtime: Runtime) {
  return async (script: string, change: Partial<ContainerSpec> = {}): Promise<ShellResult> => {
    const spec = world.spec({ args: ['sh', '-c', script], ...change });
    await runtime.create(spec);
    await runtime.start(spec.id);
    await reach(runtime, spec.id, 'exited');
    const exitCode = runtime.get(spec.id)?.exitCode;
    return { ...(await outputOf(runtime, spec.id)), exitCode, id: spec.id };
  };
}

/** A started container that does nothing until it is stopped. */
export async function sleeper(
  world: World,
  runtime: Runtime,
  change: Partial<ContainerSpec> = {},
): Promise<string> {
  const spec = world.spec({ args: ['sleep', '3600'], stopGraceMs: 0, ...change });
  await runtime.create(spec);
  await runtime.start(spec.id);
  return spec.id;
}
