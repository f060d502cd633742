import test from 'ava';
import type {
  NetworkId,
  NodeId,
  Revision,
  ServiceId,
  TaskId,
  ViewRow,
} from '../../src/model/index.ts';
import { buildView, Store, viewRows, type Change } from '../../src/store/index.ts';
import {
  applyAll,
  clusterCreate,
  clusterStore,
  networkCreate,
  nodeRegister,
  port,
  refusalOf,
  serviceCreate,
  serviceSpec,
} from './cluster-fixture.ts';
import { restored, snapshotOf } from './snapshot/snapshots.ts';

const nothing = { creates: [], places: [], desires: [], statuses: [], removes: [] };

/** A store with service `web` on network `demo` and its task `t1` on `n1`. */
function withTask(): Store {
  const store = clusterStore(2);
  applyAll(store, networkCreate('demo'), serviceCreate('web', { networks: ['demo'] }), {
    type: 'tasks.change',
    atMs: 10,
    ...nothing,
    creates: [
      {
        id: 't1' as TaskId,
        serviceId: 'svc-web' as ServiceId,
        slot: 1,
        nodeId: 'n1' as NodeId,
        desiredState: 'running',
        spec: serviceSpec('web', { networks: ['demo'] }).TaskTemplate,
        specVersion: 1,
      },
    ],
  });
  return store;
}

test('each accepted command makes one revision, a refused one none', (t) => {
  const store = new Store();
  t.is(store.revision, 0 as Revision);
  t.deepEqual(store.apply(clusterCreate()), { ok: true, revision: 1 as Revision });
  t.is(refusalOf(store.apply(clusterCreate())), 'name-taken');
  t.is(store.revision, 1 as Revision);
  t.is(store.cluster?.meta.revision, 1 as Revision);
});

test('before there is a cluster there are no networks', (t) => {
  const store = new Store();
  t.is(refusalOf(store.apply(networkCreate('demo'))), 'not-found');
  t.is(store.ingress, undefined);
  t.is(store.freeAddresses('demo' as NetworkId), 0);
});

test('an object remembers when it was created, and what changed it last', (t) => {
  const store = withTask();
  const status = { state: 'running' as const, atMs: 1, message: 'started' };
  applyAll(store, {
    type: 'tasks.report',
    atMs: 99,
    nodeId: 'n1' as NodeId,
    statuses: [{ id: 't1' as TaskId, status }],
  });
  t.deepEqual(store.tasks.get('t1' as TaskId)?.meta, {
    revision: store.revision,
    createdAtMs: 10,
    updatedAtMs: 99,
  });
});

test('watchers are told of changes after they happened, until they leave', (t) => {
  const store = clusterStore(0);
  const told: (readonly Change[])[] = [];
  const unwatch = store.watch((changes, revision) => {
    t.is(store.revision, revision);
    told.push(changes);
  });
  applyAll(store, networkCreate('demo'));
  store.apply(networkCreate('demo'));
  unwatch();
  applyAll(store, networkCreate('other'));
  t.is(told.length, 1);
  const [change] = told[0] ?? [];
  t.is(change?.kind, 'network');
  t.is(change?.before, undefined);
  t.is(change?.after, store.networks.get('demo' as NetworkId));
});

test('a node that says the same again is not a change', (t) => {
  const store = clusterStore(1);
  store.watch(() => t.fail('nothing changed'));
  const before = store.nodes.get('n1' as NodeId);
  applyAll(store, nodeRegister(1, { atMs: 500 }), {
    type: 'node.state',
    atMs: 600,
    id: 'n1' as NodeId,
    state: 'ready',
    message: '',
  });
  t.is(store.nodes.get('n1' as NodeId), before);
});

test('a node keeps labels, role and availability when it registers again', (t) => {
  const store = clusterStore(1);
  const id = 'n1' as NodeId;
  const spec = { Labels: { a: 'b' }, Role: 'worker' as const, Availability: 'drain' as const };
  const version = store.nodes.get(id)?.meta.revision ?? (0 as Revision);
  applyAll(store, { type: 'node.update', atMs: 2, id, version, spec });
  t.is(
    refusalOf(store.apply({ type: 'node.update', atMs: 2, id, version, spec })),
    'out-of-sequence',
  );
  applyAll(store, nodeRegister(1, { images: ['new:latest'], role: 'manager' }));
  t.deepEqual(store.nodes.get(id)?.spec, spec);
  t.deepEqual(store.nodes.get(id)?.description.images, ['new:latest']);
});

test('the cluster’s spec and secrets change together, in sequence', (t) => {
  const store = clusterStore(0);
  const { spec, meta } = store.cluster ?? t.fail();
  const Orchestration = { TaskHistoryRetentionLimit: 9 };
  const update = {
    type: 'cluster.update' as const,
    atMs: 5,
    version: meta.revision,
    spec: { ...spec, Orchestration },
    joinSecrets: { worker: 'new' },
  };
  applyAll(store, update);
  t.deepEqual(store.cluster?.joinSecrets, { worker: 'new', manager: 'm' });
  t.is(store.cluster?.spec.Orchestration.TaskHistoryRetentionLimit, 9);
  t.is(refusalOf(store.apply(update)), 'out-of-sequence');
  t.is(refusalOf(new Store().apply(update)), 'not-found');
});

test('a reference is an id, else a name, else the start of ids', (t) => {
  const store = clusterStore(0);
  applyAll(store, networkCreate('abc'), networkCreate('abd'), networkCreate('x1'));
  const { networks } = store;
  const named = (reference: string) => networks.lookup(reference).map(({ id }) => id as string);
  t.deepEqual(named('abc'), ['abc']);
  t.deepEqual(named('ab'), ['abc', 'abd']);
  t.deepEqual(named('ingress'), ['ingress']);
  t.deepEqual(named('x'), ['x1']);
  t.deepEqual(named('zzz'), []);
  t.deepEqual(named(''), []);
  t.true(networks.has('x1' as NetworkId));
});

test('nodes are found by hostname, tasks by their full name', (t) => {
  const store = withTask();
  t.deepEqual(
    store.nodes.lookup('host2').map(({ id }) => id as string),
    ['n2'],
  );
  t.is(store.tasks.byName('web.1.t1').length, 1);
});

test('texts of a status are cut to a bound', (t) => {
  const store = withTask();
  const long = 'x'.repeat(100_000);
  applyAll(store, {
    type: 'tasks.report',
    atMs: 1,
    nodeId: 'n1' as NodeId,
    statuses: [
      { id: 't1' as TaskId, status: { state: 'failed', atMs: 1, message: long, error: long } },
    ],
  });
  const status = store.tasks.get('t1' as TaskId)?.status;
  t.is(status?.message.length, 1024);
  t.is(status?.error?.length, 1024);
});

test('tasks of a service share its template, whatever copies the commands carry', (t) => {
  const store = withTask();
  const template = store.services.get('svc-web' as ServiceId)?.spec.TaskTemplate;
  t.is(store.tasks.get('t1' as TaskId)?.spec, template);
  const again = restored(snapshotOf(store));
  t.is(
    again.tasks.get('t1' as TaskId)?.spec,
    again.services.get('svc-web' as ServiceId)?.spec.TaskTemplate,
  );
});

test('a view is its rows, indexed', (t) => {
  const store = withTask();
  applyAll(store, serviceCreate('pub', { ports: [port(80, 8080)] }));
  const rows = [...viewRows(store, 'n1' as NodeId).values()].map(({ row }) => row);
  const view = buildView('n1' as NodeId, store.revision, rows);
  t.is(view.selfId, 'n1' as NodeId);
  t.is(view.revision, store.revision);
  t.is(view.settings.dataPathPort, 4789);
  t.deepEqual([...view.peers.keys()].toSorted(), ['n1', 'n2'] as NodeId[]);
  t.deepEqual([...view.networks.keys()].toSorted(), ['demo', 'ingress'] as NetworkId[]);
  t.deepEqual([...view.services.keys()].toSorted(), ['svc-pub', 'svc-web'] as ServiceId[]);
  t.deepEqual([...view.endpoints.keys()], ['t1'] as TaskId[]);
  t.deepEqual([...view.assignments.keys()], ['t1'] as TaskId[]);
  const assignment = view.assignments.get('t1' as TaskId);
  t.is(assignment?.labels['com.docker.swarm.task.name'], 'web.1.t1');
});

test('an empty view has the default port and nothing else', (t) => {
  const view = buildView('n1' as NodeId, 0 as Revision, []);
  t.is(view.settings.dataPathPort, 4789);
  t.is(view.peers.size + view.networks.size + view.endpoints.size, 0);
});

test('nothing secret of the cluster is in any view', (t) => {
  const store = new Store();
  applyAll(
    store,
    clusterCreate({
      caKeyPem: 'TOP-SECRET',
      joinSecrets: { worker: 'SECRET-W', manager: 'SECRET-M' },
    }),
    nodeRegister(1, { role: 'manager' }),
  );
  const text = JSON.stringify([...viewRows(store, 'n1' as NodeId)]);
  t.notRegex(text, /SECRET/);
});

test('a restored store names the same holder of a port in a refusal', (t) => {
  const store = clusterStore(1);
  const both = { ports: [port(80, 8001, 'host')] };
  applyAll(store, serviceCreate('a', both), serviceCreate('b', both));
  const version = store.services.get('svc-a' as ServiceId)?.meta.revision ?? (0 as Revision);
  // The service that is updated gives its port up and takes it again, behind the other one.
  const id = 'svc-a' as ServiceId;
  applyAll(store, { type: 'service.update', atMs: 2, id, version, spec: serviceSpec('a', both) });
  const again = restored(snapshotOf(store));
  const taken = serviceCreate('c', { ports: [port(80, 8001)] });
  const outcome = store.apply(taken);
  t.is(refusalOf(outcome), 'port-taken');
  t.deepEqual(again.apply(taken), outcome);
});

test('rows carry what the data plane asks of them', (t) => {
  const store = clusterStore(1);
  const options = { 'com.docker.network.driver.mtu': '1400' };
  applyAll(
    store,
    networkCreate('demo', [], { Options: options, Internal: true }),
    serviceCreate('web', { networks: ['demo'], isGlobal: true, mode: 'dnsrr' }),
    {
      type: 'tasks.change',
      atMs: 1,
      ...nothing,
      creates: [
        {
          id: 't1' as TaskId,
          serviceId: 'svc-web' as ServiceId,
          slot: 0,
          nodeId: 'n1' as NodeId,
          desiredState: 'running',
          spec: serviceSpec('web', { networks: ['demo'] }).TaskTemplate,
          specVersion: 1,
        },
      ],
    },
  );
  const rows = new Map<string, ViewRow>();
  for (const [key, { row }] of viewRows(store, 'n1' as NodeId)) rows.set(key, row);
  t.like(rows.get('network/demo'), { mtu: 1400, isInternal: true, isIngress: false, name: 'demo' });
  t.like(rows.get('service/svc-web'), { isDnsRoundRobin: true, isGlobal: true, virtualIps: [] });
  t.like(rows.get('endpoint/t1'), { slot: 0, hostname: 't1', isServing: false });
});
