import test from 'ava';
import { Fixture } from '../fixture.ts';

interface ServiceDocument {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: {
    readonly Name: string;
    readonly TaskTemplate: {
      readonly ContainerSpec: { readonly Image: string };
      readonly Networks?: readonly { readonly Target: string }[];
    };
    readonly UpdateConfig?: { readonly Parallelism: number };
    readonly Mode: { readonly Replicated?: { readonly Replicas: number } };
  };
  readonly Endpoint: {
    readonly Ports?: readonly { readonly PublishedPort: number }[];
    readonly VirtualIPs?: readonly { readonly Addr: string }[];
  };
  readonly ServiceStatus?: { readonly RunningTasks: number; readonly DesiredTasks: number };
}

function spec(Name: string, more: object = {}): object {
  return { Name, TaskTemplate: { ContainerSpec: { Image: 'busybox' } }, ...more };
}

async function create(fixture: Fixture, body: object): Promise<string> {
  const answer = await fixture.ask('POST', '/services/create', body);
  if (answer.status !== 201) throw new Error(answer.text);
  return (answer.document as { ID: string }).ID;
}

async function inspect(fixture: Fixture, reference: string): Promise<ServiceDocument> {
  return (await fixture.ask('GET', `/services/${reference}`)).document as ServiceDocument;
}

test('a service is created with its networks, ports and addresses', async (t) => {
  const fixture = await Fixture.startManager(t);
  const network = await fixture.ask('POST', '/networks/create', {
    Name: 'demo',
    Driver: 'overlay',
  });
  const id = await create(
    fixture,
    spec('web', {
      TaskTemplate: { ContainerSpec: { Image: 'busybox' }, Networks: [{ Target: 'demo' }] },
      EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080, Protocol: 'tcp' }] },
    }),
  );
  const service = await inspect(fixture, 'web');
  t.is(service.ID, id);
  t.is(service.Spec.TaskTemplate.Networks?.[0]?.Target, (network.document as { Id: string }).Id);
  t.is(service.Endpoint.Ports?.[0]?.PublishedPort, 8080);
  t.deepEqual(
    service.Endpoint.VirtualIPs?.map(({ Addr }) => Addr.split('/')[1]),
    ['24', '24'],
  );
  t.is((await inspect(fixture, id.slice(0, 8))).ID, id);
});

const REFUSED = [
  {
    name: 'an unknown image',
    body: spec('x', { TaskTemplate: { ContainerSpec: { Image: 'nosuch:1' } } }),
    status: 404,
    text: /No such image: nosuch:1/,
  },
  {
    name: 'a malformed image',
    body: spec('x', { TaskTemplate: { ContainerSpec: { Image: 'a b' } } }),
    status: 400,
    text: /not a valid repository/,
  },
  {
    name: 'an unknown network',
    body: spec('x', {
      TaskTemplate: { ContainerSpec: { Image: 'busybox' }, Networks: [{ Target: 'nosuch' }] },
    }),
    status: 404,
    text: /network nosuch not found/,
  },
  {
    name: 'the gateway as a network',
    body: spec('x', {
      TaskTemplate: { ContainerSpec: { Image: 'busybox' }, Networks: [{ Target: 'hawser_gw' }] },
    }),
    status: 403,
    text: /cannot be used with services/,
  },
  {
    name: 'the ingress network by name',
    body: spec('x', {
      TaskTemplate: { ContainerSpec: { Image: 'busybox' }, Networks: [{ Target: 'ingress' }] },
    }),
    status: 400,
    text: /explicitly attached to the ingress network/,
  },
  { name: 'a taken name', body: spec('taken'), status: 409, text: /already exists/ },
  { name: 'an invalid name', body: spec('a.b'), status: 400, text: /name/ },
  {
    name: 'a taken port',
    body: spec('x', { EndpointSpec: { Ports: [{ TargetPort: 1, PublishedPort: 8080 }] } }),
    status: 400,
    text: /port '8080' is already in use by service 'taken'/,
  },
  { name: 'no template', body: { Name: 'x' }, status: 400, text: /TaskTemplate/ },
  {
    name: 'a negative number of replicas',
    body: spec('x', { Mode: { Replicated: { Replicas: -1 } } }),
    status: 400,
    text: /Replicas|replicas/,
  },
];

for (const { name, body, status, text } of REFUSED) {
  test(`${name} is refused and changes nothing`, async (t) => {
    const fixture = await Fixture.startManager(t);
    await create(
      fixture,
      spec('taken', { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] } }),
    );
    const before = fixture.member.commands.length;
    const services = fixture.member.store.services.size;
    const answer = await fixture.ask('POST', '/services/create', body);
    t.is(answer.status, status, answer.text);
    t.regex(answer.text, text);
    t.is(fixture.member.store.services.size, services);
    t.true(fixture.member.commands.length <= before + 1);
  });
}

test('an image that only this node has is known', async (t) => {
  const fixture = await Fixture.startManager(t);
  await fixture.ask('POST', '/images/create?fromSrc=-&repo=mine&tag=2', 'tar');
  await create(fixture, spec('x', { TaskTemplate: { ContainerSpec: { Image: 'mine:2' } } }));
  t.pass();
});

const LISTED = [
  { filters: {}, names: ['a', 'b'] },
  { filters: { name: ['a'] }, names: ['a'] },
  { filters: { label: ['tier=web'] }, names: ['b'] },
  { filters: { mode: ['global'] }, names: ['b'] },
  { filters: { mode: { replicated: true } }, names: ['a'] },
];

for (const { filters, names } of LISTED) {
  test(`services are listed by ${JSON.stringify(filters)}`, async (t) => {
    const fixture = await Fixture.startManager(t);
    await create(fixture, spec('a'));
    await create(fixture, spec('b', { Labels: { tier: 'web' }, Mode: { Global: {} } }));
    const query = encodeURIComponent(JSON.stringify(filters));
    const { document } = await fixture.ask('GET', `/services?filters=${query}&status=true`);
    const services = document as ServiceDocument[];
    t.deepEqual(services.map((service) => service.Spec.Name).sort(), names);
    t.true(services.every((service) => service.ServiceStatus !== undefined));
  });
}

test('a service is scaled by an update of its own version, and rolled back', async (t) => {
  const fixture = await Fixture.startManager(t);
  await create(fixture, spec('web'));
  const service = await inspect(fixture, 'web');
  const path = `/services/${service.ID}/update?version=${service.Version.Index}`;
  const scaled = { ...service.Spec, Mode: { Replicated: { Replicas: 3 } } };
  t.is((await fixture.ask('POST', path, scaled)).status, 200);
  const stale = await fixture.ask('POST', path, scaled);
  t.is(stale.status, 500);
  t.regex(stale.text, /update out of sequence/);
  const after = await inspect(fixture, 'web');
  t.is(after.Spec.Mode.Replicated?.Replicas, 3);
  const rollback = await fixture.ask(
    'POST',
    `/services/web/update?version=${after.Version.Index}&rollback=previous`,
    after.Spec,
  );
  t.is(rollback.status, 200, rollback.text);
  t.is((await inspect(fixture, 'web')).Spec.Mode.Replicated?.Replicas, 1);
});

test('defaults are inserted when asked for', async (t) => {
  const fixture = await Fixture.startManager(t);
  await create(fixture, spec('web'));
  t.is((await inspect(fixture, 'web')).Spec.UpdateConfig, undefined);
  t.is((await inspect(fixture, 'web?insertDefaults=true')).Spec.UpdateConfig?.Parallelism, 1);
});

test('a service is removed', async (t) => {
  const fixture = await Fixture.startManager(t);
  await create(fixture, spec('web'));
  t.is((await fixture.ask('DELETE', '/services/web')).status, 200);
  t.deepEqual((await fixture.ask('DELETE', '/services/web')).document, {
    message: 'service web not found',
  });
});
