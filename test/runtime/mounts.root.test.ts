import test from 'ava';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { RuntimeError, type ContainerSpec } from '../../src/runtime/index.ts';
import { importBusybox, shellOf, World } from './support/world.ts';

test.serial('volumes take the image’s content once, and keep what is written', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const shell = shellOf(world, runtime);
  const mounts = [{ Type: 'volume', Source: 'store', Target: '/data' }] as const;
  const first = await shell('cat /data/greeting; echo mine > /data/greeting', { mounts });
  t.is(first.stdout, 'hello from the image\n');
  await runtime.remove(first.id);
  const second = await shell('cat /data/greeting; touch /data/x 2>/dev/null || echo ro', {
    mounts: [{ ...mounts[0], ReadOnly: true }],
  });
  t.is(second.stdout, 'mine\nro\n');
  t.is(readFileSync(`${world.directory}/one/data/volumes/store/_data/greeting`, 'utf8'), 'mine\n');
  t.deepEqual(await world.close(), []);
});

test.serial('the image’s own volumes are anonymous, and go with the container', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime, ['VOLUME /data']);
  const result = await shellOf(
    world,
    runtime,
  )('cat /data/greeting; grep -c " /data " /proc/mounts');
  t.is(result.stdout, 'hello from the image\n1\n');
  const volumes = `${world.directory}/one/data/volumes`;
  t.is(readdirSync(volumes).length, 1);
  await runtime.remove(result.id);
  t.deepEqual(readdirSync(volumes), []);
  t.deepEqual(await world.close(), []);
});

test.serial('binds and tmpfs are mounted, an inner one after its outer one', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  mkdirSync(`${world.directory}/shared`);
  writeFileSync(`${world.directory}/shared/in`, 'from the host\n');
  const result = await shellOf(world, runtime)(
    [
      'cat /mnt/in; echo out > /mnt/out; touch /mnt/deep/er/x',
      'grep -E " /(mnt|mnt/deep/er) " /proc/mounts | while read a b c d; do echo $b $c; done',
      'stat -c %a /mnt/deep/er',
    ].join('\n'),
    {
      mounts: [
        { Type: 'tmpfs', Target: '/mnt/deep/er', TmpfsOptions: { SizeBytes: 65536, Mode: 0o750 } },
        { Type: 'bind', Source: `${world.directory}/shared`, Target: '/mnt' },
      ],
    },
  );
  t.is(
    result.stdout,
    'from the host\n/mnt ext4\n/mnt/deep/er tmpfs\n750\n'.replace(
      'ext4',
      result.stdout.match(/\/mnt (\S+)/)?.[1] ?? '',
    ),
  );
  t.is(readFileSync(`${world.directory}/shared/out`, 'utf8'), 'out\n');
  t.deepEqual(await world.close(), []);
});

test.serial('a bad spec is refused by its field, and leaves nothing', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const rows: { change: Partial<ContainerSpec>; field: string }[] = [
    { change: { id: '../x' }, field: 'spec' },
    { change: { user: 'nobody-here' }, field: 'user' },
    { change: { user: '0:nogroup' }, field: 'user' },
    { change: { env: ['=x'] }, field: 'env' },
    {
      change: { mounts: [{ Type: 'volume', Source: '../../etc', Target: '/x' }] },
      field: 'mounts',
    },
    {
      change: { mounts: [{ Type: 'bind', Source: '/nosuch/dir', Target: '/x' }] },
      field: 'mounts',
    },
    { change: { mounts: [{ Type: 'bind', Source: 'relative', Target: '/x' }] }, field: 'mounts' },
    { change: { mounts: [{ Type: 'tmpfs', Target: 'relative' }] }, field: 'mounts' },
    { change: { mounts: [{ Type: 'tmpfs', Target: '/' }] }, field: 'mounts' },
    {
      change: {
        mounts: [
          { Type: 'tmpfs', Target: '/x' },
          { Type: 'tmpfs', Target: '/x/' },
        ],
      },
      field: 'mounts',
    },
    { change: { capabilityAdd: ['FLY'] }, field: 'capabilityAdd' },
    { change: { ulimits: [{ name: 'patience', soft: 1, hard: 1 }] }, field: 'ulimits' },
    { change: { ulimits: [{ name: 'nofile', soft: 2, hard: 1 }] }, field: 'ulimits' },
    { change: { stopSignal: 'SIGNOPE' }, field: 'signal' },
  ];
  for (const { change, field } of rows) {
    const spec = world.spec(change);
    const error = await t.throwsAsync(
      runtime.create(spec),
      { instanceOf: RuntimeError },
      JSON.stringify(change),
    );
    t.is(
      error.detail.code === 'invalid' ? error.detail.field : error.message,
      field,
      JSON.stringify(change),
    );
    t.deepEqual(readdirSync(`${world.directory}/one/data/containers`), []);
    t.deepEqual(readdirSync(`${world.directory}/images/uses`), []);
  }
  t.false(existsSync(`${world.directory}/one/data/etc`));
  t.deepEqual(runtime.list(), []);
  t.deepEqual(await world.close(), []);
});
