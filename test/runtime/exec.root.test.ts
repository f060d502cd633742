import test from 'ava';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ExecProcess, ExecSpec } from '../../src/runtime/index.ts';
import { importBusybox, sleeper, World } from './support/world.ts';

const PLAIN: ExecSpec = { command: [], env: [], hasTty: false, isPrivileged: false };

test.serial('exec runs beside the process, with its streams apart and its exit code', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const id = await sleeper(world, runtime, { env: ['A=container', 'B=container'] });
  const script = 'cat; echo "$A $B $(pwd) $(id -u):$(id -g):$(id -G)"; echo err >&2; exit 9';
  const process = await runtime.exec(id, {
    ...PLAIN,
    command: ['sh', '-c', script],
    env: ['B=exec'],
    workingDirectory: '/tmp',
    user: 'web',
  });
  process.stdin.end('typed\n');
  const [stdout, stderr, code] = await Promise.all([
    text(process.stdout),
    text(process.stderr ?? Readable.from([])),
    process.exited,
  ]);
  t.is(stdout, 'typed\ncontainer exec /tmp 1000:1001:1001 1002\n');
  t.is(stderr, 'err\n');
  t.is(code, 9);
  t.deepEqual(await world.close(), []);
});

test.serial(
  'a command that is not there ends with 127, and a killed one with 128 + signal',
  async (t) => {
    const world = new World(t);
    const runtime = await world.runtime();
    await importBusybox(runtime);
    const id = await sleeper(world, runtime);
    const missing = await runtime.exec(id, { ...PLAIN, command: ['nosuch'] });
    t.regex(await text(missing.stderr ?? Readable.from([])), /executable file not found in \$PATH/);
    t.is(await missing.exited, 127);
    const killed = await runtime.exec(id, {
      ...PLAIN,
      command: ['sh', '-c', 'echo up; exec sleep 600'],
    });
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    t.is(await killed.exited, 137);
    t.deepEqual(await world.close(), []);
  },
);

test.serial(
  'a terminal is one: it has a size that can be changed, and echoes nothing twice',
  async (t) => {
    const world = new World(t);
    const runtime = await world.runtime();
    await importBusybox(runtime);
    const id = await sleeper(world, runtime);
    const process = await runtime.exec(id, {
      ...PLAIN,
      hasTty: true,
      command: ['sh'],
      env: ['PS1=# '],
    });
    process.resize(33, 111);
    t.is(process.stderr, undefined);
    const seen = watchOutput(process);
    await seen.until('# ');
    process.stdin.write('test -t 0 && echo ter""minal\n');
    await seen.until('terminal\r\n');
    await sizeOf(process, seen, '33 111');
    process.resize(44, 122);
    await sizeOf(process, seen, '44 122');
    process.stdin.write('exit 6\n');
    t.is(await process.exited, 6);
    t.is(seen.text().split('test -t 0').length, 2);
    t.deepEqual(await world.close(), []);
  },
);

/** Asks for the size until it is the expected one: the change travels through two processes. */
async function sizeOf(process: ExecProcess, seen: Watch, expected: string): Promise<void> {
  process.stdin.write(
    `until [ "$(stty size)" = "${expected}" ]; do sleep 0.05; done; echo "is" "${expected}"\n`,
  );
  await seen.until(`is ${expected}\r\n`);
}

interface Watch {
  text(): string;
  until(wanted: string): Promise<void>;
}

function watchOutput(process: ExecProcess): Watch {
  let all = '';
  process.stdout.on('data', (chunk: Buffer) => (all += chunk.toString()));
  const deadline = Date.now() + 10_000;
  return {
    text: () => all,
    until: async (wanted) => {
      while (!all.includes(wanted)) {
        if (Date.now() > deadline)
          throw new Error(`no ${JSON.stringify(wanted)} in ${JSON.stringify(all)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
