/**
 * A virtual machine with Debian's kernel that runs one command on this machine's own files, which
 * it sees through a layer in memory: what the command writes is gone with the machine, except for
 * what it writes into `/vm/out`. QEMU translates its code (no KVM needed): user space is there
 * after some seconds, and JavaScript runs some thirty times slower. `make/vm` fetches what it is
 * made of, `init` is its first process.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/index.ts';

const MEMORY_MB = 2048;
const CPUS = 2;
const NICENESS = 10;

export type GuestParts =
  | { readonly kind: 'ready'; readonly folder: string }
  /** `reason` says why there can be no virtual machine here. */
  | { readonly kind: 'missing'; readonly reason: string };

export interface GuestRun {
  /** Exit status of the command; `undefined` when the guest ended or hung before it did. */
  readonly status: number | undefined;
  /** What the kernel and the command wrote to the console. */
  readonly log: string;
}

/** Fetches what is missing; costs nothing the second time. */
export function guestParts(): GuestParts {
  const maker = join(packageRoot(import.meta.dirname), 'make/vm');
  const { status, stdout, stderr, error } = spawnSync(maker, { encoding: 'utf8' });
  if (error !== undefined) return { kind: 'missing', reason: error.message };
  const folder = stdout.trim();
  if (status === 0 && folder !== '') return { kind: 'ready', folder };
  const reason = stderr
    .trim()
    .split('\n')
    .at(-1)
    ?.replace(/^make: /, '');
  return { kind: 'missing', reason: reason || `make/vm ended with ${status}` };
}

/**
 * Boots, runs the lines of shell as root in the working directory of the caller, and waits for the
 * end. `out` is emptied first; the guest sees it as `/vm/out`.
 */
export async function runInGuest(
  folder: string,
  command: readonly string[],
  options: { readonly out: string; readonly limitMs: number },
): Promise<GuestRun> {
  const { out, limitMs } = options;
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const lines = [...environment(), ...command];
  writeFileSync(join(out, 'command'), lines.map((line) => `${line}\n`).join(''));
  const logPath = join(out, 'console.log');
  const log = createWriteStream(logPath);
  const child = spawn(
    'nice',
    ['-n', `${NICENESS}`, 'qemu-system-x86_64', ...machine(folder, out)],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.timeout(limitMs),
      killSignal: 'SIGKILL',
    },
  );
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.on('error', (error) => log.write(`${error.message}\n`));
  await new Promise((resolve) => child.on('close', resolve));
  log.end();
  await finished(log);
  return { status: statusIn(out), log: readFileSync(logPath, 'utf8') };
}

function environment(): string[] {
  return [
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'export HOME=/root',
    `cd '${process.cwd()}'`,
  ];
}

function machine(folder: string, out: string): string[] {
  return [
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ...['-smp', `${CPUS}`, '-m', `${MEMORY_MB}`],
    ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', join(folder, 'vmlinuz'), '-initrd', join(folder, 'initramfs')],
    ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off'],
    ...share('host', '/', true),
    ...share('modules', join(folder, 'modules'), true),
    ...share('tools', join(folder, 'tools'), true),
    ...share('out', out, false),
  ];
}

function share(tag: string, path: string, isReadOnly: boolean): string[] {
  const access = isReadOnly ? ',readonly=on' : '';
  return [
    '-fsdev',
    `local,id=${tag},path=${path},security_model=none,multidevs=remap${access}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
}

function statusIn(out: string): number | undefined {
  try {
    return Number(readFileSync(join(out, 'status'), 'utf8'));
  } catch {
    return undefined;
  }
}
