import test from 'ava';
import { importBusybox, outputOf, reach, shellOf, World } from './support/world.ts';

test.serial('a container runs, ends with its code, and its output is in the log', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const result = await shellOf(world, runtime)('echo hi; echo err >&2; printf part; exit 7');
  t.is(result.exitCode, 7);
  t.is(result.stdout, 'hi\npart');
  t.is(result.stderr, 'err\n');
  await runtime.remove(result.id);
  await runtime.remove(result.id);
  t.deepEqual(runtime.list(), []);
  t.deepEqual(await world.close(), []);
});

test.serial('stop sends the stop signal, then SIGKILL after the grace period', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const polite = world.spec({
    args: ['sh', '-c', 'trap "echo bye; exit 3" USR1; echo up; while :; do sleep 0.05; done'],
    stopSignal: 'SIGUSR1',
    stopGraceMs: 5000,
  });
  const deaf = world.spec({
    args: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'],
    stopGraceMs: 200,
  });
  for (const spec of [polite, deaf]) {
    await runtime.create(spec);
    await runtime.start(spec.id);
    t.is(runtime.get(spec.id)?.state, 'running');
  }
  while ((await outputOf(runtime, polite.id)).stdout === '')
    await new Promise((r) => setTimeout(r, 20));
  await runtime.stop(polite.id);
  t.is(runtime.get(polite.id)?.exitCode, 3);
  await runtime.stop(deaf.id);
  t.is(runtime.get(deaf.id)?.exitCode, 137);
  t.deepEqual(await world.close(), []);
});

test.serial('the next runtime adopts running containers, and exits that nobody saw', async (t) => {
  const world = new World(t);
  const first = await world.runtime();
  await importBusybox(first);
  const lasting = world.spec({ args: ['sleep', '600'] });
  const ending = world.spec({ args: ['sh', '-c', 'sleep 0.3; exit 5'] });
  for (const spec of [lasting, ending]) {
    await first.create(spec);
    await first.start(spec.id);
  }
  await world.end(first);
  const pid = first.get(ending.id)?.pid;
  while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  const second = await world.runtime();
  t.is(second.get(lasting.id)?.state, 'running');
  t.is(second.get(lasting.id)?.pid, first.get(lasting.id)?.pid);
  await reach(second, ending.id, 'exited');
  t.is(second.get(ending.id)?.exitCode, 5);
  t.deepEqual(second.get(lasting.id)?.spec, lasting);
  t.deepEqual(await world.close(), []);
});

function isThere(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.serial('a command that cannot run is an error with the code that Docker gives', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const rows = [
    { args: ['nosuch'], exitCode: 127, text: 'exec: "nosuch": executable file not found in $PATH' },
    { args: ['/etc'], exitCode: 126, text: 'permission denied' },
  ];
  for (const { args, exitCode, text } of rows) {
    const spec = world.spec({ args });
    await runtime.create(spec);
    const error = await t.throwsAsync(runtime.start(spec.id));
    t.true(error.message.includes(text), error.message);
    const status = runtime.get(spec.id);
    t.is(status?.state, 'exited');
    t.is(status?.exitCode, exitCode);
    t.true(status?.error?.startsWith('starting container failed: '), status?.error);
  }
  t.deepEqual(await world.close(), []);
});
