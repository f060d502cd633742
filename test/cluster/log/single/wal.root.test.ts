/** A file system that is really full. Needs root to mount one. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { isClusterError } from '../../../../src/cluster/errors.ts';
import { ListLog } from './fixture.ts';

const run = promisify(execFile);

test.serial('on a full disk writes are refused and work again once there is room', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), `hawser-full-${process.pid}-`));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', directory]);
  t.teardown(async () => {
    await run('umount', [directory]);
    await rm(directory, { recursive: true });
  });
  const home = join(directory, 'log');
  const list = new ListLog();
  const log = await list.create(home);
  const ballast = join(directory, 'ballast');
  await writeFile(ballast, Buffer.alloc(64 << 10));
  const codes = new Set<string>();
  let accepted = 0;
  for (let round = 0; round < 100; round += 1) {
    try {
      await log.propose(Buffer.alloc(3000, 'x'));
      accepted += 1;
    } catch (error) {
      codes.add(isClusterError(error, 'disk-full') ? 'disk-full' : String(error));
    }
  }
  t.deepEqual([...codes], ['disk-full']);
  t.true(accepted > 5 && accepted < 40, `${accepted} accepted`);
  await rm(ballast);
  await log.propose(Buffer.from('afterwards'));
  await log.close();
  const again = new ListLog();
  await (await again.open(home)).close();
  t.deepEqual(again.state, list.state);
  t.is(again.state.length, accepted + 1);
  t.true((await readFile(join(home, 'wal-0000000000000001.log'))).length > 0);
});
