import test from 'ava';
import { NodeError } from '../../src/node/index.ts';
import { Fixture } from './fixture.ts';

const WANTED = { NetworkNamespace: '/run/netns/x', Network: 'demo' };

test('a namespace is attached, listed and detached', async (t) => {
  const fixture = await Fixture.start(t);
  const body = { ...WANTED, Name: 'alpha', IPAddress: '10.0.1.9', Service: 'web' };
  const created = await fixture.ask('POST', '/hawser/attachments', body);
  t.is(created.status, 201);
  t.like(created.document, { Name: 'alpha', IPAddress: '10.0.1.9', Interface: 'hawser0' });
  t.like(fixture.attachments.asked[0], { path: '/run/netns/x', network: 'demo', service: 'web' });
  const listed = await fixture.ask('GET', '/hawser/attachments');
  t.deepEqual(listed.document, [created.document]);
  t.is((await fixture.ask('DELETE', '/hawser/attachments/alpha')).status, 204);
  t.deepEqual(fixture.attachments.detached, ['alpha']);
});

const MALFORMED: readonly (readonly [string, object])[] = [
  ['a relative path', { ...WANTED, NetworkNamespace: 'x' }],
  ['no path', { Network: 'demo' }],
  ['no network', { NetworkNamespace: '/x' }],
  ['an address that is none', { ...WANTED, IPAddress: '10.0.1' }],
  ['a name that is no text', { ...WANTED, Name: 5 }],
];

for (const [name, body] of MALFORMED) {
  test(`a request is refused before anybody is asked: ${name}`, async (t) => {
    const fixture = await Fixture.start(t);
    t.is((await fixture.ask('POST', '/hawser/attachments', body)).status, 400);
    t.is(fixture.attachments.asked.length, 0);
  });
}

test('what the node refuses has a status of its own', async (t) => {
  const fixture = await Fixture.start(t);
  const path = '/x';
  for (const [detail, status] of [
    [{ code: 'not-a-namespace', path }, 400],
    [{ code: 'occupied', path }, 409],
    [{ code: 'not-found', what: 'x' }, 404],
  ] as const) {
    fixture.attachments.failure = new NodeError(detail, 'no');
    t.is((await fixture.ask('POST', '/hawser/attachments', WANTED)).status, status);
    t.is((await fixture.ask('DELETE', '/hawser/attachments/x')).status, status);
  }
});
