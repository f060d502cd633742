/** Random lives of a cluster, and what must hold once it has come to rest. */
import test from 'ava';
import fc from 'fast-check';
import { SeededRng } from '../../src/base/index.ts';
import {
  isTerminal,
  type NodeId,
  type Revision,
  type ServiceId,
  type Task,
} from '../../src/model/index.ts';
import { decide } from '../../src/orchestrator/index.ts';
import type { Store } from '../../src/store/index.ts';
import {
  networkCreate,
  nodeRegister,
  serviceCreate,
  serviceSpec,
  type ServiceOptions,
} from '../store/cluster-fixture.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { restored, snapshotOf } from '../store/snapshot/snapshots.ts';

type Act = (cluster: SimulatedCluster) => void;

const node = fc.integer({ min: 1, max: 4 }).map((n) => `n${n}` as NodeId);
const service = fc.integer({ min: 1, max: 3 }).map((n) => `s${n}`);

const options: fc.Arbitrary<ServiceOptions> = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 6 }),
    image: fc.constantFrom('one', 'two'),
    networks: fc.constantFrom([], ['net']),
    update: fc.record(
      {
        Parallelism: fc.integer({ min: 0, max: 3 }),
        Delay: fc.constantFrom(0, 2e9),
        Order: fc.constantFrom('stop-first', 'start-first'),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['replicas'] },
);

/** What may be refused: the name is taken, the service is gone. */
function attempt(cluster: SimulatedCluster, command: Parameters<Store['apply']>[0]): void {
  cluster.store.apply(command);
}

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.tuple(service, options, fc.boolean()).map(
    ([name, chosen, isGlobal]): Act =>
      (cluster) =>
        attempt(cluster, serviceCreate(name, { ...chosen, isGlobal }, cluster.nowMs)),
  ),
  {
    weight: 2,
    arbitrary: fc.tuple(service, options).map(([name, chosen]): Act => (cluster) => {
      const existing = cluster.store.services.byName(name)[0];
      if (existing === undefined) return;
      const isGlobal = 'Global' in existing.spec.Mode;
      attempt(cluster, {
        type: 'service.update',
        atMs: cluster.nowMs,
        id: existing.id,
        version: existing.meta.revision,
        spec: serviceSpec(name, { ...chosen, isGlobal }),
      });
    }),
  },
  service.map(
    (name): Act =>
      (cluster) =>
        attempt(cluster, {
          type: 'service.remove',
          atMs: cluster.nowMs,
          id: `svc-${name}` as ServiceId,
        }),
  ),
  fc.tuple(node, fc.constantFrom('ready' as const, 'down' as const)).map(
    ([id, state]): Act =>
      (cluster) =>
        attempt(cluster, { type: 'node.state', atMs: cluster.nowMs, id, state, message: '' }),
  ),
  fc
    .tuple(node, fc.constantFrom('active' as const, 'pause' as const, 'drain' as const))
    .map(([id, Availability]): Act => (cluster) => {
      const existing = cluster.store.nodes.get(id);
      attempt(cluster, {
        type: 'node.update',
        atMs: cluster.nowMs,
        id,
        version: existing?.meta.revision ?? (0 as Revision),
        spec: { Labels: {}, Role: 'worker', Availability },
      });
    }),
  node.map(
    (id): Act =>
      (cluster) =>
        attempt(cluster, { type: 'node.remove', atMs: cluster.nowMs, id, isForced: true }),
  ),
  fc.integer({ min: 1, max: 4 }).map(
    (n): Act =>
      (cluster) =>
        attempt(cluster, nodeRegister(n)),
  ),
  fc.nat(20).map((n): Act => (cluster) => {
    const running = [...cluster.store.tasks.values()].filter(
      (task) => task.status.state === 'running' && cluster.store.nodes.has(task.nodeId as NodeId),
    );
    const victim = running[n % Math.max(1, running.length)];
    if (victim !== undefined) cluster.report(victim.id, { state: 'failed' });
  }),
  { weight: 2, arbitrary: fc.constant<Act>((cluster) => void cluster.decide()) },
  { weight: 2, arbitrary: fc.constant<Act>((cluster) => void cluster.work()) },
  fc.nat(8000).map(
    (ms): Act =>
      (cluster) =>
        void (cluster.nowMs += ms),
  ),
);

const life = fc.array(act, { minLength: 5, maxLength: 60, size: 'max' });

function started(seed: number): SimulatedCluster {
  const cluster = new SimulatedCluster(3, seed);
  cluster.apply(networkCreate('net'));
  cluster.apply(serviceCreate('s1', { replicas: 3, networks: ['net'] }, cluster.nowMs));
  return cluster;
}

function live(cluster: SimulatedCluster): readonly Task[] {
  return [...cluster.store.tasks.values()].filter(
    (task) =>
      !isTerminal(task.status.state) &&
      (task.desiredState === 'running' || task.desiredState === 'ready'),
  );
}

test('once all nodes are well and time has passed, every service has what it asks for', (t) => {
  const property = fc.property(fc.nat(1000), life, (seed, acts) => {
    const cluster = started(seed);
    for (const perform of acts) perform(cluster);
    for (let n = 1; n <= 4; n += 1) {
      cluster.apply(nodeRegister(n));
      const id = `n${n}` as NodeId;
      const existing = cluster.store.nodes.get(id);
      cluster.apply({
        type: 'node.update',
        atMs: cluster.nowMs,
        id,
        version: existing?.meta.revision ?? (0 as Revision),
        spec: { Labels: {}, Role: 'worker', Availability: 'active' },
      });
    }
    cluster.advance(300_000);
    for (const { id, spec, specVersion } of cluster.store.services.values()) {
      const wanted = live(cluster).filter((task) => task.serviceId === id);
      t.true(wanted.every((task) => task.specVersion === specVersion));
      t.true(wanted.every((task) => task.status.state === 'running'));
      const places = wanted.map((task) => task.slot || task.nodeId);
      t.is(new Set(places).size, places.length);
      t.is(places.length, 'Replicated' in spec.Mode ? spec.Mode.Replicated.Replicas : 4);
    }
    for (const task of cluster.store.tasks.values())
      t.true(cluster.store.services.has(task.serviceId), 'no task outlives its service');
    t.false(cluster.decide(), 'at rest nothing is decided');
  });
  t.notThrows(() => fc.assert(property, { numRuns: 120 }));
});

test('whatever happens, a place has one task of the current version and one older at most', (t) => {
  const property = fc.property(fc.nat(1000), life, (seed, acts) => {
    const cluster = started(seed);
    for (const perform of acts) {
      perform(cluster);
      cluster.settle();
      for (const { id, specVersion } of cluster.store.services.values()) {
        const wanted = live(cluster).filter((task) => task.serviceId === id);
        // While an update starts first, an older task stands beside the current one.
        const places = wanted.map((task) => {
          const age = task.specVersion === specVersion ? 'current' : 'older';
          return `${task.slot || task.nodeId}/${age}`;
        });
        t.is(new Set(places).size, places.length);
      }
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 80 }));
});

test('history never grows beyond its limit', (t) => {
  const property = fc.property(fc.nat(1000), life, (seed, acts) => {
    const cluster = started(seed);
    for (const perform of acts) perform(cluster);
    cluster.settle();
    const perPlace = new Map<string, number>();
    for (const task of cluster.store.tasks.values()) {
      if (task.nodeId === undefined || !isTerminal(task.status.state)) continue;
      const place = `${task.serviceId}/${task.slot || task.nodeId}`;
      perPlace.set(place, (perPlace.get(place) ?? 0) + 1);
    }
    for (const [place, count] of perPlace) t.true(count <= 5, `${place} keeps ${count}`);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 80 }));
});

test('a decision is a function of store, time and randomness, and changes neither', (t) => {
  const property = fc.property(fc.nat(1000), life, (seed, acts) => {
    const cluster = started(seed);
    for (const perform of acts) perform(cluster);
    const before = snapshotOf(cluster.store);
    const copy = restored(before);
    const one = decide(cluster.store, cluster.nowMs, new SeededRng(seed));
    const other = decide(copy, cluster.nowMs, new SeededRng(seed));
    t.deepEqual(one, other);
    t.is(snapshotOf(cluster.store), before);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 60 }));
});
