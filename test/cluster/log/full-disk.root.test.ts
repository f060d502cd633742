/** A file system that is really full. Needs root to mount one. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { isClusterError } from '../../../src/cluster/errors.ts';
import {
  createStorage,
  entries,
  listed,
  metaOf,
  reopened,
  storageOptions,
  writeOf,
} from './fixture.ts';

const run = promisify(execFile);

test.serial('on a full disk writes fail whole and succeed once there is room', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), `hawser-full-${process.pid}-`));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory]);
  t.teardown(async () => {
    await run('umount', [directory]);
    await rm(directory, { recursive: true });
  });
  const options = storageOptions(join(directory, 'log'), { limits: { segmentBytes: 16 << 10 } });
  const storage = await createStorage(options);
  const ballast = join(directory, 'ballast');
  await writeFile(ballast, Buffer.alloc(128 << 10));
  let index = 1;
  let failure: unknown;
  while (failure === undefined && index < 100)
    await storage.write(writeOf({ entries: entries([index, 1], 1, 3000) })).then(
      () => (index += 1),
      (error: unknown) => (failure = error),
    );
  t.true(isClusterError(failure, 'disk-full'), String(failure));
  t.true(index > 10, `${index} written`);
  const keep = { oldSnapshots: 0, entriesForSlow: 0 };
  const state = Buffer.alloc(100 << 10);
  const saving = storage.saveSnapshot(metaOf(index - 1, 1), state, keep);
  t.true(isClusterError(await t.throwsAsync(saving), 'disk-full'));
  const again = writeOf({ entries: entries([index, 1], 1, 3000) });
  t.true(isClusterError(await t.throwsAsync(storage.write(again)), 'disk-full'));
  t.is(Number(storage.log.lastIndex), index - 1);
  await rm(ballast);
  await storage.write(again);
  await storage.saveSnapshot(metaOf(5, 1), Buffer.from('state'), keep);
  await storage.close();
  await reopened(options, ({ storage: { log }, snapshot }) => {
    t.is(Number(log.lastIndex), index);
    t.is(listed(log).at(-1), `${index}.1.${index}`);
    t.is(snapshot?.state.toString(), 'state');
  });
});
