import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SILENT_LOGGER } from '../../src/base/index.ts';
import type { TaskId } from '../../src/model/index.ts';
import { SandboxTable } from '../../src/node/sandboxes.ts';

const TASK = '0123456789abcdefghijklmno' as TaskId;
const OTHER = 'z123456789abcdefghijklmno' as TaskId;

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-sandboxes-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const open = (directory: string, prefix = '172.18.0.0/16'): Promise<SandboxTable> =>
  SandboxTable.open(directory, async () => prefix, SILENT_LOGGER);

test('a sandbox keeps its address over a restart, and the prefix is chosen once', async (t) => {
  await withDirectory(async (directory) => {
    const table = await open(directory);
    const sandbox = await table.ensure(TASK);
    t.deepEqual(sandbox, {
      taskId: TASK,
      namespace: 't-0123456789ab',
      gatewayAddress: '172.18.0.3',
    });
    const again = await open(directory, '172.30.0.0/16');
    t.deepEqual(again.get(TASK), sandbox);
    t.is(again.prefix, '172.18.0.0/16');
    t.is((await again.ensure(OTHER)).gatewayAddress, '172.18.0.4');
  });
});

test('an address is not given out again before the others were', async (t) => {
  await withDirectory(async (directory) => {
    const table = await open(directory, '172.18.0.0/29');
    await table.ensure(TASK);
    await table.remove(TASK);
    t.is((await table.ensure(OTHER)).gatewayAddress, '172.18.0.4');
  });
});

test('a full prefix is said to be full and nothing changes', async (t) => {
  await withDirectory(async (directory) => {
    const table = await open(directory, '172.18.0.0/29');
    for (let index = 0; index < 4; index += 1) await table.ensure(`${index}${TASK}` as TaskId);
    const before = await readFile(join(directory, 'sandboxes.json'), 'utf8');
    await t.throwsAsync(table.ensure(OTHER), { message: /every address of hawser_gw/ });
    t.is(await readFile(join(directory, 'sandboxes.json'), 'utf8'), before);
  });
});

test('many changes at once are all in the file', async (t) => {
  await withDirectory(async (directory) => {
    const table = await open(directory);
    const ids = Array.from({ length: 50 }, (_, index) => `${index}-${TASK}` as TaskId);
    await Promise.all(ids.map((id) => table.ensure(id)));
    const again = await open(directory);
    t.is(again.values().length, 50);
  });
});

test('a table that cannot be read is started anew', async (t) => {
  await withDirectory(async (directory) => {
    await writeFile(join(directory, 'sandboxes.json'), '{"version":1,"prefix":');
    t.deepEqual((await open(directory)).values(), []);
  });
});
