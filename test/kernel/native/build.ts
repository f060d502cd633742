/** Compiles C and C++ of ours with the system's compiler, for tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

/** Folder with package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** Node's headers; `undefined` when the machine has none. */
export function nodeHeaders(): string | undefined {
  const candidates = [
    resolve(dirname(process.execPath), '..', 'include', 'node'),
    '/usr/include/node',
  ];
  return candidates.find((folder) => existsSync(join(folder, 'node_api.h')));
}

export function hasCompiler(): boolean {
  return spawnSync('g++', ['--version']).status === 0;
}

/** Where the compiler keeps a run-time library; `undefined` when it has none. */
export function runtimeLibrary(name: string): string | undefined {
  const path = execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  return path.includes('/') ? path : undefined;
}

/** A folder that goes with the test. */
export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-native-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The addon, compiled with the given flags beside those of binding.gyp. */
export function compileAddon(folder: string, headers: string, flags: readonly string[]): string {
  const root = packageRoot();
  const output = join(folder, 'hawser.node');
  const addonApi = dirname(createRequire(import.meta.url).resolve('node-addon-api'));
  const sources = readdirSync(join(root, 'native')).filter((name) => name.endsWith('.cc'));
  execFileSync('g++', [
    ...['-std=c++20', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', '-fno-exceptions'],
    ...['-Wno-missing-field-initializers', '-DNAPI_VERSION=8', '-DNAPI_DISABLE_CPP_EXCEPTIONS'],
    ...['-D_GNU_SOURCE', `-I${headers}`, `-I${addonApi}`, ...flags, '-o', output],
    ...sources.map((name) => join(root, 'native', name)),
  ]);
  return output;
}
