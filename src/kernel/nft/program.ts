/** Runs the nft program, in a given namespace. */
import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { KernelError, systemError } from '../kernel-error.ts';
import { memfd } from '../native.ts';

/** Only the system's own folders: npm puts others' programs on the path, one of them called nft. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const ERROR_TEXT_MAX = 2000;

/** `undefined` is the namespace of the process. */
export type NftNamespacePath = string | undefined;

/**
 * Carries out the script as one transaction. Throws `KernelError` with code NFT and the program's
 * text.
 */
export async function nftWrite(namespace: NftNamespacePath, script: string): Promise<void> {
  // nft opens its input by name, which works for a file and not for the socket that a pipe of
  // Node's is.
  const input = memfd('hawser-nft');
  try {
    writeAll(input, new TextEncoder().encode(script));
    await run(namespace, ['-f', '/proc/self/fd/0'], input);
  } finally {
    closeSync(input);
  }
}

/** Returns the program's JSON document for a `list` command. */
export async function nftRead(
  namespace: NftNamespacePath,
  command: readonly string[],
): Promise<unknown> {
  const text = await run(namespace, ['-j', ...command], 'ignore');
  try {
    return text === '' ? { nftables: [] } : JSON.parse(text);
  } catch (error) {
    const reason = `nft ${command.join(' ')} printed no JSON`;
    throw new KernelError({ code: 'NFT', text: reason }, reason, error);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}

function run(
  namespace: NftNamespacePath,
  args: readonly string[],
  input: number | 'ignore',
): Promise<string> {
  const [program, ...rest] =
    namespace === undefined ? ['nft', ...args] : ['nsenter', `--net=${namespace}`, 'nft', ...args];
  const child = spawn(program, rest, {
    stdio: [input, 'pipe', 'pipe'],
    env: { PATH: SYSTEM_PATH, LC_ALL: 'C' },
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve, reject) => {
    const output: Buffer[] = [];
    let outputBytes = 0;
    let errorText = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > OUTPUT_BYTES_MAX) child.kill('SIGKILL');
      else output.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      if (errorText.length < ERROR_TEXT_MAX) errorText += chunk.toString();
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(systemError({ errno: error.code ?? 'EIO', call: 'spawn' }, program)),
    );
    child.on('close', (status, signal) => {
      if (status === 0) resolve(Buffer.concat(output).toString());
      else reject(refusal(errorText, status ?? signal ?? 'unknown'));
    });
  });
}

function refusal(errorText: string, status: number | string): KernelError {
  const text = errorText.trim().slice(0, ERROR_TEXT_MAX) || `nft ended with ${status}`;
  return new KernelError({ code: 'NFT', text }, `nft: ${text}`);
}
