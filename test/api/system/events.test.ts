import { once } from 'node:events';
import { request } from 'node:http';
import test from 'ava';
import { EVENTS_KEPT_MAX } from '../../../src/api/system/event-feed.ts';
import { Fixture, containerSpec } from '../fixture.ts';

interface EventDocument {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

async function past(fixture: Fixture, filters: object = {}): Promise<EventDocument[]> {
  const query = encodeURIComponent(JSON.stringify(filters));
  const until = String(Date.now() / 1000 + 0.05);
  const { text } = await fixture.ask('GET', `/events?since=1&until=${until}&filters=${query}`);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as EventDocument);
}

async function live(fixture: Fixture): Promise<void> {
  await fixture.ask('POST', '/networks/create', { Name: 'demo', Driver: 'overlay' });
  const body = {
    Name: 'web',
    TaskTemplate: { ContainerSpec: { Image: 'busybox' } },
    Mode: { Replicated: { Replicas: 1 } },
  };
  await fixture.ask('POST', '/services/create', body);
  const service = fixture.member.store.services.byName('web')[0];
  await fixture.ask('POST', `/services/web/update?version=${service?.meta.revision ?? 0}`, {
    ...body,
    Mode: { Replicated: { Replicas: 2 } },
  });
  const id = 'd'.repeat(64);
  await fixture.runtime.create(containerSpec(id));
  await fixture.runtime.start(id);
  await fixture.runtime.stop(id);
  await fixture.runtime.remove(id);
  await fixture.ask('DELETE', '/services/web');
  await fixture.ask('DELETE', '/networks/demo');
}

test('changes of objects and containers are told in their order', async (t) => {
  const fixture = await Fixture.startManager(t);
  await live(fixture);
  const told = await past(fixture, { type: ['network', 'service', 'container'] });
  t.deepEqual(
    told.map(({ Type, Action }) => `${Type} ${Action}`),
    [
      'network create',
      'service create',
      'service update',
      'container create',
      'container start',
      'container die',
      'container destroy',
      'service remove',
      'network remove',
    ],
  );
  t.like(told[2]?.Actor.Attributes, { name: 'web', 'replicas.old': '1', 'replicas.new': '2' });
  t.is(told[5]?.Actor.Attributes['exitCode'], '143');
});

const FILTERS = [
  { filters: { service: ['web'] }, count: 3 },
  { filters: { event: ['create'], type: ['network'] }, count: 1 },
  { filters: { container: ['dddd'] }, count: 4 },
  { filters: { image: ['busybox'] }, count: 4 },
  { filters: { type: { node: true } }, count: 2 },
  { filters: { scope: ['local'] }, count: 4 },
  { filters: { volume: ['x'] }, count: 0 },
];

for (const { filters, count } of FILTERS) {
  test(`${count} events are told by ${JSON.stringify(filters)}`, async (t) => {
    const fixture = await Fixture.startManager(t);
    await live(fixture);
    t.is((await past(fixture, filters)).length, count);
  });
}

test('a listener is told as it happens, without what was before', async (t) => {
  const fixture = await Fixture.startManager(t);
  await fixture.ask('POST', '/networks/create', { Name: 'before', Driver: 'overlay' });
  const call = request({ socketPath: fixture.path, path: '/v1.41/events' });
  call.end();
  const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream];
  await fixture.ask('POST', '/networks/create', { Name: 'demo', Driver: 'overlay' });
  const [chunk] = (await once(response, 'data')) as [Buffer];
  t.like(JSON.parse(chunk.toString()), { Actor: { Attributes: { name: 'demo' } } });
  call.destroy();
});

test('so many past events are kept and no more', async (t) => {
  const fixture = await Fixture.start(t);
  for (let index = 0; index < EVENTS_KEPT_MAX; index += 1) {
    await fixture.runtime.create(containerSpec(index.toString(16).padStart(64, '0')));
  }
  await fixture.runtime.create(containerSpec('f'.repeat(64)));
  const told = await past(fixture);
  t.is(told.length, EVENTS_KEPT_MAX);
  t.is(told.at(-1)?.Actor.ID, 'f'.repeat(64));
});
