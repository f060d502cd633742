/**
 * Runs a container's process under conmon.
 *
 * conmon detaches itself, runs `runc create`, keeps the container's stdio, writes its log, and when
 * it has ended writes the exit code to the exit directory. It needs no agent for any of that. What
 * the agent hears is one JSON line on the sync pipe: `{"data": pid}`, or `{"data": -1, "message":
 * runc's error}`.
 */
import { spawn } from 'node:child_process';
import { z } from 'zod';
import { RuntimeError } from '../errors.ts';
import { collectText, runChecked, runCommand, toolEnvironment } from '../host/command.ts';
import { startFailure } from './start-failure.ts';
import type { ContainerPaths, RuntimePaths } from '../containers/container-paths.ts';

/**
 * Between fork and the answer lies `runc create`: some 40 ms here; a loaded machine takes seconds.
 */
const CREATE_TIMEOUT_MS = 120_000;
/**
 * conmon starts the file anew beyond this; the agent rotates much earlier (log-rotation.ts), unless
 * it is away.
 */
const LOG_BYTES_HARD_MAX = 64 << 20;

export interface OciTools {
  readonly runc: string;
  readonly conmon: string;
}

const runcState = z.looseObject({ status: z.string() });
const syncLine = z.object({ data: z.number().int(), message: z.string().optional() });

export interface ConmonStart {
  readonly id: string;
  readonly hasTty: boolean;
  readonly paths: ContainerPaths;
}

export class OciProcesses {
  private readonly tools: OciTools;
  private readonly paths: RuntimePaths;

  constructor(tools: OciTools, paths: RuntimePaths) {
    this.tools = tools;
    this.paths = paths;
  }

  /** The program and its global arguments, for those who run runc themselves. */
  get runcCommand(): readonly [string, ...string[]] {
    return [this.tools.runc, '--root', this.paths.runc];
  }

  /**
   * Creates the container's process, stopped before its first instruction. Returns its pid. Throws
   * `start_failed`.
   */
  async create(start: ConmonStart): Promise<number> {
    const child = spawn(this.tools.conmon, this.conmonArguments(start), {
      cwd: start.paths.directory,
      env: { ...toolEnvironment(), _OCI_SYNCPIPE: '3' },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const stderr = collectText(child.stderr as NodeJS.ReadableStream);
    const sync = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void };
    try {
      const line = await firstLine(child, sync);
      if (line.data > 0) return line.data;
      const said = line.message ?? '';
      throw startFailure(start.id, said === '' ? stderr.text() : said);
    } finally {
      sync.destroy();
      child.stderr?.destroy();
      child.unref();
    }
  }

  private conmonArguments({ id, hasTty, paths }: ConmonStart): string[] {
    return [
      ...['--api-version', '1', '--cid', id, '--cuuid', id, '--name', id.slice(0, 12)],
      ...[
        '--runtime',
        this.tools.runc,
        '--runtime-arg',
        '--root',
        '--runtime-arg',
        this.paths.runc,
      ],
      ...['--bundle', paths.directory, '--container-pidfile', paths.pidFile],
      ...['--log-path', `k8s-file:${paths.logFile}`, '--log-size-max', String(LOG_BYTES_HARD_MAX)],
      ...['--exit-dir', this.paths.exits, '--persist-dir', paths.persist],
      // A socket path of 108 bytes would not hold the bundle's; conmon goes through its directory's
      // fd instead.
      '--full-attach',
      ...(hasTty ? ['--terminal'] : []),
    ];
  }

  /** Lets a created process run. */
  async start(id: string): Promise<void> {
    const [runc, ...args] = this.runcCommand;
    const result = await runCommand(runc, [...args, 'start', id]);
    if (result.exitCode !== 0) throw startFailure(id, result.stderr);
  }

  /**
   * What runc says of it: `created`, `running`, `stopped`; undefined when it knows no such
   * container.
   */
  async state(id: string): Promise<string | undefined> {
    const [runc, ...args] = this.runcCommand;
    const result = await runCommand(runc, [...args, 'state', id]);
    const parsed = runcState.safeParse(tryJson(result.stdout));
    return result.exitCode === 0 && parsed.success ? parsed.data.status : undefined;
  }

  /** Kills what is left of a container and removes its cgroups and runc's state. Idempotent. */
  async delete(id: string): Promise<void> {
    const [runc, ...args] = this.runcCommand;
    await runChecked(runc, [...args, 'delete', '--force', id]);
  }
}

type Child = ReturnType<typeof spawn>;

function firstLine(child: Child, sync: NodeJS.ReadableStream): Promise<z.output<typeof syncLine>> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(
        new RuntimeError(
          { code: 'timeout', what: 'conmon', afterMs: CREATE_TIMEOUT_MS },
          `conmon did not answer within ${CREATE_TIMEOUT_MS} ms`,
        ),
      );
    }, CREATE_TIMEOUT_MS);
    const settle = (line: string) => {
      clearTimeout(timer);
      const parsed = syncLine.safeParse(tryJson(line));
      resolve(parsed.success ? parsed.data : { data: -1, message: line });
    };
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(
        new RuntimeError({ code: 'missing_tool', tool: 'conmon' }, 'cannot run conmon', error),
      );
    });
    sync.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('\n')) settle(text.slice(0, text.indexOf('\n')));
    });
    sync.once('end', () => settle(text));
    sync.once('error', () => settle(text));
  });
}

function tryJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
