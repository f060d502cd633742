import test from 'ava';
import { Fixture } from '../fixture.ts';

interface NodeDocument {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly Role: string; readonly Availability: string };
  readonly Description: { readonly Hostname: string };
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

test('availability is changed, roles are not', async (t) => {
  const fixture = await Fixture.startManager(t);
  const node = (await fixture.ask('GET', '/nodes/node-2')).document as NodeDocument;
  const path = `/nodes/${node.ID}/update?version=${node.Version.Index}`;
  const drained = await fixture.ask('POST', path, { ...node.Spec, Availability: 'drain' });
  t.is(drained.status, 200);
  t.is(fixture.member.store.nodes.lookup(node.ID)[0]?.spec.Availability, 'drain');
  const promoted = await fixture.ask('POST', path, { ...node.Spec, Role: 'manager' });
  t.is(promoted.status, 501);
  const nonsense = await fixture.ask('POST', path, { ...node.Spec, Availability: 'off' });
  t.is(nonsense.status, 400);
});

test('a node that is up is removed by force only', async (t) => {
  const fixture = await Fixture.startManager(t);
  t.is((await fixture.ask('DELETE', '/nodes/node-3')).status, 400);
  t.is((await fixture.ask('DELETE', '/nodes/node-3?force=1')).status, 200);
  t.is(fixture.member.store.nodes.size, 2);
});
