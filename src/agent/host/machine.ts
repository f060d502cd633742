/** Facts of the machine that an agent tells its cluster and its users. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, hostname, machine, release, totalmem } from 'node:os';

export interface Machine {
  readonly hostname: string;
  /** `uname -r` */
  readonly kernelVersion: string;
  /** `uname -m` */
  readonly machine: string;
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Reads them anew: a hostname may change while the agent runs. */
export async function readMachine(): Promise<Machine> {
  const osRelease = parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
  return {
    hostname: hostname(),
    kernelVersion: release(),
    machine: machine(),
    operatingSystem: osRelease['PRETTY_NAME'] ?? 'Linux',
    osVersion: osRelease['VERSION_ID'] ?? '',
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

/** `KEY=value` lines, values with or without double quotes. See os-release(5). */
export function parseOsRelease(text: string): Readonly<Record<string, string>> {
  const entries = text.split('\n').flatMap((line) => {
    const match = /^([A-Z_]+)="?(.*?)"?$/.exec(line);
    return match ? [[match[1] as string, match[2] as string] as const] : [];
  });
  return Object.fromEntries(entries);
}
