import test from 'ava';
import fc from 'fast-check';
import type { Node, NodeId, Revision, ServiceId, TaskId } from '../../../src/model/index.ts';
import { SnapshotError, Store, viewRows } from '../../../src/store/index.ts';
import {
  applyAll,
  clusterCreate,
  clusterStore,
  networkCreate,
  serviceCreate,
} from '../cluster-fixture.ts';
import { started, steps } from '../store-steps.ts';
import { SAMPLES, newTask, storeWithTasks, tasksChange } from './samples.ts';
import { restored, runAll, snapshotOf } from './snapshots.ts';

const LINE_BYTES_MAX = 600_000;

for (const [name, make] of Object.entries(SAMPLES)) {
  test(`what is loaded (${name}) gives the bytes it was loaded from, and answers alike`, (t) => {
    const store = make();
    const again = restored(snapshotOf(store));
    t.is(snapshotOf(again), snapshotOf(store));
    for (const id of ['n1', 'n2', 'n4'] as NodeId[])
      t.deepEqual(rowsSeenBy(again, id), rowsSeenBy(store, id));
    const next = [
      clusterCreate(),
      networkCreate('next'),
      serviceCreate('next', { networks: ['next'], ports: [{ ...PORT, PublishedPort: 0 }] }),
    ];
    for (const command of next) t.deepEqual(again.apply(command), store.apply(command));
    t.is(snapshotOf(again), snapshotOf(store));
  });
}

const PORT = { Protocol: 'tcp', TargetPort: 80, PublishMode: 'ingress' } as const;

function rowsSeenBy(store: Store, id: NodeId): readonly unknown[] {
  const rows = [...viewRows(store, id)].map(([key, { row }]) => [key, row] as const);
  return rows.toSorted(([one], [other]) => (one < other ? -1 : 1));
}

test('pieces tell the state of the call, whatever is applied while they are read', (t) => {
  const property = fc.property(steps, fc.nat(60), (list, takeAt) => {
    const store = started();
    let pieces: Iterator<Uint8Array> | undefined;
    let expected = '';
    const read: Uint8Array[] = [];
    for (const [index, make] of list.entries()) {
      if (index === takeAt % list.length) {
        expected = snapshotOf(store);
        pieces = store.snapshotPieces()[Symbol.iterator]();
      }
      store.apply(make(store));
      const piece = pieces?.next();
      if (piece?.done === false) read.push(piece.value);
    }
    for (let piece = pieces?.next(); piece?.done === false; piece = pieces?.next())
      read.push(piece.value);
    t.is(Buffer.concat(read).toString(), expected);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 40 }));
});

test('a piece is a line, and lines are of a size that holds nobody up', (t) => {
  const pieces = [...storeWithTasks(3000).snapshotPieces()].map((piece) => Buffer.from(piece));
  for (const piece of pieces) {
    t.is(piece.indexOf('\n'), piece.length - 1);
    t.true(piece.length < LINE_BYTES_MAX);
  }
  t.true(pieces.filter((piece) => piece.toString().startsWith('{"kind":"tasks"')).length > 1);
});

test('a template of many tasks is told once', (t) => {
  const text = snapshotOf(storeWithTasks(100));
  t.is(text.split('busybox:latest').length - 1, 1);
});

test('a spec that is no longer its service’s is told once, and shared', (t) => {
  const store = SAMPLES['everything']?.() ?? t.fail();
  const creates = ['o1', 'o2'].map((name) => ({
    ...newTask(store, name, { service: 'open' }),
    spec: { ContainerSpec: { Image: 'another' } },
  }));
  applyAll(store, tasksChange({ creates }));
  const text = snapshotOf(store);
  t.is(text.split('"another"').length - 1, 1);
  const { tasks } = restored(text);
  t.is(tasks.get('o1' as TaskId)?.spec, tasks.get('o2' as TaskId)?.spec);
  t.is(tasks.get('o1' as TaskId)?.spec.ContainerSpec.Image, 'another');
});

test('a store that is loaded shares templates whose texts are equal', (t) => {
  const store = clusterStore(1);
  applyAll(store, serviceCreate('one'), serviceCreate('two'));
  const creates = [
    newTask(store, 'a', { service: 'one' }),
    newTask(store, 'b', { service: 'two' }),
  ];
  applyAll(store, tasksChange({ creates }));
  const again = restored(snapshotOf(store));
  const template = again.services.get('svc-one' as ServiceId)?.spec.TaskTemplate;
  t.is(again.tasks.get('a' as TaskId)?.spec, template);
  t.is(again.tasks.get('b' as TaskId)?.spec, template);
});

test('a load has many steps, and until the last one the store is what it was', (t) => {
  const store = clusterStore(1);
  const before = snapshotOf(store);
  const told: { readonly count: number; readonly revision: Revision }[] = [];
  store.watch((changes, revision) => told.push({ count: changes.length, revision }));
  const other = storeWithTasks(2000);
  const loading = store.loadSteps(Buffer.from(snapshotOf(other)));
  let count = 0;
  while (loading.next().done !== true) {
    count += 1;
    t.is(store.tasks.size, 0);
    t.is(told.length, 0);
    if (count % 10 === 0) t.is(snapshotOf(store), before);
  }
  t.true(count > 16);
  t.deepEqual(told, [{ count: 0, revision: other.revision }]);
  t.is(snapshotOf(store), snapshotOf(other));
  t.is(store.tasksByNode('n2' as NodeId).length, 500);
});

test('who watched before a load is told of what is applied after it', (t) => {
  const store = clusterStore(1);
  let told = 0;
  const unwatch = store.watch(() => (told += 1));
  runAll(store.loadSteps(Buffer.from(snapshotOf(clusterStore(2)))));
  applyAll(store, networkCreate('demo'));
  unwatch();
  applyAll(store, networkCreate('other'));
  t.is(told, 2);
});

test('a load that fails leaves the store alone', (t) => {
  const store = SAMPLES['everything']?.() ?? t.fail();
  const before = snapshotOf(store);
  store.watch(() => t.fail('nothing changed'));
  const cut = Buffer.from(snapshotOf(storeWithTasks(300))).subarray(0, -100);
  t.throws(() => runAll(store.loadSteps(cut)), { instanceOf: SnapshotError });
  t.is(snapshotOf(store), before);
});

test('an empty store has a snapshot too', (t) => {
  const again = restored(snapshotOf(new Store()));
  t.is(again.revision, 0 as Revision);
  applyAll(again, clusterCreate());
  t.is(again.ingress?.subnets[0]?.prefix, '10.0.0.0/24');
});

test('lines of kinds that are not known are passed over', (t) => {
  const lines = snapshotOf(clusterStore(2)).split('\n');
  const later = [...lines.slice(0, 3), '{"kind":"secrets","rows":[{}]}', ...lines.slice(3, -2)];
  const end = JSON.stringify({ kind: 'end', lines: later.length, more: true });
  t.is(snapshotOf(restored(`${later.join('\n')}\n${end}\n`)), lines.join('\n'));
});

test('fields that are not known stay with their rows', (t) => {
  const text = snapshotOf(clusterStore(2)).replaceAll('"index":', '"later":{"a":[1]},"index":');
  const again = restored(text);
  t.is(snapshotOf(again), text);
  t.like(again.nodes.get('n1' as NodeId), { later: { a: [1] } } as Partial<Node>);
});

const whole = snapshotOf(SAMPLES['everything']?.() ?? new Store());
const linesOf = (text: string): readonly string[] => text.split('\n').slice(0, -1);

const badSnapshots: readonly { name: string; text: string; line: number }[] = [
  { name: 'nothing', text: '', line: 1 },
  { name: 'a line feed', text: '\n', line: 1 },
  { name: 'JSON of something else', text: '{"a":1}\n', line: 1 },
  { name: 'null', text: 'null\n', line: 1 },
  { name: 'without a head', text: `${linesOf(whole).slice(1).join('\n')}\n`, line: 1 },
  { name: 'without a revision', text: whole.replace('"revision":', '"other":'), line: 1 },
  { name: 'cut within a line', text: whole.slice(0, 200), line: 2 },
  { name: 'cut between lines', text: `${linesOf(whole).slice(0, 3).join('\n')}\n`, line: 4 },
  { name: 'without its last line feed but one', text: `${whole}{}\n`, line: linesOf(whole).length },
  {
    name: 'one that lacks a line',
    text: `${linesOf(whole).toSpliced(5, 1).join('\n')}\n`,
    line: linesOf(whole).length - 1,
  },
  {
    name: 'one whose lines are in another order',
    text: `${linesOf(whole)
      .toSpliced(1, 0, linesOf(whole).at(-2) ?? '')
      .join('\n')}\n`,
    line: 2,
  },
  { name: 'one that gives a number twice', text: whole.replace('"index":2', '"index":1'), line: 3 },
  { name: 'one that gives an id twice', text: whole.replace('"id":"n2"', '"id":"n1"'), line: 3 },
  { name: 'one with a row without id', text: whole.replace('"id":"n2"', '"it":"n2"'), line: 3 },
  { name: 'one with a null row', text: whole.replace('"rows":[', '"rows":[null,'), line: 2 },
  {
    name: 'one without rows',
    text: whole.replace('"rows":[{"id":"n1"', '"row":[{"id":"n1"'),
    line: 3,
  },
  { name: 'one with an unknown spec', text: whole.replace('"spec":4', '"spec":44'), line: 6 },
  { name: 'one with a cursor astray', text: whole.replace('["vni",', '["vni",9999'), line: 7 },
  { name: 'one with half a cursor', text: whole.replace('["vni",', '["vni",0.5,'), line: 7 },
  { name: 'one with cursors of no network', text: whole.replace('["front",', '["x",'), line: 8 },
];

for (const { name, text, line } of badSnapshots) {
  test(`a snapshot that is ${name} is refused`, (t) => {
    const error = t.throws(() => restored(text), { instanceOf: SnapshotError });
    t.deepEqual(error.detail, { code: 'snapshot-malformed', line });
  });
}

for (const found of [1, 3, '2']) {
  test(`a snapshot of version ${JSON.stringify(found)} is refused by name`, (t) => {
    const text = whole.replace('"version":2', `"version":${JSON.stringify(found)}`);
    const error = t.throws(() => restored(text), { instanceOf: SnapshotError });
    t.deepEqual(error.detail, { code: 'snapshot-version', found, readable: 2 });
  });
}

test('the one document of version 1 is refused by name', (t) => {
  const text = '{"format":"hawser-store","version":1,"revision":4,"nodes":[]}';
  const error = t.throws(() => restored(text), { instanceOf: SnapshotError });
  t.deepEqual(error.detail, { code: 'snapshot-version', found: 1, readable: 2 });
});

test('bytes that are no text are refused', (t) => {
  const bytes = Buffer.from(whole);
  bytes[300] = 0xff;
  const load = (): number => runAll(new Store().loadSteps(bytes));
  const error = t.throws(load, { instanceOf: SnapshotError });
  t.deepEqual(error.detail, { code: 'snapshot-malformed', line: 2 });
});
