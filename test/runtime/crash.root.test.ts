import test from 'ava';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { importBusybox, reach, sleeper, World } from './support/world.ts';

const AGENT = fileURLToPath(new URL('./support/agent.js', import.meta.url));
/** Spread over the whole of create, start, stop and remove, which take some 300 ms together. */
const KILL_AFTER_MS = [0, 15, 40, 65, 90, 115, 140, 165, 190, 230, 270, 320];

test.serial('an agent killed anywhere leaves what the next one can use', async (t) => {
  const world = new World(t);
  const first = await world.runtime();
  await importBusybox(first);
  await world.end(first);
  for (const afterMs of KILL_AFTER_MS) {
    const spec = world.spec({ args: ['sleep', '600'] });
    const input = { directory: world.directory, cgroupParent: world.cgroupParent, spec };
    const agent = fork(AGENT, [JSON.stringify(input)], { silent: true });
    if (agent.stdout !== null) await once(agent.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    const next = await world.runtime();
    const found = next.get(spec.id);
    // Whatever was found: it can be run, and it can be removed.
    await next.create(spec);
    if (next.get(spec.id)?.state === 'created') await next.start(spec.id);
    if (next.get(spec.id)?.state === 'running') {
      await next.stop(spec.id, 0);
      await reach(next, spec.id, 'exited');
    }
    await next.remove(spec.id);
    t.deepEqual(next.list(), [], `after ${afterMs} ms: ${found?.state ?? 'nothing'}`);
    t.deepEqual(readdirSync(`${world.directory}/one/data/containers`), []);
    await world.end(next);
  }
  t.deepEqual(await world.close(), []);
});

test.serial('a corrupt record is set aside, and the others are adopted', async (t) => {
  const world = new World(t);
  const first = await world.runtime();
  await importBusybox(first);
  const good = await sleeper(world, first);
  const bad = await sleeper(world, first);
  await world.end(first);
  const containers = `${world.directory}/one/data/containers`;
  writeFileSync(`${containers}/${bad}/container.json`, '{"version":1,');
  mkdirSync(`${containers}/${'e'.repeat(64)}`);
  const second = await world.runtime();
  t.deepEqual(
    second.list().map(({ id, state }) => ({ id, state })),
    [{ id: good, state: 'running' }],
  );
  t.is(readdirSync(`${world.directory}/one/data/quarantine`).length, 1);
  t.deepEqual(readdirSync(containers), [good]);
  t.deepEqual(await world.close(), []);
});

test.serial('a container whose monitor was killed is reported as ended', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const id = await sleeper(world, runtime);
  const pid = runtime.get(id)?.pid ?? 0;
  const monitor = Number(/PPid:\t(\d+)/.exec(await status(pid))?.[1]);
  process.kill(monitor, 'SIGKILL');
  t.is(runtime.get(id)?.state, 'running');
  process.kill(pid, 'SIGKILL');
  await reach(runtime, id, 'exited');
  t.is(runtime.get(id)?.exitCode, 255);
  t.deepEqual(await world.close(), []);
});

async function status(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/status`, 'utf8');
}
