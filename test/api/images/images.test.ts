import { once } from 'node:events';
import { request } from 'node:http';
import test from 'ava';
import { familiarReference, splitTag } from '../../../src/api/images/image-reference.ts';
import { Fixture } from '../fixture.ts';

const REFERENCES = [
  ['busybox', 'busybox:latest'],
  ['busybox:1.36', 'busybox:1.36'],
  ['docker.io/library/busybox', 'busybox:latest'],
  ['index.docker.io/team/app:2', 'team/app:2'],
  ['registry:5000/team/app', 'registry:5000/team/app:latest'],
  [`busybox@sha256:${'a'.repeat(64)}`, `busybox@sha256:${'a'.repeat(64)}`],
] as const;

for (const [given, familiar] of REFERENCES) {
  test(`${given.slice(0, 40)} is known as ${familiar.slice(0, 40)}`, (t) => {
    t.is(familiarReference(given), familiar);
  });
}

test('a port is not a tag', (t) => {
  t.deepEqual(splitTag('registry:5000/app'), { name: 'registry:5000/app', tag: '' });
  t.deepEqual(splitTag('registry:5000/app:1'), { name: 'registry:5000/app', tag: '1' });
});

test('an image is imported, tagged, listed, inspected and removed', async (t) => {
  const fixture = await Fixture.start(t);
  const imported = await fixture.ask(
    'POST',
    '/images/create?fromSrc=-&repo=team/app&tag=1&changes=CMD+sh&message=hello',
    Buffer.alloc(1_000_000, 1),
  );
  t.is(imported.status, 200);
  t.regex((imported.document as { status: string }).status, /^sha256:[0-9a-f]{64}$/);
  t.deepEqual(fixture.runtime.images.imported[0], {
    reference: 'team/app:1',
    message: 'hello',
    changes: ['CMD sh'],
  });
  t.is((await fixture.ask('POST', '/images/team/app:1/tag?repo=other&tag=2')).status, 201);
  t.like((await fixture.ask('GET', '/images/other:2/json')).document, {
    RepoTags: ['team/app:1', 'other:2'],
  });
  const query = encodeURIComponent('{"reference":["oth*"]}');
  t.like(((await fixture.ask('GET', `/images/json?filters=${query}`)).document as object[])[0], {
    RepoTags: ['other:2'],
  });
  t.is((await fixture.ask('DELETE', '/images/team/app:1?force=1')).status, 200);
  t.is((await fixture.ask('GET', '/images/other:2/json')).status, 404);
  t.is(fixture.member.refreshes, 3);
});

test('load says what it held', async (t) => {
  const fixture = await Fixture.start(t);
  const answer = await fixture.ask('POST', '/images/load?quiet=1', 'a tar');
  t.deepEqual(answer.document, { stream: 'Loaded image: loaded:1\n' });
});

const REFUSED = [
  { method: 'POST', path: '/images/create?fromImage=redis', status: 503, text: /docker import/ },
  { method: 'POST', path: '/images/create?fromSrc=http://x/y', status: 501, text: /URL/ },
  { method: 'POST', path: '/images/create?fromSrc=-&repo=A%20B', status: 400, text: /reference/ },
  { method: 'GET', path: '/images/nosuch/json', status: 404, text: /No such image: nosuch:latest/ },
  { method: 'DELETE', path: '/images/nosuch', status: 404, text: /No such image/ },
  { method: 'GET', path: '/distribution/team/app:1/json', status: 503, text: /registry/ },
];

for (const { method, path, status, text } of REFUSED) {
  test(`${method} ${path} is refused`, async (t) => {
    const fixture = await Fixture.start(t);
    const answer = await fixture.ask(method, path);
    t.is(answer.status, status);
    t.regex(answer.text, text);
  });
}

test('a node without a runtime says so', async (t) => {
  const fixture = await Fixture.start(t, { runtime: undefined });
  t.is((await fixture.ask('POST', '/images/load', 'tar')).status, 503);
  t.deepEqual((await fixture.ask('GET', '/images/json')).document, []);
  t.deepEqual((await fixture.ask('GET', '/containers/json')).document, []);
});

test('an archive that is refused half way is answered, and the connection lives', async (t) => {
  const fixture = await Fixture.start(t);
  fixture.runtime.images.isRefusing = true;
  const answer = await fixture.ask('POST', '/images/load', Buffer.alloc(20_000_000, 1));
  t.is(answer.status, 400);
  t.deepEqual(answer.document, { message: 'bad archive: test' });
});

test('a client that breaks off its archive leaves nothing behind', async (t) => {
  const fixture = await Fixture.start(t);
  const call = request({
    socketPath: fixture.path,
    method: 'POST',
    path: '/images/create?fromSrc=-&repo=x',
    headers: { 'content-length': '1000000' },
  });
  call.on('error', () => undefined);
  call.write('half');
  await once(call, 'socket');
  await new Promise((resolve) => call.write(' more', resolve));
  call.destroy();
  t.deepEqual((await fixture.ask('GET', '/images/json')).document, []);
  t.is((await fixture.ask('GET', '/_ping')).status, 200);
});
