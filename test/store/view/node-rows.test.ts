/** A node's rows, followed in steps between which the store changes. */
import test from 'ava';
import fc from 'fast-check';
import {
  isTerminal,
  type NetworkId,
  type NodeId,
  type Revision,
  type Service,
  type ViewKey,
  type ViewRow,
} from '../../../src/model/index.ts';
import { NodeRows, viewRows, type Store, type ViewDifference } from '../../../src/store/index.ts';
import { ViewLog } from '../../../src/store/view/view-log.ts';
import { restored, snapshotOf } from '../snapshot/snapshots.ts';
import { started, steps } from '../store-steps.ts';

const NODES = ['n1', 'n2', 'n3'] as NodeId[];

/** Somebody who takes over differences as they come, and nothing else. */
class Follower {
  readonly nodeId: NodeId;
  readonly held = new Map<ViewKey, ViewRow>();
  private readonly rows: NodeRows;
  private steps: Iterator<void, ViewDifference> | undefined;

  constructor(nodeId: NodeId) {
    this.nodeId = nodeId;
    this.rows = new NodeRows(nodeId, 1);
  }

  /** Some steps; the revision that is held from here on once they were the last. */
  follow(store: Store, count: number): Revision | undefined {
    for (let step = 0; step < count; step += 1) {
      this.steps ??= this.rows.difference(store);
      const { done, value } = this.steps.next();
      if (done !== true) continue;
      this.steps = undefined;
      this.take(value);
      return value.revision;
    }
    return undefined;
  }

  private take({ upserts, removes }: ViewDifference): void {
    for (const key of removes) this.held.delete(key);
    for (const { row } of upserts) this.held.set(keyOf(row), row);
  }
}

function keyOf(row: ViewRow): ViewKey {
  if (row.kind === 'settings') return row.kind;
  if (row.kind === 'assignment') return `assignment/${row.task.id}`;
  const id = { ...row, peer: 0 } as unknown as Record<string, string>;
  const field = { peer: 'nodeId', network: 'networkId', service: 'serviceId', endpoint: 'taskId' };
  return `${row.kind}/${id[field[row.kind]]}`;
}

function rowsSeen(store: Store, nodeId: NodeId): Record<ViewKey, ViewRow> {
  return sorted([...viewRows(store, nodeId)].map(([key, { row }]) => [key, row]));
}

function sorted(rows: Iterable<readonly [ViewKey, ViewRow]>): Record<ViewKey, ViewRow> {
  return Object.fromEntries([...rows].sort(([one], [other]) => (one < other ? -1 : 1)));
}

test('whoever takes over differences holds what the store says at their revision', (t) => {
  const paces = fc.array(fc.nat(12), { minLength: 1 });
  const property = fc.property(steps, paces, (list, pace) => {
    const store = started();
    const followers = NODES.map((nodeId) => new Follower(nodeId));
    for (const [index, make] of list.entries()) {
      store.apply(make(store));
      for (const [at, follower] of followers.entries()) {
        const count = pace[(index + at) % pace.length] ?? 0;
        const revision = follower.follow(store, count);
        if (revision === undefined) continue;
        t.is(revision, store.revision);
        t.deepEqual(sorted(follower.held), rowsSeen(store, follower.nodeId));
      }
    }
    for (const follower of followers) {
      follower.follow(store, Infinity);
      t.deepEqual(sorted(follower.held), rowsSeen(store, follower.nodeId));
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 100 }));
});

test('a store that was loaded anew has rows looked at once more, and all are held', (t) => {
  const property = fc.property(steps, fc.nat(20), (list, loadedAt) => {
    let store = started();
    const followers = NODES.map((nodeId) => new Follower(nodeId));
    for (const [index, make] of list.entries()) {
      store.apply(make(store));
      if (index === loadedAt) store = restored(snapshotOf(store));
      for (const follower of followers) {
        follower.follow(store, Infinity);
        t.deepEqual(sorted(follower.held), rowsSeen(store, follower.nodeId));
      }
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 50 }));
});

test('a node sees what lies on its networks, its own tasks and all nodes', (t) => {
  const property = fc.property(steps, (list) => {
    const store = started();
    for (const make of list) {
      store.apply(make(store));
      for (const nodeId of NODES)
        t.deepEqual(Object.keys(rowsSeen(store, nodeId)), [...keysSeen(store, nodeId)].sort());
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 50 }));
});

/** By the tables alone, without any index. */
function keysSeen(store: Store, nodeId: NodeId): Set<ViewKey> {
  const live = [...store.tasks.values()].filter(
    (task) => task.nodeId !== undefined && !isTerminal(task.status.state),
  );
  const own = live.filter((task) => task.nodeId === nodeId).flatMap((task) => task.attachments);
  const services = [...store.services.values()];
  const networks = [...store.networks.values()].filter(
    ({ id, spec }) =>
      own.some((at) => at.networkId === id) ||
      (spec.Ingress && services.some((service) => isOn(service, id))),
  );
  const has = (id: NetworkId): boolean => networks.some((network) => network.id === id);
  return new Set([
    'settings',
    ...[...store.nodes.values()].map(({ id }) => `peer/${id}`),
    ...networks.map(({ id }) => `network/${id}`),
    ...services
      .filter((service) => networks.some(({ id }) => isOn(service, id)))
      .map(({ id }) => `service/${id}`),
    ...live
      .filter(({ attachments }) => attachments.some((at) => has(at.networkId)))
      .map(({ id }) => `endpoint/${id}`),
    ...store.tasksByNode(nodeId).map(({ id }) => `assignment/${id}`),
  ]);
}

function isOn({ virtualIps, spec }: Service, id: NetworkId): boolean {
  const targets = (spec.TaskTemplate.Networks ?? []).map(({ Target }) => Target);
  return targets.includes(id) || virtualIps.some(({ networkId }) => networkId === id);
}

test('a log that is too short for somebody says so', (t) => {
  const log = new ViewLog(5 as Revision);
  for (let at = 1; at <= 150_000; at += 1)
    log.add({ revision: (5 + Math.ceil(at / 10)) as Revision, key: `peer/n${at}` });
  t.is(log.after(4 as Revision), undefined);
  t.is(log.after(5 as Revision), undefined);
  const last = (5 + 15_000) as Revision;
  t.deepEqual(log.after(last), []);
  t.is(log.after((last - 1) as Revision)?.length, 10);
  t.is(log.after((last - 4_000) as Revision)?.length, 40_000);
});
