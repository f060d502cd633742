import test from 'ava';
import { Fixture, containerSpec } from '../fixture.ts';

test('volumes are those that containers mount', async (t) => {
  const fixture = await Fixture.start(t);
  for (const id of ['1'.repeat(64), '2'.repeat(64)]) {
    await fixture.runtime.create({
      ...containerSpec(id),
      mounts: [
        { Type: 'volume', Source: 'data', Target: '/data' },
        { Type: 'bind', Source: '/srv', Target: '/srv' },
      ],
    });
  }
  const { document } = await fixture.ask('GET', '/volumes');
  t.like(document, { Volumes: [{ Name: 'data', Driver: 'local', Scope: 'local' }] });
  t.is((document as { Volumes: unknown[] }).Volumes.length, 1);
  t.like((await fixture.ask('GET', '/volumes/data')).document, {
    Mountpoint: '/var/lib/hawser/volumes/data/_data',
  });
  t.is((await fixture.ask('GET', '/volumes/nosuch')).status, 404);
});

const EMPTY = ['/secrets', '/configs', '/plugins'];

for (const path of EMPTY) {
  test(`${path} is an empty list`, async (t) => {
    const fixture = await Fixture.start(t);
    t.deepEqual((await fixture.ask('GET', path)).document, []);
  });
}

const REFUSED = ['/secrets/create', '/configs/create', '/volumes/create', '/auth'];

for (const path of REFUSED) {
  test(`POST ${path} is refused with a reason`, async (t) => {
    const fixture = await Fixture.start(t);
    const answer = await fixture.ask('POST', path, {});
    t.is(answer.status, 501);
    t.true((answer.document as { message: string }).message.length > 20);
  });
}

test('the version names its bounds', async (t) => {
  const fixture = await Fixture.start(t);
  t.like((await fixture.ask('GET', '/version')).document, {
    Version: '0.1.0',
    ApiVersion: '1.51',
    MinAPIVersion: '1.24',
    Arch: 'amd64',
    Os: 'linux',
  });
});

test('disk usage counts images', async (t) => {
  const fixture = await Fixture.start(t);
  await fixture.ask('POST', '/images/create?fromSrc=-&repo=a', 'tar');
  t.like((await fixture.ask('GET', '/system/df')).document, { LayersSize: 4_200_000 });
});
