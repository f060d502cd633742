/** Random commands against the store, with everything that must hold whatever they are. */
import test from 'ava';
import fc from 'fast-check';
import { cidr4, cidr4Contains, ipv4 } from '../../src/base/index.ts';
import {
  isTerminal,
  TASK_STATE_ORDER,
  type NetworkId,
  type NodeId,
  type Revision,
  type ServiceId,
  type Task,
  type TaskId,
  type ViewKey,
  type ViewRow,
} from '../../src/model/index.ts';
import { Store, viewRows, type Command, type StampedRow } from '../../src/store/index.ts';
import {
  applyAll,
  clusterCreate,
  networkCreate,
  nodeRegister,
  port,
  serviceCreate,
  serviceSpec,
} from './cluster-fixture.ts';

const small = fc.integer({ min: 1, max: 4 });
const networkName = small.map((n) => `net${n}`);
const serviceName = small.map((n) => `s${n}`);
const nodeId = small.map((n) => `n${n}` as NodeId);
const taskId = fc.integer({ min: 1, max: 12 }).map((n) => `t${n}` as TaskId);

const options = fc.record(
  {
    networks: fc.uniqueArray(networkName, { maxLength: 2 }),
    ports: fc.array(
      fc
        .tuple(fc.constantFrom(0, 0, 8080, 30_001), small, fc.constantFrom('ingress', 'host'))
        .map(([published, target, mode]) => port(target, published, mode as 'ingress')),
      { maxLength: 2 },
    ),
    mode: fc.constantFrom('vip' as const, 'vip' as const, 'dnsrr' as const),
    replicas: small,
    image: fc.constantFrom('a', 'b'),
  },
  { requiredKeys: [] },
);

const config = fc.constantFrom(
  [],
  [],
  [{ Subnet: '10.0.2.0/29' }],
  [{ Subnet: '10.0.0.0/16' }],
  [{ Subnet: '192.168.0.0/28' }, { Subnet: '192.168.0.0/29' }],
  [{ Subnet: '172.16.0.0/30' }, { Subnet: '172.16.0.8/29', IPRange: '172.16.0.10/31' }],
  [{ Subnet: 'bad' }],
);

/** A step makes a command out of the store as it is then, so that versions can be right. */
type Step = (store: Store) => Command;

const nothing = { creates: [], places: [], desires: [], statuses: [], removes: [] };

const createTasks = fc
  .tuple(taskId, serviceName, fc.option(nodeId, { nil: undefined }))
  .map(([id, name, node]): Step => {
    return (store) => {
      const service = store.services.byName(name)[0];
      const create = {
        id,
        serviceId: `svc-${name}` as ServiceId,
        slot: 1,
        ...(node && { nodeId: node }),
        desiredState: 'running' as const,
        spec: service?.spec.TaskTemplate ?? { ContainerSpec: { Image: 'gone' } },
        specVersion: service?.specVersion ?? 1,
      };
      return { type: 'tasks.change', atMs: 1, ...nothing, creates: [create] };
    };
  });

const updateService = fc.tuple(serviceName, options).map(([name, changed]): Step => {
  return (store) => ({
    type: 'service.update',
    atMs: 2,
    id: `svc-${name}` as ServiceId,
    version: store.services.byName(name)[0]?.meta.revision ?? (0 as Revision),
    spec: serviceSpec(name, changed),
  });
});

const fixed = (arbitrary: fc.Arbitrary<Command>): fc.Arbitrary<Step> =>
  arbitrary.map((command) => () => command);

const status = fc.constantFrom(...TASK_STATE_ORDER.slice(3)).map((state) => ({
  state,
  atMs: 3,
  message: state,
}));

const step: fc.Arbitrary<Step> = fc.oneof(
  fixed(small.map((n) => nodeRegister(n))),
  fixed(
    fc
      .tuple(nodeId, fc.constantFrom('ready' as const, 'down' as const))
      .map(([id, state]) => ({ type: 'node.state', atMs: 1, id, state, message: '' })),
  ),
  fixed(
    fc
      .tuple(nodeId, fc.boolean())
      .map(([id, isForced]) => ({ type: 'node.remove', atMs: 1, id, isForced })),
  ),
  fixed(fc.tuple(networkName, config).map(([name, ipam]) => networkCreate(name, ipam))),
  fixed(networkName.map((name) => ({ type: 'network.remove', atMs: 1, id: name as NetworkId }))),
  fixed(fc.tuple(serviceName, options).map(([name, chosen]) => serviceCreate(name, chosen))),
  updateService,
  fixed(
    serviceName.map((name) => ({
      type: 'service.remove',
      atMs: 1,
      id: `svc-${name}` as ServiceId,
    })),
  ),
  { weight: 8, arbitrary: createTasks },
  fixed(
    fc.tuple(taskId, nodeId).map(([id, node]) => ({
      type: 'tasks.change',
      atMs: 1,
      ...nothing,
      places: [{ id, nodeId: node }],
    })),
  ),
  fixed(
    fc
      .tuple(taskId, fc.constantFrom('running' as const, 'shutdown' as const, 'remove' as const))
      .map(([id, desiredState]) => ({
        type: 'tasks.change',
        atMs: 1,
        ...nothing,
        desires: [{ id, desiredState }],
      })),
  ),
  {
    weight: 3,
    arbitrary: fixed(
      fc.tuple(taskId, nodeId, status).map(([id, node, reported]) => ({
        type: 'tasks.report',
        atMs: 3,
        nodeId: node,
        statuses: [{ id, status: reported }],
      })),
    ),
  },
  fixed(taskId.map((id) => ({ type: 'tasks.change', atMs: 1, ...nothing, removes: [id] }))),
);

const steps = fc.array(step, { minLength: 5, maxLength: 80, size: 'max' });

/** Something to work on, so that random commands meet more than refusals. */
function started(): Store {
  const store = new Store();
  applyAll(
    store,
    clusterCreate(),
    nodeRegister(1),
    nodeRegister(2),
    nodeRegister(3),
    networkCreate('net1'),
    networkCreate('net2', [{ Subnet: '172.16.1.0/28' }]),
    serviceCreate('s1', { networks: ['net1', 'net2'], ports: [port(80, 8080)] }),
    serviceCreate('s2', { networks: ['net1'], ports: [port(80)] }),
    serviceCreate('s3', { networks: ['net2'] }),
  );
  return store;
}

/** Every number that is handed out, as `what:number`. */
function handedOut(store: Store): readonly string[] {
  const numbers: string[] = [];
  for (const node of store.nodes.values()) numbers.push(`index:${node.index}`);
  for (const network of store.networks.values())
    for (const subnet of network.subnets) {
      numbers.push(`vni:${subnet.vni}`, `${network.id}:${subnet.gateway}`);
    }
  for (const service of store.services.values()) {
    for (const vip of service.virtualIps) numbers.push(`${vip.networkId}:${vip.address}`);
    for (const { Protocol, PublishedPort, PublishMode } of service.ports)
      if (PublishMode === 'ingress') numbers.push(`port:${PublishedPort}/${Protocol}`);
  }
  for (const task of store.tasks.values()) {
    if (isTerminal(task.status.state)) continue;
    for (const at of task.attachments)
      if (store.networks.has(at.networkId)) numbers.push(`${at.networkId}:${at.address}`);
  }
  return numbers;
}

/**
 * Addresses lie in their networks; subnets overlap nowhere; routed ports exclude host-mode ones.
 */
function placesAreRight(store: Store): boolean {
  const networks = [...store.networks.values()];
  const prefixes = networks.flatMap((network) => network.subnets.map((s) => cidr4(s.prefix)));
  const overlaps = prefixes.some((one, index) =>
    prefixes.slice(index + 1).some((two) => {
      const bits = Math.min(one.bits, two.bits);
      return cidr4Contains({ base: one.base, bits: one.bits }, two.base) && bits >= 0;
    }),
  );
  const isInside = (at: { networkId: NetworkId; address: string }): boolean => {
    const network = store.networks.get(at.networkId);
    if (network === undefined) return true;
    return network.subnets.some((s) => cidr4Contains(cidr4(s.prefix), ipv4(at.address)));
  };
  const all = [
    ...[...store.services.values()].flatMap((service) => service.virtualIps),
    ...[...store.tasks.values()].flatMap((task) => task.attachments),
  ];
  return !overlaps && all.every(isInside);
}

test('no address, VNI, port or index is ever handed out twice', (t) => {
  const property = fc.property(steps, (list) => {
    const store = started();
    for (const make of list) {
      store.apply(make(store));
      const numbers = handedOut(store);
      if (new Set(numbers).size !== numbers.length) return false;
      if (!placesAreRight(store)) return false;
    }
    return true;
  });
  t.notThrows(() => fc.assert(property, { numRuns: 150 }));
});

test('what is not handed out is free', (t) => {
  const property = fc.property(steps, (list) => {
    const store = started();
    for (const make of list) store.apply(make(store));
    return [...store.networks.values()].every((network) => {
      const used = handedOut(store).filter((n) => n.startsWith(`${network.id}:`));
      const restored = Store.restore(store.snapshot());
      const hosts = restored.freeAddresses(network.id) + used.length;
      // The gateway of a subnet with a range lies outside what is counted.
      const outside = network.subnets.filter((s) => s.ipRange !== undefined).length;
      const sizes = network.subnets.map((s) => {
        const bits = cidr4(s.ipRange ?? s.prefix).bits;
        return 2 ** (32 - bits) - (s.ipRange === undefined ? 2 : 0);
      });
      const size = sizes.reduce((sum, n) => sum + n, outside);
      return hosts === size && store.freeAddresses(network.id) + used.length === size;
    });
  });
  t.notThrows(() => fc.assert(property, { numRuns: 100 }));
});

test('equal commands make equal stores, also across a restart anywhere', (t) => {
  const property = fc.property(steps, fc.nat(80), (list, restartAt) => {
    let restarted = started();
    const straight = started();
    for (const [index, make] of list.entries()) {
      if (index === restartAt) restarted = Store.restore(restarted.snapshot());
      const command = make(straight);
      const copy = JSON.parse(JSON.stringify(command)) as Command;
      const one = straight.apply(command);
      const other = restarted.apply(copy);
      t.deepEqual(one, other);
    }
    return straight.snapshot() === restarted.snapshot();
  });
  t.notThrows(() => fc.assert(property, { numRuns: 100 }));
});

test('a refused command changes nothing and tells nobody', (t) => {
  let refusals = 0;
  const property = fc.property(steps, (list) => {
    const store = started();
    let told = 0;
    store.watch(() => (told += 1));
    for (const make of list) {
      const before = store.snapshot();
      const toldBefore = told;
      const free = [...store.networks.values()].map(({ id }) => store.freeAddresses(id));
      const outcome = store.apply(make(store));
      if (outcome.ok) continue;
      refusals += 1;
      const freeAfter = [...store.networks.values()].map(({ id }) => store.freeAddresses(id));
      if (store.snapshot() !== before || told !== toldBefore) return false;
      if (JSON.stringify(free) !== JSON.stringify(freeAfter)) return false;
    }
    return true;
  });
  t.notThrows(() => fc.assert(property, { numRuns: 100 }));
  t.true(refusals > 100, 'the commands are often refused');
});

test('changes tell exactly what became different', (t) => {
  const property = fc.property(steps, (list) => {
    const store = started();
    const mirror = new Map<string, unknown>();
    store.watch((changes, revision) => {
      t.is(revision, store.revision);
      for (const change of changes) {
        if (change.kind === 'cluster') continue;
        const key = `${change.kind}/${change.id}`;
        t.is(mirror.get(key), change.before);
        if (change.after === undefined) mirror.delete(key);
        else mirror.set(key, change.after);
      }
    });
    for (const row of store.nodes.values()) mirror.set(`node/${row.id}`, row);
    for (const row of store.networks.values()) mirror.set(`network/${row.id}`, row);
    for (const row of store.services.values()) mirror.set(`service/${row.id}`, row);
    for (const make of list) store.apply(make(store));
    const { nodes, networks, services, tasks } = store;
    t.is(mirror.size, nodes.size + networks.size + services.size + tasks.size);
    for (const task of tasks.values()) t.is(mirror.get(`task/${task.id}`), task);
    for (const node of nodes.values()) t.is(mirror.get(`node/${node.id}`), node);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 50 }));
});

test('a node that takes over rows by their numbers holds what a fresh view says', (t) => {
  const property = fc.property(steps, fc.nat(80), (list, restartAt) => {
    let store = started();
    const held = new Map<NodeId, Map<ViewKey, StampedRow>>();
    const nodes = ['n1', 'n2', 'n3'] as NodeId[];
    for (const [index, make] of list.entries()) {
      store.apply(make(store));
      if (index === restartAt) store = Store.restore(store.snapshot());
      const fresh = Store.restore(store.snapshot());
      for (const node of nodes) {
        const mine = held.get(node) ?? new Map<ViewKey, StampedRow>();
        held.set(node, mine);
        takeOver(mine, viewRows(store, node));
        t.deepEqual(rowsOf(mine), rowsOf(viewRows(fresh, node)));
        for (const { revision } of mine.values()) t.true(revision <= store.revision);
      }
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 60 }));
});

/** What a stream of differences does: rows whose number is new, and removals. */
function takeOver(mine: Map<ViewKey, StampedRow>, view: ReadonlyMap<ViewKey, StampedRow>): void {
  for (const [key, stamped] of view)
    if (mine.get(key)?.revision !== stamped.revision) mine.set(key, stamped);
  for (const key of mine.keys()) if (!view.has(key)) mine.delete(key);
}

function rowsOf(
  view: ReadonlyMap<ViewKey, { readonly row: ViewRow }>,
): Readonly<Record<string, ViewRow>> {
  const entries = [...view].map(([key, { row }]) => [key, row] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

test('indexes by service and by node agree with the tasks', (t) => {
  const ids = (tasks: readonly Task[]): readonly TaskId[] => tasks.map(({ id }) => id).toSorted();
  const property = fc.property(steps, (list) => {
    const store = started();
    for (const make of list) store.apply(make(store));
    const tasks = [...store.tasks.values()];
    for (const id of new Set(tasks.map((task) => task.serviceId))) {
      const expected = tasks.filter((task) => task.serviceId === id);
      t.deepEqual(ids(store.tasksByService(id)), ids(expected));
    }
    for (const { id } of store.nodes.values()) {
      const expected = tasks.filter((task) => task.nodeId === id);
      t.deepEqual(ids(store.tasksByNode(id)), ids(expected));
    }
    t.deepEqual(store.tasksByService('none' as ServiceId), []);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 50 }));
});
