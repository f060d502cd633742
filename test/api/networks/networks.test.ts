import test from 'ava';
import { Fixture } from '../fixture.ts';

interface NetworkDocument {
  readonly Name: string;
  readonly Id: string;
  readonly Scope: string;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string }[] };
  readonly Services?: Readonly<Record<string, { readonly VIP: string; readonly Tasks: unknown[] }>>;
  readonly Peers?: readonly unknown[];
}

async function create(fixture: Fixture, Name: string, more: object = {}): Promise<string> {
  const answer = await fixture.ask('POST', '/networks/create', {
    Name,
    Driver: 'overlay',
    ...more,
  });
  if (answer.status !== 201) throw new Error(answer.text);
  return (answer.document as { Id: string }).Id;
}

test('a network is created, found by id, name and prefix, and removed', async (t) => {
  const fixture = await Fixture.startManager(t);
  const id = await create(fixture, 'demo', {
    IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '10.9.0.0/24' }] },
    Labels: null,
  });
  for (const reference of [id, 'demo', id.slice(0, 8)]) {
    const { document } = await fixture.ask('GET', `/networks/${reference}`);
    t.like(document, { Id: id, Name: 'demo', Scope: 'swarm', Driver: 'overlay' });
    t.is((document as NetworkDocument).IPAM.Config[0]?.Subnet, '10.9.0.0/24');
  }
  t.is((await fixture.ask('DELETE', '/networks/demo')).status, 204);
  t.is((await fixture.ask('GET', '/networks/demo')).status, 404);
});

const REFUSED = [
  { name: 'a bridge', body: { Name: 'x', Driver: 'bridge' }, status: 400 },
  { name: 'a taken name', body: { Name: 'taken', Driver: 'overlay' }, status: 409 },
  { name: 'an empty name', body: { Name: '', Driver: 'overlay' }, status: 400 },
  { name: 'a name with a slash', body: { Name: 'a/b', Driver: 'overlay' }, status: 400 },
  { name: 'the name host', body: { Name: 'host', Driver: 'overlay' }, status: 403 },
  { name: 'the name none', body: { Name: 'none', Driver: 'overlay' }, status: 403 },
  { name: 'the name of the gateway', body: { Name: 'hawser_gw', Driver: 'overlay' }, status: 403 },
  { name: 'the name ingress', body: { Name: 'ingress', Driver: 'overlay' }, status: 409 },
  { name: 'a malformed subnet', subnet: '10.9.0.0', status: 400 },
  { name: 'a subnet with host bits', subnet: '10.9.0.5/24', status: 400 },
  { name: 'an overlapping subnet', subnet: '10.7.0.128/25', status: 403 },
  { name: 'an IPAM that is a list', body: { Name: 'x', Driver: 'overlay', IPAM: [] }, status: 400 },
];

for (const { name, body, subnet, status } of REFUSED) {
  test(`${name} is refused and changes nothing`, async (t) => {
    const fixture = await Fixture.startManager(t);
    await create(fixture, 'taken', { IPAM: { Config: [{ Subnet: '10.7.0.0/24' }] } });
    const { revision } = fixture.member.store;
    const asked = body ?? { Name: 'x', Driver: 'overlay', IPAM: { Config: [{ Subnet: subnet }] } };
    const answer = await fixture.ask('POST', '/networks/create', asked);
    t.is(answer.status, status, answer.text);
    t.true((answer.document as { message: string }).message.length > 10);
    t.is(fixture.member.store.revision, revision);
  });
}

const LISTED = [
  { filters: {}, names: ['demo', 'hawser_gw', 'ingress'] },
  { filters: { driver: ['overlay'] }, names: ['demo', 'ingress'] },
  { filters: { scope: ['local'] }, names: ['hawser_gw'] },
  { filters: { name: ['emo'] }, names: ['demo'] },
  { filters: { label: ['tier=web'] }, names: ['demo'] },
  { filters: { dangling: ['true'] }, names: ['demo', 'ingress'] },
  { filters: { type: { builtin: true } }, names: ['hawser_gw'] },
];

for (const { filters, names } of LISTED) {
  test(`networks are listed by ${JSON.stringify(filters)}`, async (t) => {
    const fixture = await Fixture.startManager(t);
    await create(fixture, 'demo', { Labels: { tier: 'web' } });
    const query = encodeURIComponent(JSON.stringify(filters));
    const { document } = await fixture.ask('GET', `/networks?filters=${query}`);
    t.deepEqual((document as NetworkDocument[]).map(({ Name }) => Name).sort(), names);
  });
}

test('a network in use is kept, and shows who uses it', async (t) => {
  const fixture = await Fixture.startManager(t);
  await create(fixture, 'demo');
  await fixture.ask('POST', '/services/create', {
    Name: 'web',
    TaskTemplate: { ContainerSpec: { Image: 'busybox' }, Networks: [{ Target: 'demo' }] },
    Mode: { Replicated: { Replicas: 2 } },
  });
  t.is((await fixture.ask('DELETE', '/networks/demo')).status, 400);
  const { document } = await fixture.ask('GET', '/networks/demo?verbose=true');
  const shown = document as NetworkDocument;
  t.is(shown.Peers?.length, 2);
  t.is(shown.Services?.['web']?.Tasks.length, 2);
  t.regex(shown.Services?.['web']?.VIP ?? '', /^10\.0\.1\./);
});

test('prune removes what nobody uses', async (t) => {
  const fixture = await Fixture.startManager(t);
  await create(fixture, 'idle');
  await create(fixture, 'kept', { Labels: { keep: '' } });
  const filters = encodeURIComponent(JSON.stringify({ 'label!': ['keep'] }));
  const { document } = await fixture.ask('POST', `/networks/prune?filters=${filters}`);
  t.deepEqual(document, { NetworksDeleted: ['idle'] });
  t.is(fixture.member.store.networks.byName('kept').length, 1);
});

test('the gateway bridge is shown and not removed', async (t) => {
  const fixture = await Fixture.start(t);
  t.like((await fixture.ask('GET', '/networks/hawser_gw')).document, { Driver: 'bridge' });
  t.is((await fixture.ask('DELETE', '/networks/hawser_gw')).status, 403);
});
