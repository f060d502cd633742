import test from 'ava';
import { SeededRng } from '../../../src/base/index.ts';
import { NO_SERVICE, taskName, type NodeId, type TaskId } from '../../../src/model/index.ts';
import { decide } from '../../../src/orchestrator/index.ts';
import { buildView, viewRows, type Command, type Store } from '../../../src/store/index.ts';
import {
  applyAll,
  clusterStore,
  networkCreate,
  refusalOf,
  serviceCreate,
} from '../cluster-fixture.ts';
import { restored, snapshotOf } from '../snapshot/snapshots.ts';

type Create = Extract<Command, { type: 'attachment.create' }>;

function attach(change: Partial<Record<keyof Create, unknown>> = {}): Command {
  return {
    type: 'attachment.create',
    atMs: 5,
    id: 'a1',
    nodeId: 'n1',
    networkId: 'open',
    name: 'alpha',
    aliases: ['alpha'],
    containerId: '',
    ...change,
  } as Create;
}

function storeWithNetworks(): Store {
  const store = clusterStore(2);
  applyAll(
    store,
    networkCreate('open', [{ Subnet: '10.0.5.0/24', IPRange: '10.0.5.64/28' }], {
      Attachable: true,
    }),
    networkCreate('closed'),
    serviceCreate('web', { networks: ['open'] }),
    serviceCreate('elsewhere', { networks: ['closed'] }),
  );
  return store;
}

function report(store: Store, state: 'running' | 'shutdown', id = 'a1'): void {
  const status = { state, message: state, atMs: 6 } as const;
  const statuses = [{ id: id as TaskId, status }];
  applyAll(store, { type: 'tasks.report', atMs: 6, nodeId: 'n1' as NodeId, statuses });
}

function taskOf(store: Store, id = 'a1') {
  return store.tasks.get(id as TaskId);
}

const REFUSALS: readonly {
  name: string;
  change: Parameters<typeof attach>[0];
  expected: string;
}[] = [
  { name: 'no such network', change: { networkId: 'nowhere' }, expected: 'not-found' },
  { name: 'no such node', change: { nodeId: 'n9' }, expected: 'not-found' },
  { name: 'not attachable', change: { networkId: 'closed' }, expected: 'not-attachable' },
  { name: 'no such service', change: { backendOf: 'svc-x' }, expected: 'not-found' },
  { name: 'a service elsewhere', change: { backendOf: 'svc-elsewhere' }, expected: 'invalid' },
  { name: 'the name of a service there', change: { name: 'web' }, expected: 'name-taken' },
  { name: 'outside of the range', change: { address: '10.0.5.5' }, expected: 'invalid' },
  { name: 'outside of the subnet', change: { address: '10.9.9.9' }, expected: 'invalid' },
  { name: 'no address', change: { address: 'x' }, expected: 'invalid' },
];

for (const { name, change, expected } of REFUSALS) {
  test(`an attachment is refused and changes nothing: ${name}`, (t) => {
    const store = storeWithNetworks();
    const before = snapshotOf(store);
    t.is(refusalOf(store.apply(attach(change))), expected);
    t.is(snapshotOf(store), before);
  });
}

test('an attachment is a task of no service, with an address, and known to its node', (t) => {
  const store = storeWithNetworks();
  applyAll(store, attach({ address: '10.0.5.70' }));
  const task = taskOf(store);
  t.is(task?.serviceId, NO_SERVICE);
  t.is(task && taskName(task), 'alpha');
  t.deepEqual(task?.attachments[0]?.address, '10.0.5.70');
  t.is(
    refusalOf(store.apply(attach({ id: 'a2', name: 'b', address: '10.0.5.70' }))),
    'address-taken',
  );
  t.is(refusalOf(store.apply(attach({ id: 'a2' }))), 'name-taken');
  t.is(refusalOf(store.apply(attach({ name: 'b' }))), 'name-taken');
  report(store, 'running');
  const view = buildView(
    'n1' as NodeId,
    store.revision,
    [...viewRows(store, 'n1' as NodeId).values()].map(({ row }) => row),
  );
  const row = view.endpoints.get('a1' as TaskId);
  t.like(row, { attachmentName: 'alpha', serviceId: 'a1', isServing: true, hostname: 'alpha' });
  t.true(view.assignments.has('a1' as TaskId));
  t.is(snapshotOf(restored(snapshotOf(store))), snapshotOf(store));
});

test('a backend of a service is shown under the service', (t) => {
  const store = storeWithNetworks();
  applyAll(store, attach({ backendOf: 'svc-web' }));
  const row = viewRows(store, 'n1' as NodeId).get('endpoint/a1')?.row;
  t.like(row, { attachmentName: 'alpha', serviceId: 'svc-web' });
});

test('its end frees name and address, and the orchestrator takes it away', (t) => {
  const store = storeWithNetworks();
  applyAll(store, attach({ address: '10.0.5.70' }));
  t.is(refusalOf(store.apply({ type: 'network.remove', atMs: 6, id: 'open' as never })), 'in-use');
  report(store, 'running');
  const decided = (): Command | undefined => decide(store, 7, new SeededRng(1)).command;
  applyAll(store, decided() as Command);
  t.is(taskOf(store)?.status.state, 'running', 'no orchestrator ends it');
  report(store, 'shutdown');
  applyAll(store, attach({ id: 'a2', address: '10.0.5.70' }));
  for (let command = decided(); command !== undefined; command = decided())
    applyAll(store, command);
  t.is(taskOf(store), undefined);
  t.is(taskOf(store, 'a2')?.desiredState, 'running');
});

test('an attachment of a removed node goes, and one of a node that is down may be replaced', (t) => {
  const store = storeWithNetworks();
  applyAll(store, attach());
  const down = {
    type: 'node.state',
    atMs: 6,
    id: 'n1' as NodeId,
    state: 'down',
    message: '',
  } as const;
  applyAll(store, down, attach({ id: 'a2', nodeId: 'n2' }));
  t.is(taskOf(store, 'a2')?.serviceName, 'alpha');
  applyAll(store, { type: 'node.remove', atMs: 7, id: 'n1' as NodeId, isForced: true });
  const decided = (): Command | undefined => decide(store, 8, new SeededRng(1)).command;
  for (let command = decided(); command !== undefined; command = decided())
    applyAll(store, command);
  t.is(taskOf(store), undefined);
  t.is(taskOf(store, 'a2')?.status.state, 'assigned');
});
