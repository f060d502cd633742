/** Random commands against the store, with everything that must hold whatever they are. */
import test from 'ava';
import fc from 'fast-check';
import { cidr4, cidr4Contains, ipv4 } from '../../src/base/index.ts';
import {
  isTerminal,
  type NetworkId,
  type NodeId,
  type ServiceId,
  type Task,
  type TaskId,
  type ViewKey,
  type ViewRow,
} from '../../src/model/index.ts';
import type { Store } from '../../src/store/index.ts';
import { viewRows, type Command, type StampedRow } from '../../src/store/index.ts';
import { started, steps } from './store-steps.ts';
import { restored, snapshotOf } from './snapshot/snapshots.ts';

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
  t.notThrows(() => fc.assert(property, { numRuns: 50 }));
});

test('what is not handed out is free', (t) => {
  const property = fc.property(steps, (list) => {
    const store = started();
    for (const make of list) store.apply(make(store));
    return [...store.networks.values()].every((network) => {
      const used = handedOut(store).filter((n) => n.startsWith(`${network.id}:`));
      const again = restored(snapshotOf(store));
      const hosts = again.freeAddresses(network.id) + used.length;
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
  t.notThrows(() => fc.assert(property, { numRuns: 40 }));
});

test('equal commands make equal stores, also across a restart anywhere', (t) => {
  const property = fc.property(steps, fc.nat(80), (list, restartAt) => {
    let restarted = started();
    const straight = started();
    for (const [index, make] of list.entries()) {
      if (index === restartAt) restarted = restored(snapshotOf(restarted));
      const command = make(straight);
      const copy = JSON.parse(JSON.stringify(command)) as Command;
      const one = straight.apply(command);
      const other = restarted.apply(copy);
      t.deepEqual(one, other);
    }
    return snapshotOf(straight) === snapshotOf(restarted);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 40 }));
});

test('a refused command changes nothing and tells nobody', (t) => {
  let refusals = 0;
  const property = fc.property(steps, (list) => {
    const store = started();
    let told = 0;
    store.watch(() => (told += 1));
    for (const make of list) {
      const before = snapshotOf(store);
      const toldBefore = told;
      const free = [...store.networks.values()].map(({ id }) => store.freeAddresses(id));
      const outcome = store.apply(make(store));
      if (outcome.ok) continue;
      refusals += 1;
      const freeAfter = [...store.networks.values()].map(({ id }) => store.freeAddresses(id));
      if (snapshotOf(store) !== before || told !== toldBefore) return false;
      if (JSON.stringify(free) !== JSON.stringify(freeAfter)) return false;
    }
    return true;
  });
  t.notThrows(() => fc.assert(property, { numRuns: 40 }));
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
      if (index === restartAt) store = restored(snapshotOf(store));
      const fresh = restored(snapshotOf(store));
      for (const node of nodes) {
        const mine = held.get(node) ?? new Map<ViewKey, StampedRow>();
        held.set(node, mine);
        takeOver(mine, viewRows(store, node));
        t.deepEqual(rowsOf(mine), rowsOf(viewRows(fresh, node)));
        for (const { revision } of mine.values()) t.true(revision <= store.revision);
      }
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 50 }));
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
