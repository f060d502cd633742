import test from 'ava';
import { statSync, writeFileSync } from 'node:fs';
import type { LogQuery, Runtime } from '../../src/runtime/index.ts';
import { maybeRotate } from '../../src/runtime/logs/log-rotation.ts';
import { importBusybox, shellOf, sleeper, World } from './support/world.ts';

const ALL: LogQuery = {
  wantStdout: true,
  wantStderr: true,
  isFollowing: false,
  signal: new AbortController().signal,
};

async function read(runtime: Runtime, id: string, query: Partial<LogQuery> = {}): Promise<string> {
  let text = '';
  for await (const { line } of runtime.logs(id, { ...ALL, ...query })) text += line.toString();
  return text;
}

test.serial('logs are filtered by stream, by tail and by time', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const { id } = await shellOf(world, runtime)('seq 1 5; echo err >&2; sleep 1.1; echo late');
  t.is(await read(runtime, id), '1\n2\n3\n4\n5\nerr\nlate\n');
  t.is(await read(runtime, id, { wantStdout: false }), 'err\n');
  t.is(await read(runtime, id, { wantStderr: false, tailLines: 2 }), '5\nlate\n');
  t.is(await read(runtime, id, { tailLines: 0 }), '');
  t.is(await read(runtime, id, { tailLines: 99 }), '1\n2\n3\n4\n5\nerr\nlate\n');
  const middle = (runtime.get(id)?.startedAtMs ?? 0) + 600;
  t.is(await read(runtime, id, { sinceMs: middle }), 'late\n');
  t.is(await read(runtime, id, { untilMs: middle, wantStderr: false }), '1\n2\n3\n4\n5\n');
  t.deepEqual(await world.close(), []);
});

test.serial('a follower sees everything up to the end, across rotations', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const script = 'for i in $(seq 1 60); do echo "line $i"; sleep 0.02; done';
  const spec = world.spec({ args: ['sh', '-c', script] });
  await runtime.create(spec);
  const whole = read(runtime, spec.id, { isFollowing: true });
  await runtime.start(spec.id);
  const logFile = `${world.directory}/one/data/containers/${spec.id}/log`;
  const log = { logFile, controlPipe: `${logFile.slice(0, -3)}ctl` };
  let rotations = 0;
  for (let inode = -1; rotations < 2;) {
    const found = statSync(logFile, { throwIfNoEntry: false });
    const isNew = found !== undefined && found.ino !== inode && found.size > 200;
    if (isNew && (await maybeRotate(log, 200))) {
      inode = found.ino;
      rotations += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const expected = Array.from({ length: 60 }, (_, index) => `line ${index + 1}\n`).join('');
  t.is(await whole, expected);
  t.is(await read(runtime, spec.id), expected);
  t.is(await read(runtime, spec.id, { tailLines: 1 }), 'line 60\n');
  t.deepEqual(await world.close(), []);
});

test.serial('a follower ends when its reader goes away', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const id = await sleeper(world, runtime, { args: ['sh', '-c', 'echo up; exec sleep 600'] });
  const reader = new AbortController();
  const lines: string[] = [];
  for await (const { line } of runtime.logs(id, {
    ...ALL,
    isFollowing: true,
    signal: reader.signal,
  })) {
    lines.push(line.toString());
    reader.abort();
  }
  t.deepEqual(lines, ['up\n']);
  t.deepEqual(await world.close(), []);
});

test.serial(
  'a terminal’s output is in the log, and binary and torn lines hurt nobody',
  async (t) => {
    const world = new World(t);
    const runtime = await world.runtime();
    await importBusybox(runtime);
    const shell = shellOf(world, runtime);
    const terminal = await shell('test -t 1 && echo on a terminal', { hasTty: true });
    t.is(terminal.stdout, 'on a terminal\r\n');
    const { id } = await shell(
      'head -c 100000 /dev/zero | tr "\\0" x; echo; printf "\\377\\376\\n"',
    );
    const bytes: Buffer[] = [];
    for await (const { line } of runtime.logs(id, ALL)) bytes.push(line);
    t.deepEqual(
      Buffer.concat(bytes),
      Buffer.concat([Buffer.alloc(100_000, 'x'), Buffer.from([10, 255, 254, 10])]),
    );
    t.is((await read(runtime, id, { tailLines: 2 })).length, 100_004);
    writeFileSync(
      `${world.directory}/one/data/containers/${id}/log`,
      'torn\n2026-01-01T00:00:00.000000000+00:00 stdout F whole\n2026',
    );
    t.is(await read(runtime, id), 'whole\n');
    t.deepEqual(await world.close(), []);
  },
);
