import test from 'ava';
import { SeededRng } from '../../src/base/index.ts';
import type { NodeId, NodeSpec, Revision, ServiceId, TaskId } from '../../src/model/index.ts';
import { decide } from '../../src/orchestrator/index.ts';
import { normalImageName } from '../../src/orchestrator/placement/images.ts';
import { Store, type NewTask } from '../../src/store/index.ts';
import {
  applyAll,
  clusterStore,
  networkCreate,
  nodeRegister,
  port,
  serviceCreate,
  serviceSpec,
} from '../store/cluster-fixture.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { restored, snapshotOf } from '../store/snapshot/snapshots.ts';

const nothing = { creates: [], places: [], desires: [], statuses: [], removes: [] };

function setNode(store: Store, id: string, change: Partial<NodeSpec>): void {
  const node = store.nodes.get(id as NodeId);
  if (node === undefined) throw new Error(`no node ${id}`);
  applyAll(store, {
    type: 'node.update',
    atMs: 1,
    id: node.id,
    version: node.meta.revision,
    spec: { ...node.spec, ...change },
  });
}

test('nothing is decided where there is nothing', (t) => {
  t.deepEqual(decide(new Store(), 0, new SeededRng(1)), {});
  t.deepEqual(decide(clusterStore(3), 0, new SeededRng(1)), {});
});

test('a replicated service is spread over the nodes', (t) => {
  const cluster = new SimulatedCluster(3);
  cluster.apply(serviceCreate('web', { replicas: 6 }));
  cluster.settle();
  const nodes = cluster.running('web').map((task) => task.nodeId);
  t.deepEqual(nodes.toSorted(), ['n1', 'n1', 'n2', 'n2', 'n3', 'n3'] as NodeId[]);
});

test('services are spread over the nodes together', (t) => {
  const cluster = new SimulatedCluster(4);
  for (const name of ['a', 'b', 'c', 'd']) cluster.apply(serviceCreate(name));
  cluster.settle();
  const nodes = ['a', 'b', 'c', 'd'].map((name) => cluster.running(name)[0]?.nodeId);
  t.is(new Set(nodes).size, 4);
});

test('an update keeps the spread', (t) => {
  const cluster = new SimulatedCluster(3);
  cluster.apply(serviceCreate('web', { replicas: 3, image: 'one' }));
  cluster.settle();
  cluster.apply({
    type: 'service.update',
    atMs: 1,
    id: 'svc-web' as ServiceId,
    version: cluster.store.services.get('svc-web' as ServiceId)?.meta.revision as Revision,
    spec: serviceSpec('web', { replicas: 3, image: 'two' }),
  });
  cluster.settle();
  t.is(new Set(cluster.running('web').map((task) => task.nodeId)).size, 3);
});

test('one command creates at most 250 tasks, and the next one goes on', (t) => {
  const store = clusterStore(3);
  applyAll(store, serviceCreate('web', { replicas: 700 }));
  const rng = new SeededRng(1);
  const counts: number[] = [];
  for (;;) {
    const { command } = decide(store, 1, rng);
    if (command === undefined) break;
    counts.push(command.creates.length);
    applyAll(store, command);
  }
  t.deepEqual(counts, [250, 250, 200]);
  t.is(new Set([...store.tasks.values()].map((task) => task.slot)).size, 700);
});

test('tasks of two leaders in one slot become one again', (t) => {
  const store = clusterStore(2);
  applyAll(store, serviceCreate('web'));
  const task = (id: string, nodeId: string): NewTask => ({
    id: id as TaskId,
    serviceId: 'svc-web' as ServiceId,
    slot: 1,
    nodeId: nodeId as NodeId,
    desiredState: 'running',
    spec: serviceSpec('web').TaskTemplate,
    specVersion: 1,
  });
  const creates = [task('first', 'n1'), task('second', 'n2')];
  applyAll(store, { type: 'tasks.change', atMs: 1, ...nothing, creates });
  const { command } = decide(store, 1, new SeededRng(1));
  t.deepEqual(command?.desires, [{ id: 'second' as TaskId, desiredState: 'shutdown' }]);
  t.deepEqual(command?.creates, []);
});

test('a running task is preferred over an older one that does not run', (t) => {
  const cluster = new SimulatedCluster(2);
  cluster.apply(serviceCreate('web', { replicas: 2 }));
  cluster.decide();
  const [first, second] = cluster.tasks('web');
  t.truthy(first && second);
  if (second !== undefined) cluster.report(second.id, { state: 'running' });
  cluster.apply({
    type: 'service.update',
    atMs: 1,
    id: 'svc-web' as ServiceId,
    version: cluster.store.services.get('svc-web' as ServiceId)?.meta.revision as Revision,
    spec: serviceSpec('web', { replicas: 1 }),
  });
  cluster.settle();
  t.deepEqual(
    cluster.running('web').map(({ id }) => id),
    [second?.id],
  );
});

test('a pending task says why, once', (t) => {
  const store = clusterStore(0);
  applyAll(store, serviceCreate('web'));
  const rng = new SeededRng(1);
  const first = decide(store, 1, rng);
  t.is(first.command?.creates[0]?.reason, 'no suitable node');
  if (first.command) applyAll(store, first.command);
  t.deepEqual(decide(store, 2, rng), {});
  applyAll(store, nodeRegister(1));
  setNode(store, 'n1', { Availability: 'pause' });
  const second = decide(store, 3, rng);
  t.is(
    second.command?.statuses[0]?.status.error,
    'no suitable node (1 node not available for new tasks)',
  );
  if (second.command) applyAll(store, second.command);
  t.deepEqual(decide(store, 4, rng), {});
  setNode(store, 'n1', { Availability: 'active' });
  t.deepEqual(
    decide(store, 5, rng).command?.places.map(({ nodeId }) => nodeId),
    ['n1'] as NodeId[],
  );
});

test('preferences spread over the values of a label first', (t) => {
  const cluster = new SimulatedCluster(4);
  for (const [id, zone] of Object.entries({ n1: 'a', n2: 'a', n3: 'a', n4: 'b' }))
    setNode(cluster.store, id, { Labels: { zone } });
  const Preferences = [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }];
  cluster.apply(serviceCreate('web', { replicas: 6, task: { Placement: { Preferences } } }));
  cluster.settle();
  const onB = cluster.running('web').filter((task) => task.nodeId === ('n4' as NodeId));
  t.is(onB.length, 3);
});

test('platforms decide where an image may run', (t) => {
  const cluster = new SimulatedCluster(0);
  applyAll(
    cluster.store,
    nodeRegister(1, { architecture: 'aarch64' }),
    nodeRegister(2, { architecture: 'x86_64' }),
  );
  const on = (Architecture: string) => ({
    Placement: { Platforms: [{ Architecture, OS: 'linux' }] },
  });
  cluster.apply(serviceCreate('amd', { replicas: 2, task: on('amd64') }));
  cluster.apply(serviceCreate('arm', { replicas: 2, task: on('arm64') }));
  cluster.apply(serviceCreate('risc', { task: on('riscv64') }));
  cluster.settle();
  t.true(cluster.running('amd').every((task) => task.nodeId === ('n2' as NodeId)));
  t.true(cluster.running('arm').every((task) => task.nodeId === ('n1' as NodeId)));
  t.is(
    cluster.tasks('risc')[0]?.status.error,
    'no suitable node (unsupported platform on 2 nodes)',
  );
});

test('a node on which a service keeps failing comes last', (t) => {
  const cluster = new SimulatedCluster(2);
  setNode(cluster.store, 'n2', { Availability: 'pause' });
  cluster.broken.add('bad');
  cluster.apply(serviceCreate('web', { image: 'bad', task: { RestartPolicy: { Delay: 1e9 } } }));
  cluster.advance(12_000);
  setNode(cluster.store, 'n2', { Availability: 'active' });
  for (let n = 0; n < 6; n += 1) cluster.apply(serviceCreate(`other${n}`));
  cluster.advance(60_000);
  const newest = cluster.tasks('web').at(-1);
  t.is(newest?.nodeId, 'n2' as NodeId);
});

test('a host-mode port of a task on its way out still counts', (t) => {
  const cluster = new SimulatedCluster(1);
  const ports = [port(53, 53, 'host')];
  cluster.apply(serviceCreate('one', { ports }));
  cluster.settle();
  cluster.frozen.add('n1' as NodeId);
  cluster.apply({ type: 'service.remove', atMs: 1, id: 'svc-one' as ServiceId });
  cluster.apply(serviceCreate('two', { ports }));
  cluster.settle();
  t.is(
    cluster.tasks('two')[0]?.status.error,
    'no suitable node (host-mode port already in use on 1 node)',
  );
  cluster.frozen.clear();
  cluster.settle();
  t.is(cluster.running('two').length, 1);
});

test('a global service does not come to a node that has no address left for it', (t) => {
  const cluster = new SimulatedCluster(3);
  cluster.apply(networkCreate('tiny', [{ Subnet: '10.9.0.0/29' }]));
  cluster.apply(serviceCreate('filler', { replicas: 3, networks: ['tiny'] }));
  cluster.settle();
  cluster.apply(serviceCreate('agent', { isGlobal: true, networks: ['tiny'], mode: 'dnsrr' }));
  cluster.settle();
  t.is(cluster.running('agent').length, 1);
  t.false(cluster.decide());
});

test('a service’s tasks go with it even if they never started', (t) => {
  const cluster = new SimulatedCluster(0);
  cluster.apply(serviceCreate('web', { replicas: 3 }));
  cluster.settle();
  t.is(cluster.store.tasks.size, 3);
  cluster.apply({ type: 'service.remove', atMs: 1, id: 'svc-web' as ServiceId });
  cluster.settle();
  t.is(cluster.store.tasks.size, 0);
});

test('the same restart goes on under another leader', (t) => {
  const cluster = new SimulatedCluster(1);
  cluster.apply(serviceCreate('web'));
  cluster.settle();
  const [task] = cluster.running('web');
  if (task !== undefined) cluster.report(task.id, { state: 'failed' });
  cluster.settle();
  const other = restored(snapshotOf(cluster.store));
  const dueMs = cluster.wakeAtMs ?? 0;
  t.is(dueMs, cluster.nowMs + 5000);
  t.deepEqual(decide(other, dueMs - 1, new SeededRng(9)), { wakeAtMs: dueMs });
  const { command } = decide(other, dueMs, new SeededRng(9));
  t.deepEqual(
    command?.desires.map(({ desiredState }) => desiredState),
    ['running'],
  );
});

const images: readonly { name: string; expected: string }[] = [
  { name: 'busybox', expected: 'busybox:latest' },
  { name: 'library/busybox', expected: 'busybox:latest' },
  { name: 'docker.io/library/busybox:1', expected: 'busybox:1' },
  { name: 'index.docker.io/me/app', expected: 'me/app:latest' },
  { name: 'host:5000/app', expected: 'host:5000/app:latest' },
  { name: 'app:v1@sha256:00', expected: 'app:v1' },
];

for (const { name, expected } of images) {
  test(`the image ${name} is ${expected}`, (t) => t.is(normalImageName(name), expected));
}
