/** Starts a process inside a running container: `docker exec`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { HostFacts } from '../bundle/bundle-config.ts';
import { resolveUser } from '../bundle/users.ts';
import { invalid } from '../errors.ts';
import { toolEnvironment } from '../host/command.ts';
import { isThere, tryReadText } from '../host/files.ts';
import { readTextInRoot } from '../host/safe-path.ts';
import type { ContainerSpec, ExecProcess, ExecSpec, OciImageConfig } from '../runtime.ts';
import { execProcessConfig } from './exec-config.ts';
import { TerminalSize, terminalCommand } from './terminal.ts';
import { startFailure } from '../monitor/start-failure.ts';
import { signalNumber } from '../monitor/signals.ts';

const USER_FILE_BYTES_MAX = 1 << 20;

export interface ExecOptions {
  readonly spec: ExecSpec;
  readonly container: ContainerSpec;
  readonly image: OciImageConfig;
  readonly host: HostFacts;
  /** runc and its global arguments. */
  readonly runcCommand: readonly [string, ...string[]];
  readonly rootfs: string;
  readonly execDirectory: string;
}

/** Files of one exec; gone when it has ended. */
interface ExecFiles {
  readonly directory: string;
  readonly processFile: string;
  readonly pidFile: string;
}

export async function startExec(options: ExecOptions): Promise<ExecProcess> {
  const { spec, container, execDirectory } = options;
  if ((spec.command[0] ?? '') === '') throw invalid('command', '', 'No exec command specified');
  const user = resolveUser(
    spec.user ?? container.user ?? options.image.config?.User ?? '',
    container.groups ?? [],
    {
      passwd: await readTextInRoot(options.rootfs, '/etc/passwd', USER_FILE_BYTES_MAX),
      group: await readTextInRoot(options.rootfs, '/etc/group', USER_FILE_BYTES_MAX),
    },
  );
  const directory = path.join(execDirectory, randomBytes(8).toString('hex'));
  await mkdir(directory, { mode: 0o700 });
  const files = {
    directory,
    processFile: path.join(directory, 'process.json'),
    pidFile: path.join(directory, 'pid'),
  };
  const config = execProcessConfig({ ...options, user });
  await writeFile(files.processFile, JSON.stringify(config), { mode: 0o600 });
  return spec.hasTty ? startWithTerminal(options, files) : startPlain(options, files);
}

function runcExecArguments(options: ExecOptions, files: ExecFiles): string[] {
  return [
    ...options.runcCommand,
    'exec',
    '--process',
    files.processFile,
    '--pid-file',
    files.pidFile,
    ...(options.spec.hasTty ? ['--tty'] : []),
    options.container.id,
  ];
}

function startPlain(options: ExecOptions, files: ExecFiles): ExecProcess {
  const [runc = '', ...args] = runcExecArguments(options, files);
  const child = spawn(runc, args, { env: toolEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
  const stderr = new PassThrough();
  return {
    ...common(child, files, listenTo(child.stderr, stderr)),
    stdin: child.stdin,
    stdout: child.stdout,
    stderr,
    resize: () => undefined,
  };
}

/** Everything comes through the terminal, runc's own complaints included. */
function startWithTerminal(options: ExecOptions, files: ExecFiles): ExecProcess {
  const size = new TerminalSize(files.directory);
  const [script = '', ...args] = terminalCommand(runcExecArguments(options, files), size);
  const child = spawn(script, args, {
    env: { ...toolEnvironment(), SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const stdout = new PassThrough();
  return {
    ...common(child, files, listenTo(child.stdout, stdout)),
    stdin: child.stdin,
    stdout,
    stderr: undefined,
    resize: (rows, columns) => size.set(rows, columns),
  };
}

/** runc says on its first lines why a process could not be started. */
const REASON_BYTES_MAX = 8 << 10;

/** Passes everything on, and keeps the beginning. */
function listenTo(from: Readable, to: PassThrough): () => string {
  let head = '';
  from.on('data', (chunk: Buffer) => {
    if (head.length < REASON_BYTES_MAX) head += chunk.toString('latin1');
  });
  from.pipe(to);
  return () => head;
}

function common(
  child: ChildProcess,
  files: ExecFiles,
  firstWords: () => string,
): Pick<ExecProcess, 'pid' | 'kill' | 'exited'> {
  // The process may end before it has read what it was given.
  child.stdin?.on('error', () => undefined);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? EXIT_CODE_KILLED));
  });
  const exited = ended
    .then(async (code) => {
      const wasStarted = await isThere(files.pidFile);
      return wasStarted || code === 0 ? code : startFailure('', firstWords()).detail.exitCode;
    })
    .finally(() => rm(files.directory, { recursive: true, force: true }));
  exited.catch(() => undefined);
  return {
    pid: child.pid,
    exited,
    kill: (signal) => void killInside(child, files, signalNumber(signal)),
  };
}

/** 128 + SIGKILL. */
const EXIT_CODE_KILLED = 137;

/** runc writes the pid after the process has begun to run; it is looked for so often. */
const PID_POLL_MS = 10;

/**
 * runc hands most signals on, but cannot hand on SIGKILL; the process itself gets it, while runc
 * still waits for it.
 */
async function killInside(child: ChildProcess, files: ExecFiles, signal: number): Promise<void> {
  const pid = await pidInside(child, files);
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

/** The process's pid once runc has told it; undefined when all of it ended before. */
async function pidInside(child: ChildProcess, files: ExecFiles): Promise<number | undefined> {
  while (child.exitCode === null && child.signalCode === null) {
    const pid = Number(await tryReadText(files.pidFile, 32).catch(() => undefined));
    if (Number.isInteger(pid) && pid > 1) return pid;
    await delay(PID_POLL_MS);
  }
  return undefined;
}
