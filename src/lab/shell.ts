/** Programs of the system, run without a shell. */
import { spawn } from 'node:child_process';
import { LabError } from './errors.ts';

export interface RunResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;

/** Runs a program to its end, whatever its status; rejects only when it cannot be started. */
export function tryRun(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: 'pipe',
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...options.env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    // A program that reads no input may be gone before it is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('close', (status) => resolve({ status, stdout, stderr }));
    child.on('error', (error) => reject(failed(command, null, error.message)));
  });
}

/** As `tryRun`, but a status other than 0 is an error; returns what the program printed. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await tryRun(command, options);
  if (status !== 0) throw failed(command, status, stderr.trim() || stdout.trim());
  return stdout;
}

function failed(command: readonly string[], status: number | null, why: string): LabError {
  const text = command.join(' ').slice(0, 200);
  return new LabError(
    { code: 'command-failed', command: text, status },
    `"${text}" failed: ${why.split('\n').join('; ').slice(0, 400)}`,
  );
}
