import test from 'ava';
import { SILENT_LOGGER, SeededRng } from '../../../src/base/index.ts';
import {
  diff,
  plan,
  type Kernel,
  type KernelObject,
  type NamespaceName,
  type Operation,
  type OperationOutcome,
  type Plan,
} from '../../../src/dataplane/index.ts';
import { FakeKernel } from '../../../src/kernel/index.ts';
import { Reconciler, ReconcileError } from '../../../src/node/reconcile/index.ts';
import { localOf, overlayOf, port, sandboxOf, viewOf } from '../../dataplane/support/view.ts';
import type { TestCluster } from '../../dataplane/support/view.ts';
import { ManualTime } from './support/manual-time.ts';

const CLUSTER: TestCluster = {
  vteps: ['192.0.2.1', '192.0.2.2'],
  networks: [{ number: 0 }, { number: 1 }],
  services: [{ number: 1, networks: [0, 1], ports: [port('ingress 8080 80')] }],
  tasks: [
    { number: 1, service: 1, node: 1, networks: [0, 1], hostPorts: [port('host 9000 80')] },
    { number: 2, service: 1, node: 2, networks: [0, 1] },
    { number: 3, service: 1, node: 1, networks: [1] },
  ],
};

function planOf(cluster: TestCluster): Plan {
  return plan({ view: viewOf(cluster, 1), local: localOf(cluster, 1) });
}

/** Counts what is asked of a kernel. */
class CountingKernel implements Kernel {
  readonly inner: FakeKernel;
  operations: Operation[] = [];
  looks: NamespaceName[] = [];

  constructor(inner: FakeKernel) {
    this.inner = inner;
  }

  namespaces(): Promise<readonly NamespaceName[]> {
    return this.inner.namespaces();
  }

  createNamespace(name: NamespaceName): Promise<void> {
    return this.inner.createNamespace(name);
  }

  deleteNamespace(name: NamespaceName): Promise<void> {
    return this.inner.deleteNamespace(name);
  }

  observe(...args: Parameters<Kernel['observe']>): Promise<readonly KernelObject[]> {
    this.looks.push(args[0]);
    return this.inner.observe(...args);
  }

  apply(
    name: NamespaceName,
    operations: readonly Operation[],
  ): Promise<readonly OperationOutcome[]> {
    this.operations.push(...operations);
    return this.inner.apply(name, operations);
  }
}

function setUp(failureRate: number, seed = 1) {
  const fake = new FakeKernel({ failureRate, rng: new SeededRng(seed) });
  const kernel = new CountingKernel(fake);
  const time = new ManualTime();
  const repairs: string[] = [];
  const reconciler = new Reconciler({
    kernel,
    clock: time,
    timers: time,
    logger: SILENT_LOGGER,
    metrics: { repaired: (kind) => repairs.push(kind), passed: () => undefined },
  });
  return { fake, kernel, time, repairs, reconciler };
}

/** What is still to be done, over all namespaces of the plan and of the kernel. */
async function remaining(kernel: FakeKernel, wanted: Plan): Promise<string[]> {
  const left: string[] = [];
  for (const name of await kernel.namespaces())
    if (!wanted.has(name)) left.push(`namespace ${name}`);
  for (const [name, objects] of wanted) {
    const sysctls = objects.flatMap((object) => (object.kind === 'sysctl' ? [object.path] : []));
    const observed = await kernel.observe(name, { sysctls });
    left.push(...diff(observed, objects).map(({ object }) => `${name} ${JSON.stringify(object)}`));
  }
  return left;
}

for (const seed of [1, 2, 3, 4, 5])
  test(`a kernel that fails often comes to hold each plan (seed ${seed})`, async (t) => {
    const { fake, time, reconciler } = setUp(0.1, seed);
    const plans = [
      planOf(CLUSTER),
      planOf({ ...CLUSTER, tasks: CLUSTER.tasks.slice(1) }),
      planOf({ ...CLUSTER, networks: [{ number: 0 }, { number: 1, mtu: 1400 }] }),
      new Map(),
    ];
    for (const wanted of plans) {
      reconciler.setPlan(wanted, { isComplete: true });
      const converged = reconciler.whenConverged([], 600_000);
      await time.pass(120_000);
      await converged;
      t.deepEqual(await remaining(fake, wanted), []);
    }
    t.true(fake.failuresTotal > 0);
    await reconciler.close();
  });

test('a kernel at peace is only looked at', async (t) => {
  const { kernel, time, repairs, reconciler } = setUp(0);
  reconciler.setPlan(planOf(CLUSTER), { isComplete: true });
  await time.pass(1000);
  kernel.operations = [];
  kernel.looks = [];
  // An equal plan of other objects is no change.
  reconciler.setPlan(planOf(CLUSTER), { isComplete: true });
  await time.pass(61_000);
  t.deepEqual(kernel.operations, []);
  t.deepEqual(new Set(kernel.looks), new Set(planOf(CLUSTER).keys()));
  t.is(kernel.looks.length, 2 * planOf(CLUSTER).size);
  t.deepEqual(repairs, []);
  await reconciler.close();
});

test('one endpoint more is as many operations as it has objects', async (t) => {
  const { kernel, time, reconciler } = setUp(0);
  reconciler.setPlan(planOf(CLUSTER), { isComplete: true });
  await time.pass(1000);
  kernel.operations = [];
  const task = { number: 4, service: 2, node: 2, networks: [1] };
  reconciler.setPlan(planOf({ ...CLUSTER, tasks: [...CLUSTER.tasks, task] }), { isComplete: true });
  await time.pass(10);
  t.deepEqual(kernel.operations.map(({ action, object }) => `${action} ${object.kind}`).sort(), [
    'put fdb',
    'put neighbour',
    'put neighbour',
  ]);
  await reconciler.close();
});

test('nothing is deleted before the plan is complete', async (t) => {
  const { fake, time, reconciler } = setUp(0);
  reconciler.setPlan(planOf(CLUSTER), { isComplete: true });
  await time.pass(1000);
  await reconciler.close();
  // The agent starts again and knows half of it.
  const half = planOf({ ...CLUSTER, tasks: CLUSTER.tasks.slice(1), services: [] });
  const next = new Reconciler({ kernel: fake, clock: time, timers: time, logger: SILENT_LOGGER });
  next.setPlan(half, { isComplete: false });
  await time.pass(1000);
  const held = await fake.observe(overlayOf(1), { sysctls: [] });
  t.true(held.some((object) => object.kind === 'link' && object.name.startsWith('vtsk00001')));
  t.true((await fake.namespaces()).includes(sandboxOf(1)));
  await next.whenConverged(overlayOf(1));
  next.setPlan(half, { isComplete: true });
  await time.pass(1000);
  t.deepEqual(await remaining(fake, half), []);
  await next.close();
});

test('a namespace that another part made for a plan to come is left alone', async (t) => {
  const { fake, time, reconciler } = setUp(0);
  await fake.createNamespace('t-leftover');
  await fake.createNamespace('foreign');
  reconciler.setPlan(new Map(), { isComplete: true });
  await fake.createNamespace(sandboxOf(1));
  await time.pass(1000);
  t.deepEqual(await fake.namespaces(), ['foreign', sandboxOf(1)]);
  await reconciler.close();
});

test('foreign changes are counted, repaired and nothing else is touched', async (t) => {
  const { fake, kernel, time, repairs, reconciler } = setUp(0);
  const wanted = planOf(CLUSTER);
  reconciler.setPlan(wanted, { isComplete: true });
  await time.pass(1000);
  kernel.operations = [];
  const objects = wanted.get(overlayOf(1)) ?? [];
  const stolen = objects.filter((object) => object.kind === 'neighbour');
  const foreign: KernelObject = { kind: 'address', link: 'br0', address: '192.0.2.200/24' };
  await fake.apply(overlayOf(1), [
    ...stolen.map((object): Operation => ({ action: 'delete', object })),
    { action: 'put', object: foreign },
  ]);
  reconciler.markSuspect(overlayOf(1));
  await time.pass(1000);
  t.deepEqual(await remaining(fake, wanted), []);
  t.deepEqual(repairs.sort(), [...stolen.map(() => 'neighbour'), 'address'].sort());
  t.is(kernel.operations.length, stolen.length + 1);
  await reconciler.close();
});

test('a namespace that vanished is made anew, and links into it, too', async (t) => {
  const { fake, time, reconciler } = setUp(0);
  const wanted = planOf(CLUSTER);
  reconciler.setPlan(wanted, { isComplete: true });
  await time.pass(1000);
  await fake.deleteNamespace(sandboxOf(1));
  reconciler.markSuspect(sandboxOf(1));
  await time.pass(5000);
  t.deepEqual(await remaining(fake, wanted), []);
  await reconciler.close();
});

test('an object that the kernel refuses stops no other and is reported', async (t) => {
  const { fake, time, reconciler } = setUp(0);
  const bad: KernelObject = { kind: 'sysctl', path: 'net/ipv4/no_such_setting', value: '1' };
  const wanted = new Map(planOf(CLUSTER));
  wanted.set(sandboxOf(1), [...(wanted.get(sandboxOf(1)) ?? []), bad]);
  const refuse = fake.apply.bind(fake);
  let attempts = 0;
  fake.apply = async (name, operations) => {
    const outcomes = await refuse(name, operations);
    return outcomes.map((outcome, at) => {
      if (operations[at]?.object !== bad) return outcome;
      attempts += 1;
      return { ok: false, error: { code: 'ENOENT', call: 'open', message: bad.path } };
    });
  };
  reconciler.setPlan(wanted, { isComplete: true });
  const waiting = reconciler.whenConverged(sandboxOf(1), 10_000).catch((error: unknown) => error);
  await time.pass(20_000);
  const error = await waiting;
  t.true(error instanceof ReconcileError);
  const { detail } = error as ReconcileError;
  t.is(detail.code, 'not-converged');
  t.deepEqual(
    detail.code === 'not-converged' && detail.failed.map(({ key, error: { code } }) => [key, code]),
    [[`sysctl/${bad.path}`, 'ENOENT']],
  );
  // 100 ms, doubled each time: 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 and 12.7 s.
  t.is(attempts, 8);
  t.is(reconciler.failed()[0]?.attempts, 8);
  await reconciler.whenConverged(sandboxOf(3));
  // A plan without it has nothing to wait for.
  reconciler.setPlan(planOf(CLUSTER), { isComplete: true });
  await time.pass(100);
  await reconciler.whenConverged([]);
  t.deepEqual(reconciler.failed(), []);
  await reconciler.close();
});

test('a kernel without IPv6 has no IPv6 settings, and that is no failure', async (t) => {
  const { fake, time, repairs, reconciler } = setUp(0);
  const { apply, observe } = { apply: fake.apply.bind(fake), observe: fake.observe.bind(fake) };
  const isIpv6 = (object: KernelObject): boolean =>
    object.kind === 'sysctl' && object.path.startsWith('net/ipv6/');
  fake.apply = async (name, operations) => {
    const outcomes = await apply(name, operations);
    const error = { code: 'ENOENT', call: 'open', message: 'no IPv6' };
    return outcomes.map((outcome, at) => {
      const object = operations[at]?.object;
      return object !== undefined && isIpv6(object) ? { ok: false, error } : outcome;
    });
  };
  fake.observe = async (name, request) =>
    (await observe(name, request)).filter((object) => !isIpv6(object));
  reconciler.setPlan(planOf(CLUSTER), { isComplete: true });
  await time.pass(100_000);
  await reconciler.whenConverged([]);
  t.deepEqual(repairs, []);
  await reconciler.close();
});

test('closing ends the waiting', async (t) => {
  const { reconciler } = setUp(0);
  const waiting = reconciler.whenConverged('t-never').catch((error: unknown) => error);
  await reconciler.close();
  const error = await waiting;
  t.is((error as ReconcileError).detail.code, 'closed');
});
