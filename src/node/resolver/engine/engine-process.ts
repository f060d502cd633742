/**
 * The program `hawser-dns`: started in a session and a cgroup of its own, so that it outlives the
 * agent whatever ends that.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../base/index.ts';
import { ResolverError } from '../errors.ts';

/** A loaded machine takes long to start anything; one that takes over waits for the other. */
const START_TIMEOUT_MS = 20_000;

export interface EngineLimits {
  readonly tcp: TcpLimits;
  /** How long a query waits for an agent to be there: within a client's first timeout. */
  readonly holdMs: number;
}

export interface TcpLimits {
  /** Of one container; the next one is closed at once. */
  readonly connectionsMax: number;
  /** From the last whole query or reply on. */
  readonly idleMs: number;
  /** Queries of one connection that may wait for their replies; the rest is left in the socket. */
  readonly pipelineMax: number;
}

export interface EnginePlace {
  readonly runDirectory: string;
  /** Directories of cgroup hierarchies that the engine moves to; made when they are not there. */
  readonly cgroups: readonly string[];
}

export interface EngineProgram {
  readonly path: string;
  /** Tells builds apart. */
  readonly build: string;
}

export const socketPathOf = (place: EnginePlace): string => join(place.runDirectory, 'dns.sock');
export const countersPathOf = (place: EnginePlace): string =>
  join(place.runDirectory, 'dns-counters');

/** Throws `ResolverError` `engine-missing` where it was not built. */
export async function findProgram(): Promise<EngineProgram> {
  const named = process.env['HAWSER_DNS_ENGINE'];
  const path = named ?? join(packageRoot(import.meta.dirname), 'build/Release/hawser-dns');
  try {
    const build = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
      .slice(0, 16);
    return { path, build };
  } catch (error) {
    throw new ResolverError(
      { code: 'engine-missing', path },
      `the DNS engine ${path} is not there: run \`make build\` in Hawser's checkout`,
      error,
    );
  }
}

/** Resolves when the engine listens. Throws `ResolverError` `engine-start`. */
export async function startEngine(
  program: EngineProgram,
  place: EnginePlace,
  options: { readonly limits: EngineLimits; readonly isTakingOver: boolean },
): Promise<void> {
  const { tcp, holdMs } = options.limits;
  const words = [
    ...['--socket', socketPathOf(place), '--counters', countersPathOf(place)],
    ...['--build', program.build, '--ready-fd', '3', '--hold-ms', String(holdMs)],
    ...['--tcp-connections', String(tcp.connectionsMax), '--tcp-idle-ms', String(tcp.idleMs)],
    ...['--tcp-pipeline', String(tcp.pipelineMax)],
    ...(options.isTakingOver ? ['--take-over'] : []),
  ];
  const child = spawn(program.path, words, {
    cwd: '/',
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) joinCgroups(child.pid, place.cgroups);
  const said = await readySaying(child.stdio[3] as NodeJS.ReadableStream, child);
  child.unref();
  if (said === 'ready') return;
  throw new ResolverError({ code: 'engine-start', said }, `the DNS engine did not start: ${said}`);
}

function readySaying(
  pipe: NodeJS.ReadableStream,
  child: ReturnType<typeof spawn>,
): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve(`not ready after ${START_TIMEOUT_MS} ms`);
    }, START_TIMEOUT_MS);
    const finish = (said: string): void => {
      clearTimeout(timer);
      resolve(said);
    };
    pipe.on('data', (chunk: Buffer) => (text += chunk.toString()));
    pipe.on('end', () => finish(text.trim() === '' ? 'it ended at once' : text.trim()));
    child.on('error', (error) => finish(error.message));
  });
}

/** A service manager ends what is in the agent's cgroup together with the agent. */
function joinCgroups(pid: number, directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      mkdirSync(dirname(directory), { recursive: true });
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'cgroup.procs'), String(pid));
    } catch {
      // Without that hierarchy, or without the right to: the engine stays where the agent is.
    }
  }
}
