import test from 'ava';
import { Fixture } from '../fixture.ts';

interface TaskDocument {
  readonly ID: string;
  readonly NodeID: string;
  readonly Slot?: number;
  readonly Status: { readonly State: string; readonly ContainerStatus: { readonly PID: number } };
  readonly NetworksAttachments: readonly {
    readonly Network: { readonly Spec: { readonly Name: string } };
    readonly Addresses: readonly string[];
  }[];
}

async function startTwoServices(fixture: Fixture): Promise<void> {
  const body = (Name: string, Replicas: number): object => ({
    Name,
    TaskTemplate: { ContainerSpec: { Image: 'busybox' } },
    Mode: { Replicated: { Replicas } },
    EndpointSpec: { Ports: [{ TargetPort: 80 }] },
  });
  await fixture.ask('POST', '/services/create', body('web', 3));
  await fixture.ask('POST', '/services/create', body('cache', 1));
}

async function list(fixture: Fixture, filters: object): Promise<TaskDocument[]> {
  const query = encodeURIComponent(JSON.stringify(filters));
  return (await fixture.ask('GET', `/tasks?filters=${query}`)).document as TaskDocument[];
}

const FILTERS = [
  { filters: {}, count: 4 },
  { filters: { service: ['web'] }, count: 3 },
  { filters: { service: ['web'], '_up-to-date': ['true'] }, count: 3 },
  { filters: { '_up-to-date': { false: true } }, count: 0 },
  { filters: { node: ['node-1'] }, count: 2 },
  { filters: { node: ['nosuch'] }, count: 0 },
  { filters: { 'desired-state': ['running'] }, count: 4 },
  { filters: { 'desired-state': ['shutdown'] }, count: 0 },
  { filters: { name: ['web.2'] }, count: 1 },
  { filters: { service: ['nosuch'] }, count: 0 },
];

for (const { filters, count } of FILTERS) {
  test(`${count} tasks are listed by ${JSON.stringify(filters)}`, async (t) => {
    const fixture = await Fixture.startManager(t);
    await startTwoServices(fixture);
    t.is((await list(fixture, filters)).length, count);
  });
}

test('a desired state that does not exist is refused', async (t) => {
  const fixture = await Fixture.startManager(t);
  const query = encodeURIComponent('{"desired-state":["asleep"]}');
  t.is((await fixture.ask('GET', `/tasks?filters=${query}`)).status, 400);
});

test('a task shows its state, container and addresses', async (t) => {
  const fixture = await Fixture.startManager(t);
  await startTwoServices(fixture);
  const [task] = await list(fixture, { service: ['cache'] });
  const { document } = await fixture.ask('GET', `/tasks/${task?.ID.slice(0, 10) ?? ''}`);
  const shown = document as TaskDocument;
  t.is(shown.Slot, 1);
  t.like(shown.Status, { State: 'running', ContainerStatus: { PID: 1234 } });
  t.is(shown.NetworksAttachments[0]?.Network.Spec.Name, 'ingress');
  t.regex(shown.NetworksAttachments[0]?.Addresses[0] ?? '', /^10\.0\.0\.[0-9]+\/24$/);
  t.is((await fixture.ask('GET', '/tasks/nosuch')).status, 404);
});
