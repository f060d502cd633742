/** What an orchestrator that watches its store looks at, in how many steps, and what it skips. */
import test from 'ava';
import fc from 'fast-check';
import { SeededRng } from '../../src/base/index.ts';
import type { NodeId, ServiceId, TaskId } from '../../src/model/index.ts';
import { Orchestrator, decide, type DecideOutcome } from '../../src/orchestrator/index.ts';
import type { Store } from '../../src/store/index.ts';
import {
  applyAll,
  clusterStore,
  nodeRegister,
  serviceCreate,
  serviceSpec,
} from '../store/cluster-fixture.ts';
import { storeWithTasks } from '../store/snapshot/samples.ts';
import { runAll, snapshotOf } from '../store/snapshot/snapshots.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

interface Decided {
  readonly steps: number;
  readonly outcome: DecideOutcome;
}

/** Takes all steps; `between` runs after each. */
function decided(
  orchestrator: Orchestrator,
  nowMs: number,
  between = (): void => undefined,
): Decided {
  const decision = orchestrator.decide(nowMs, new SeededRng(1));
  for (let steps = 0; ; steps += 1) {
    const step = decision.next();
    if (step.done === true) return { steps, outcome: step.value };
    between();
  }
}

/** Four services at rest on three nodes, two tasks each; one of the services is global. */
function atRest(): { cluster: SimulatedCluster; orchestrator: Orchestrator } {
  const cluster = new SimulatedCluster(3);
  for (const name of ['a', 'b', 'c']) cluster.apply(serviceCreate(name, { replicas: 2 }));
  cluster.apply(serviceCreate('g', { isGlobal: true }));
  cluster.settle();
  const orchestrator = new Orchestrator(cluster.store);
  decided(orchestrator, cluster.nowMs);
  return { cluster, orchestrator };
}

test('where nothing changes, nothing is looked at again', (t) => {
  const { cluster, orchestrator } = atRest();
  t.deepEqual(decided(orchestrator, cluster.nowMs), { steps: 0, outcome: {} });
  t.deepEqual(decided(orchestrator, cluster.nowMs + 1e9), { steps: 0, outcome: {} });
});

test('a task that ends brings a look at its service', (t) => {
  const { cluster, orchestrator } = atRest();
  cluster.report(cluster.running('b')[0]?.id ?? ('' as TaskId), { state: 'failed' });
  const { steps, outcome } = decided(orchestrator, cluster.nowMs);
  t.is(steps, 1);
  t.is(outcome.command?.creates.length, 1);
  t.is(outcome.command?.creates[0]?.serviceId, 'svc-b' as ServiceId);
});

test('a service that waits for a time is looked at until then', (t) => {
  const { cluster, orchestrator } = atRest();
  cluster.report(cluster.running('b')[0]?.id ?? ('' as TaskId), { state: 'failed' });
  const first = decided(orchestrator, cluster.nowMs).outcome.command;
  if (first !== undefined) cluster.apply(first);
  const { steps, outcome } = decided(orchestrator, cluster.nowMs);
  t.is(steps, 1);
  t.is(outcome.wakeAtMs, cluster.nowMs + 5_000);
  t.is(decided(orchestrator, cluster.nowMs + 1).outcome.wakeAtMs, cluster.nowMs + 5_000);
});

test('a service whose tasks found no place is looked at whenever anything changes', (t) => {
  const store = clusterStore(0);
  applyAll(store, serviceCreate('web'));
  const orchestrator = new Orchestrator(store);
  const first = decided(orchestrator, 1).outcome.command;
  if (first !== undefined) applyAll(store, first);
  t.deepEqual(decided(orchestrator, 1), { steps: 1, outcome: {} });
  applyAll(store, nodeRegister(1));
  t.is(decided(orchestrator, 1).outcome.command?.places.length, 1);
});

test('a node that goes brings a look at its tasks’ services and at global ones', (t) => {
  const { cluster, orchestrator } = atRest();
  const node = cluster.running('a')[0]?.nodeId ?? ('' as NodeId);
  const affected = ['a', 'b', 'c'].filter((name) =>
    cluster.tasks(name).some((task) => task.nodeId === node),
  );
  cluster.apply({ type: 'node.state', atMs: 1, id: node, state: 'down', message: '' });
  const { steps, outcome } = decided(orchestrator, cluster.nowMs);
  t.is(steps, affected.length + 1);
  t.is(outcome.command?.creates.length, affected.length);
});

test('a new node brings a look at global services only', (t) => {
  const { cluster, orchestrator } = atRest();
  cluster.apply(nodeRegister(4));
  const { steps, outcome } = decided(orchestrator, cluster.nowMs);
  t.is(steps, 1);
  t.is(outcome.command?.creates[0]?.nodeId, 'n4' as NodeId);
});

test('other settings of the cluster bring a look at everything', (t) => {
  const { cluster, orchestrator } = atRest();
  const { spec, meta } = cluster.store.cluster ?? t.fail();
  const Orchestration = { TaskHistoryRetentionLimit: 1 };
  const update = { version: meta.revision, spec: { ...spec, Orchestration }, joinSecrets: {} };
  cluster.apply({ type: 'cluster.update', atMs: 1, ...update });
  t.is(decided(orchestrator, cluster.nowMs).steps, 4);
});

test('what is left of a removed service is looked at until nothing is left', (t) => {
  const { cluster, orchestrator } = atRest();
  cluster.apply({ type: 'service.remove', atMs: 1, id: 'svc-c' as ServiceId });
  const first = decided(orchestrator, cluster.nowMs);
  t.is(first.steps, 1);
  t.is(first.outcome.command?.desires.length, 2);
  if (first.outcome.command !== undefined) cluster.apply(first.outcome.command);
  t.deepEqual(decided(orchestrator, cluster.nowMs), { steps: 1, outcome: {} });
  t.deepEqual(decided(orchestrator, cluster.nowMs), { steps: 0, outcome: {} });
  cluster.work();
  const last = decided(orchestrator, cluster.nowMs).outcome.command;
  t.is(last?.removes.length, 2);
  if (last !== undefined) cluster.apply(last);
  t.is(cluster.tasks('c').length, 0);
  t.deepEqual(decided(orchestrator, cluster.nowMs), { steps: 1, outcome: {} });
  t.deepEqual(decided(orchestrator, cluster.nowMs), { steps: 0, outcome: {} });
});

test('a large service goes in commands of bounded size', (t) => {
  const store = storeWithTasks(2_600);
  applyAll(store, { type: 'service.remove', atMs: 1, id: 'svc-web' as ServiceId });
  const orchestrator = new Orchestrator(store);
  const sizes: number[] = [];
  for (;;) {
    const { command } = decided(orchestrator, 1).outcome;
    if (command === undefined) break;
    sizes.push(command.desires.length);
    applyAll(store, command);
  }
  t.deepEqual(sizes, [1000, 1000, 600]);
});

test('an orchestrator that begins with many tasks counts them in steps', (t) => {
  const orchestrator = new Orchestrator(storeWithTasks(9_000));
  const { steps } = decided(orchestrator, 1);
  t.is(steps, 4 + 1);
});

test('a state that is replaced is looked at anew', (t) => {
  const { cluster, orchestrator } = atRest();
  const other = clusterStore(2);
  applyAll(other, serviceCreate('z', { replicas: 3 }));
  runAll(cluster.store.loadSteps(Buffer.from(snapshotOf(other))));
  const { outcome } = decided(orchestrator, 5);
  t.is(outcome.command?.creates.length, 3);
  t.deepEqual(outcome, decide(other, 5, new SeededRng(1)));
});

test('a state that is replaced between two steps ends the decision with none', (t) => {
  const store = clusterStore(3);
  for (const name of ['a', 'b', 'c']) applyAll(store, serviceCreate(name));
  const orchestrator = new Orchestrator(store);
  const bytes = Buffer.from(snapshotOf(store));
  const replace = (): void => void runAll(store.loadSteps(bytes));
  t.deepEqual(decided(orchestrator, 7, replace), { steps: 1, outcome: { wakeAtMs: 7 } });
  t.is(decided(orchestrator, 7).outcome.command?.creates.length, 3);
  const many = storeWithTasks(5_000);
  const counting = new Orchestrator(many);
  const reload = (): void => void runAll(many.loadSteps(Buffer.from(snapshotOf(many))));
  t.deepEqual(decided(counting, 7, reload), { steps: 1, outcome: { wakeAtMs: 7 } });
});

test('an orchestrator that is closed watches no more', (t) => {
  const { cluster, orchestrator } = atRest();
  orchestrator.close();
  cluster.report(cluster.running('b')[0]?.id ?? ('' as TaskId), { state: 'failed' });
  t.is(decided(orchestrator, cluster.nowMs).steps, 0);
});

/** What may happen while a decision is under way. */
type Act = (cluster: SimulatedCluster) => void;

const node = fc.integer({ min: 1, max: 4 });
const service = fc.constantFrom('a', 'b', 'c', 'g');

function setReplicas(store: Store, name: string, Replicas: number): void {
  const found = store.services.byName(name)[0];
  if (found === undefined || 'Global' in found.spec.Mode) return;
  const spec = { ...serviceSpec(name), Mode: { Replicated: { Replicas } } };
  const { id, meta } = found;
  store.apply({ type: 'service.update', atMs: 1, id, version: meta.revision, spec });
}

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.constant<Act>((cluster) => void cluster.work()),
  fc.constant<Act>(() => undefined),
  node.map(
    (n): Act =>
      (cluster) =>
        void cluster.store.apply(nodeRegister(n)),
  ),
  node.map((n): Act => ({ store }) => {
    store.apply({ type: 'node.remove', atMs: 1, id: `n${n}` as NodeId, isForced: true });
  }),
  node.map((n): Act => ({ store }) => {
    const id = `n${n}` as NodeId;
    store.apply({ type: 'node.state', atMs: 1, id, state: 'down', message: '' });
  }),
  service.map((name): Act => ({ store }) => {
    store.apply({ type: 'service.remove', atMs: 1, id: `svc-${name}` as ServiceId });
  }),
  fc.tuple(service, fc.nat(5)).map(([name, count]): Act => ({ store }) => {
    setReplicas(store, name, count);
  }),
  fc.nat(9).map((n): Act => (cluster) => {
    const tasks = [...cluster.store.tasks.values()].filter((task) => task.nodeId !== undefined);
    const victim = tasks[n % Math.max(1, tasks.length)];
    if (victim !== undefined) cluster.report(victim.id, { state: 'failed' });
  }),
);

test('decisions that are overtaken between their steps come to the same rest', (t) => {
  const property = fc.property(fc.array(act, { maxLength: 80, size: 'max' }), (acts) => {
    const { cluster, orchestrator } = atRest();
    let taken = 0;
    const next = (): void => {
      acts[taken]?.(cluster);
      taken += 1;
    };
    while (taken < acts.length) {
      next();
      const { command } = decided(orchestrator, cluster.nowMs, next).outcome;
      if (command !== undefined) cluster.apply(command);
    }
    for (let n = 1; n <= 3; n += 1) cluster.apply(nodeRegister(n));
    cluster.advance(300_000);
    t.is(decided(orchestrator, cluster.nowMs).outcome.command, undefined);
    for (const { id, spec } of cluster.store.services.values()) {
      const isUp = (nodeId = '' as NodeId): boolean =>
        cluster.store.nodes.get(nodeId)?.state === 'ready';
      const nodes = [...cluster.store.nodes.values()].filter((one) => isUp(one.id));
      const wanted = 'Global' in spec.Mode ? nodes.length : spec.Mode.Replicated.Replicas;
      const running = cluster.running(id.slice('svc-'.length));
      t.is(running.filter(({ nodeId }) => isUp(nodeId)).length, wanted);
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 60 }));
});

test('a decision changes nothing by itself', (t) => {
  const { cluster, orchestrator } = atRest();
  setReplicas(cluster.store, 'a', 5);
  const before = snapshotOf(cluster.store);
  const first = decided(orchestrator, cluster.nowMs).outcome;
  t.is(snapshotOf(cluster.store), before);
  t.deepEqual(decided(orchestrator, cluster.nowMs).outcome, first);
});
