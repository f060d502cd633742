import test from 'ava';
import { Fixture, type Answer } from '../fixture.ts';

interface NodeDocument {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly Role: string; readonly Availability: string };
  readonly Description: { readonly Hostname: string };
  readonly ManagerStatus?: object;
}

async function nodeNamed(fixture: Fixture, name: string): Promise<NodeDocument> {
  return (await fixture.ask('GET', `/nodes/${name}`)).document as NodeDocument;
}

async function setRole(fixture: Fixture, name: string, role: string): Promise<Answer> {
  const { ID, Version, Spec } = await nodeNamed(fixture, name);
  const path = `/nodes/${ID}/update?version=${Version.Index}`;
  return fixture.ask('POST', path, { ...Spec, Role: role });
}

const FILTERS = [
  { filters: {}, hostnames: ['node-1', 'node-2', 'node-3'] },
  { filters: { name: ['node-2'] }, hostnames: ['node-2'] },
  { filters: { role: { manager: true } }, hostnames: ['node-1'] },
  { filters: { role: ['worker'] }, hostnames: ['node-2', 'node-3'] },
  { filters: { membership: ['pending'] }, hostnames: [] },
  { filters: { 'node.label': ['zone'] }, hostnames: [] },
];

for (const { filters, hostnames } of FILTERS) {
  test(`nodes are listed by ${JSON.stringify(filters)}`, async (t) => {
    const fixture = await Fixture.startManager(t);
    const query = encodeURIComponent(JSON.stringify(filters));
    const { document } = await fixture.ask('GET', `/nodes?filters=${query}`);
    t.deepEqual(
      (document as NodeDocument[]).map((node) => node.Description.Hostname),
      hostnames,
    );
  });
}

test('a node is found by id, hostname and prefix', async (t) => {
  const fixture = await Fixture.startManager(t);
  const id = fixture.member.status().nodeId ?? '';
  for (const reference of [id, 'node-1', id.slice(0, 6)]) {
    const { document } = await fixture.ask('GET', `/nodes/${reference}`);
    t.is((document as NodeDocument).ID, id, reference);
  }
  const missing = await fixture.ask('GET', '/nodes/nosuch');
  t.is(missing.status, 404);
  t.deepEqual(missing.document, { message: 'node nosuch not found' });
});

test('nodes that share a hostname are ambiguous', async (t) => {
  const fixture = await Fixture.startManager(t);
  fixture.member.addWorker(2);
  const answer = await fixture.ask('GET', '/nodes/node-2');
  t.is(answer.status, 400);
  t.regex(answer.text, /node node-2 is ambiguous \(2 matches found\)/);
});

test('availability is changed, and nonsense is not', async (t) => {
  const fixture = await Fixture.startManager(t);
  const node = (await fixture.ask('GET', '/nodes/node-2')).document as NodeDocument;
  const path = `/nodes/${node.ID}/update?version=${node.Version.Index}`;
  const drained = await fixture.ask('POST', path, { ...node.Spec, Availability: 'drain' });
  t.is(drained.status, 200);
  t.is(fixture.member.store.nodes.lookup(node.ID)[0]?.spec.Availability, 'drain');
  const nonsense = await fixture.ask('POST', path, { ...node.Spec, Availability: 'off' });
  t.is(nonsense.status, 400);
});

test('a node that is up is removed by force only', async (t) => {
  const fixture = await Fixture.startManager(t);
  t.is((await fixture.ask('DELETE', '/nodes/node-3')).status, 400);
  t.is((await fixture.ask('DELETE', '/nodes/node-3?force=1')).status, 200);
  t.is(fixture.member.store.nodes.size, 2);
});

test('managers show their part: who leads, who is reached, where', async (t) => {
  const fixture = await Fixture.startManager(t);
  fixture.member.addManager(4);
  fixture.member.unreachable.add(fixture.member.addManager(5));
  const parts = async (): Promise<(object | undefined)[]> => {
    const { document } = await fixture.ask('GET', '/nodes');
    return (document as NodeDocument[]).map((node) => node.ManagerStatus);
  };
  const first = { Leader: true, Reachability: 'reachable', Addr: '198.18.0.1:2377' };
  const second = { Reachability: 'reachable', Addr: '198.18.0.4:2377' };
  const third = { Reachability: 'unreachable', Addr: '198.18.0.5:2377' };
  t.deepEqual(await parts(), [first, undefined, undefined, second, third]);
  t.deepEqual((await nodeNamed(fixture, 'node-1')).ManagerStatus, first);
  t.deepEqual((await nodeNamed(fixture, 'node-5')).ManagerStatus, third);
  t.is((await nodeNamed(fixture, 'node-2')).ManagerStatus, undefined);
});

test('a worker is promoted, and a manager demoted', async (t) => {
  const fixture = await Fixture.startManager(t);
  t.is((await setRole(fixture, 'node-2', 'manager')).status, 200);
  t.is((await nodeNamed(fixture, 'node-2')).Spec.Role, 'manager');
  t.is((await setRole(fixture, 'node-2', 'worker')).status, 200);
  t.is((await nodeNamed(fixture, 'node-2')).Spec.Role, 'worker');
});

test('the last manager is not demoted', async (t) => {
  const fixture = await Fixture.startManager(t);
  const refused = await setRole(fixture, 'node-1', 'worker');
  t.is(refused.status, 400);
  t.regex(refused.text, /attempting to demote the last manager of the swarm/);
});

const DEMOTIONS = [
  { name: 'the other of two', managers: 2, away: 0, status: 200 },
  { name: 'one of two when the other is away', managers: 2, away: 1, status: 400 },
  { name: 'one of three when one is away', managers: 3, away: 1, status: 400 },
  { name: 'one of four when one is away', managers: 4, away: 1, status: 200 },
  { name: 'one of five when two are away', managers: 5, away: 2, status: 400 },
];

for (const { name, managers, away, status } of DEMOTIONS) {
  test(`demoting ${name} is answered with ${status}`, async (t) => {
    const fixture = await Fixture.startManager(t);
    const { member } = fixture;
    const ids = Array.from({ length: managers - 1 }, (_, at) => member.addManager(at + 10));
    for (const id of ids.slice(0, away)) member.unreachable.add(id);
    t.is((await setRole(fixture, 'node-1', 'worker')).status, status);
  });
}

test('a manager that is away may be demoted, and removed once it is out', async (t) => {
  const fixture = await Fixture.startManager(t);
  const { member } = fixture;
  const [, gone] = [member.addManager(4), member.addManager(5)];
  member.unreachable.add(gone);
  const early = await fixture.ask('DELETE', '/nodes/node-5?force=1');
  t.is(early.status, 400);
  t.regex(early.text, /must be demoted to worker before removal/);
  t.is((await setRole(fixture, 'node-5', 'worker')).status, 200);
  t.is((await fixture.ask('DELETE', '/nodes/node-5?force=1')).status, 400);
  member.store.apply({ type: 'node.manager', atMs: 0, id: gone });
  t.is((await fixture.ask('DELETE', '/nodes/node-5?force=1')).status, 200);
});

test('what a manager does not hear itself is as the leader wrote it down', async (t) => {
  const fixture = await Fixture.startManager(t);
  const { member } = fixture;
  member.othersAre = 'unknown';
  for (const [number, state, Reachability] of [
    [4, 'ready', 'reachable'],
    [5, 'down', 'unreachable'],
    [6, 'unknown', 'unknown'],
  ] as const) {
    const id = member.addManager(number);
    member.store.apply({ type: 'node.state', atMs: 0, id, state, message: '' });
    t.like((await nodeNamed(fixture, `node-${number}`)).ManagerStatus, { Reachability });
  }
});
