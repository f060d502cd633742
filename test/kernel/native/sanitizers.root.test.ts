import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import {
  compileAddon,
  hasCompiler,
  nodeHeaders,
  packageRoot,
  runtimeLibrary,
  temporaryFolder,
} from './build.ts';

const EXERCISE = fileURLToPath(new URL('./exercise.js', import.meta.url));

test('the addon touches no memory but its own and does nothing undefined', (t) => {
  const headers = nodeHeaders();
  const asan = hasCompiler() ? runtimeLibrary('libasan.so') : undefined;
  if (headers === undefined || asan === undefined) {
    t.log("not run: needs g++, libasan and Node's headers");
    t.pass();
    return;
  }
  const addon = compileAddon(temporaryFolder(t), headers, [
    ...['-O1', '-g', '-fno-omit-frame-pointer', '-fno-sanitize-recover=all'],
    '-fsanitize=address,undefined',
  ]);
  const run = spawnSync(process.execPath, [EXERCISE], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'] ?? '',
      HAWSER_ADDON: addon,
      LD_PRELOAD: asan,
      // V8 keeps what it likes until it exits; leaks are not what is looked for.
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=99',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
  });
  t.is(run.stderr.slice(0, 4000), '');
  t.is(run.status, 0);
  t.is(run.stdout, 'exercised\n');
});

test('the exercise is worth its name: it passes with the ordinary addon', (t) => {
  const run = spawnSync(process.execPath, [EXERCISE], { encoding: 'utf8' });
  t.is(run.stderr, '');
  t.is(run.stdout, 'exercised\n');
});

test('the process ends when it cannot go back to its own namespace', (t) => {
  if (!hasCompiler()) {
    t.log('not run: needs g++');
    t.pass();
    return;
  }
  const folder = temporaryFolder(t);
  const shim = join(folder, 'setns.so');
  // The first setns is let through, every later one fails.
  const source = `
    #include <errno.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    extern "C" int setns(int fd, int type) {
      static int calls = 0;
      if (calls++ > 0) { errno = EPERM; return -1; }
      return (int)syscall(SYS_setns, fd, type);
    }`;
  const compiled = spawnSync('g++', ['-shared', '-fPIC', '-x', 'c++', '-o', shim, '-'], {
    input: source,
    encoding: 'utf8',
  });
  t.is(compiled.status, 0, compiled.stderr);
  const script = `
    const { openSync } = require('node:fs');
    const addon = require(${JSON.stringify(join(packageRoot(), 'build/Release/hawser.node'))});
    const namespaceFd = openSync('/proc/self/ns/net', 'r');
    addon.socketIn({ namespaceFd, family: 2, type: 2, protocol: 0, options: [] });
    console.log('went on');`;
  const run = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', LD_PRELOAD: shim },
  });
  t.is(run.signal, 'SIGABRT');
  t.is(run.stdout, '');
  t.regex(run.stderr, /cannot return to the own network namespace/);
});
