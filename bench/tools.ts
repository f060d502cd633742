/** What the benchmarks run: programs, a root file system to import, a lab. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export async function run(...command: string[]): Promise<string> {
  const [program = '', ...args] = command;
  const { stdout } = await exec(program, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

export function runIn(namespace: string, ...command: string[]): Promise<string> {
  return run('nsenter', `--net=${namespace}`, '--', ...command);
}

/** Starts a program that goes on until it is killed. */
export function start(...command: string[]): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, args, { stdio: 'ignore' });
}

/** The root of this checkout. */
export function rootDirectory(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}

export const hawser = (...args: string[]): Promise<string> =>
  run(join(rootDirectory(), 'bin/hawser'), ...args);

/** On node `number` of the lab. */
export const onNode = (number: number, ...args: string[]): Promise<string> =>
  hawser('--host', `unix:///run/hawser-lab/${number}/hawser.sock`, ...args);

export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-bench-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Brings up a lab of three nodes with the benchmark image, and takes it away whatever happens. */
export async function withLab<T>(use: () => Promise<T>): Promise<T> {
  await hawser('lab', 'down');
  await hawser('lab', 'up', '--nodes', '3');
  try {
    await importBenchImage();
    return await use();
  } finally {
    await hawser('lab', 'down');
  }
}

/** The program that opens connections, compiled from its source beside this file. */
export async function buildConnections(directory: string): Promise<string> {
  const program = join(directory, 'connections');
  const source = join(rootDirectory(), 'bench/connections.cc');
  await run('g++', '-O2', '-static', '-o', program, source);
  return program;
}

/** `bench:latest`: busybox, iperf3 and the connection program, with the libraries they name. */
async function importBenchImage(): Promise<void> {
  await withDirectory(async (directory) => {
    const root = join(directory, 'root');
    for (const name of ['bin', 'tmp']) await mkdir(join(root, name), { recursive: true });
    for (const program of ['/bin/busybox', '/usr/bin/iperf3']) await copyProgram(program, root);
    await copyFile(await buildConnections(directory), join(root, 'bin/connections'));
    await run('chroot', root, '/bin/busybox', '--install', '-s', '/bin');
    await run('tar', '-C', root, '-cf', join(directory, 'image.tar'), '.');
    await onNode(1, 'image', 'import', join(directory, 'image.tar'), 'bench:latest');
  });
}

async function copyProgram(program: string, root: string): Promise<void> {
  await copyFile(program, join(root, 'bin', program.split('/').at(-1) ?? ''));
  const libraries = (await run('ldd', program)).match(/\/[^ ]+/g) ?? [];
  for (const library of libraries) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await copyFile(library, join(root, library));
  }
}
