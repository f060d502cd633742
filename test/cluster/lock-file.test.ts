import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { isClusterError } from '../../src/cluster/index.ts';
import { lockDirectory } from '../../src/cluster/lock-file.ts';

const DEADLINE_MS = 10_000;

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-lock-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** As the lock has it for the process `pid`. */
async function mark(pid: number, more: { readonly startTicks?: string } = {}): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const start = more.startTicks ?? stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return `${pid} ${start} ${boot}`;
}

test('a directory in use is refused with the pid of its user, and can be had after it', async (t) => {
  await withDirectory(async (directory) => {
    const release = await lockDirectory(directory);
    t.is(await readFile(join(directory, 'lock'), 'utf8'), await mark(process.pid));
    const error = await t.throwsAsync(lockDirectory(directory));
    t.true(isClusterError(error, 'locked'));
    await release();
    await (
      await lockDirectory(directory)
    )();
  });
});

const STALE: Readonly<Record<string, () => Promise<string>>> = {
  'a process that is gone': async () => `${2 ** 22 + 1} 1 boot`,
  'an earlier process with the same pid': () => mark(process.pid, { startTicks: '1' }),
  'a process of an earlier boot': async () =>
    (await mark(process.pid)).replace(/[^ ]+$/, '00000000-0000-0000-0000-000000000000'),
  nobody: async () => '',
  'what is no mark': async () => 'x'.repeat(1_000),
};

for (const [whose, stale] of Object.entries(STALE))
  test(`a lock of ${whose} is taken over`, async (t) => {
    await withDirectory(async (directory) => {
      await writeFile(join(directory, 'lock'), await stale());
      const release = await lockDirectory(directory);
      t.is(await readFile(join(directory, 'lock'), 'utf8'), await mark(process.pid));
      await release();
    });
  });

test('a process that has ended holds nothing, even before its parent has noticed', async (t) => {
  // The child ends once the shell has become a program that never asks what became of it.
  const parent = spawn('sh', ['-c', 'exec 3<&0; (read line <&3) & echo $!; exec sleep 60'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    await until(async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'sleep\n');
    parent.stdin.end();
    await until(async () => (await stateOf(pid)) === 'Z');
    await withDirectory(async (directory) => {
      await writeFile(join(directory, 'lock'), await mark(pid));
      await (
        await lockDirectory(directory)
      )();
      t.pass();
    });
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  }
});

async function stateOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0];
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + DEADLINE_MS;
  while (!(await isTrue())) {
    if (Date.now() > endMs) throw new Error('the process is not what it was to become');
    await delay(10);
  }
}
