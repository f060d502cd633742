/** Runs the system's tools: bounded output, bounded time, errors with what the tool said. */
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { RuntimeError } from '../errors.ts';

/** More than any tool here says; the rest is dropped. */
const OUTPUT_BYTES_MAX = 1 << 20;
const DEFAULT_TIMEOUT_MS = 60_000;
const SYSTEM_DIRECTORIES = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** What tools get as environment: C locale, UTC, and a PATH that has the sbin directories. */
export function toolEnvironment(): Record<string, string> {
  const own = (process.env['PATH'] ?? '').split(':').filter((entry) => entry.startsWith('/'));
  return { PATH: [...new Set([...own, ...SYSTEM_DIRECTORIES])].join(':'), LC_ALL: 'C', TZ: 'UTC' };
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

export interface CommandResult {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end, whatever its exit status. Throws `missing_tool` or `timeout`. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: toolEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const stdout = collectText(child.stdout);
  const stderr = collectText(child.stderr);
  const { exitCode, signal } = await exitOf(child, file);
  if (signal === 'SIGKILL' && child.killed) {
    throw new RuntimeError(
      { code: 'timeout', what: file, afterMs: timeoutMs },
      `${path.basename(file)} did not finish within ${timeoutMs} ms`,
    );
  }
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

/** As `runCommand`, but a status other than 0 throws `command_failed` with what the tool wrote. */
export async function runChecked(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runCommand(file, args, options);
  if (result.exitCode !== 0) throw commandFailed(file, result);
  return result;
}

export function commandFailed(file: string, result: CommandResult): RuntimeError {
  const name = path.basename(file);
  const stderr = result.stderr.trim();
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    return new RuntimeError({ code: 'disk_full', path: name }, `${name}: no space left on device`);
  }
  return new RuntimeError(
    { code: 'command_failed', command: name, exitCode: result.exitCode, stderr },
    `${name} failed (${result.exitCode ?? 'signal'}): ${stderr}`,
  );
}

interface Exit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

/**
 * Waits until a child ended and its output is complete. Throws `missing_tool` when there is no such
 * program.
 */
export function exitOf(child: ReturnType<typeof spawn>, file: string): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(missingTool(file, error)));
    child.once('close', (exitCode, signal) =>
      resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined }),
    );
  });
}

function missingTool(file: string, cause: unknown): RuntimeError {
  const tool = path.basename(file);
  return new RuntimeError(
    { code: 'missing_tool', tool },
    `cannot run ${tool}: install the package that has it`,
    cause,
  );
}

/** Keeps the first `OUTPUT_BYTES_MAX` bytes of a stream and drains the rest. */
export function collectText(stream: NodeJS.ReadableStream): { text(): string } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    if (bytes < OUTPUT_BYTES_MAX) chunks.push(chunk);
    bytes += chunk.length;
  });
  return { text: () => Buffer.concat(chunks).toString('utf8') };
}

/** Absolute path of a program. Throws `missing_tool`. */
export async function findTool(name: string): Promise<string> {
  for (const directory of (toolEnvironment()['PATH'] ?? '').split(':')) {
    const candidate = path.join(directory, name);
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  throw missingTool(name, undefined);
}
