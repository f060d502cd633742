/** Nodes with views and keys on loopback addresses, as their managers would have told them. */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SILENT_LOGGER, SYSTEM_CLOCK, SeededRng } from '../../../src/base/index.ts';
import type { NodeView, Revision, TaskState } from '../../../src/model/index.ts';
import { NodeGossip } from '../../../src/cluster/gossip/index.ts';
import type { WireRing } from '../../../src/cluster/gossip/keys/ring-plan.ts';
import { until } from '../fixture.ts';
import { NETWORK, assignment, endpoint, nodeId, peer, taskId, view } from './facts/rows.ts';

const PORT = 7946;

function ring(): WireRing {
  const secret = randomBytes(32).toString('base64');
  return { generation: 1, keys: [{ id: 1, secret }], primary: 1 };
}

interface Node {
  readonly number: number;
  readonly gossip: NodeGossip;
  readonly directory: string;
  /** How often the view became another without a manager. */
  changes: number;
}

interface World {
  /** Hosts whose kernels do not answer. */
  readonly silent: Set<number>;
  /** What a manager tells node `number`. */
  told(number: number, change?: Partial<NodeView>): NodeView;
  start(number: number, options?: { directory?: string; keys?: WireRing | 'kept' }): Promise<Node>;
}

/** Three nodes; task n runs on node n. */
function createWorld(t: ExecutionContext): World {
  const prefix = `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
  t.log(`loopback ${prefix}.x`);
  const shared = ring();
  const numbers = [1, 2, 3];
  const silent = new Set<number>();
  const world: World = {
    silent,
    told(number, change = {}) {
      const peers = numbers.map((at) => ({ ...peer(at), vtep: `${prefix}.${at}` }));
      const endpoints = numbers.map((at) => endpoint(at, at));
      const assignments = [assignment(number, 'running')];
      return { ...view({ peers, endpoints, assignments }), selfId: nodeId(number), ...change };
    },
    async start(number, { directory, keys = shared } = {}) {
      const at = directory ?? (await mkdtemp(join(tmpdir(), 'hawser-gossip-')));
      const node = { number, directory: at, changes: 0 };
      const gossip = await NodeGossip.load({
        nodeId: nodeId(number),
        directory: at,
        port: PORT,
        clock: SYSTEM_CLOCK,
        rng: new SeededRng(number),
        logger: SILENT_LOGGER,
        knock: async ({ host }) => !silent.has(Number(host.split('.')[3])),
        changed: () => (node.changes += 1),
      });
      t.teardown(async () => {
        await gossip.stop(false);
        await rm(at, { recursive: true, force: true });
      });
      gossip.useView(world.told(number));
      gossip.start();
      if (keys !== 'kept') gossip.followKeys(keys);
      return Object.assign(node, { gossip });
    },
  };
  return world;
}

async function startAll(world: World): Promise<[Node, Node, Node]> {
  const all: [Node, Node, Node] = [
    await world.start(1),
    await world.start(2),
    await world.start(3),
  ];
  await until('all to find all', () => all.every(({ gossip }) => gossip.report.members === 3));
  return all;
}

const serves = ({ gossip }: Node, task: number): boolean | undefined =>
  gossip.view?.endpoints.get(taskId(task))?.isServing;

const report = ({ gossip, number }: Node, state: TaskState): void =>
  gossip.noteTasks([{ id: taskId(number), status: { state, atMs: 1, message: '' } }]);

test('nodes that are told the same keys and each other find each other', async (t) => {
  const [one] = await startAll(createWorld(t));
  t.like(one.gossip.report, { members: 3, keyGeneration: 1 });
  t.is(one.gossip.report.counters?.silentHosts, 0);
});

test('nothing is bound before there are keys', async (t) => {
  const node = await createWorld(t).start(1, { keys: 'kept' });
  t.deepEqual(node.gossip.report, { members: 0, keyGeneration: 0, acknowledgedRevision: 0 });
});

test('a node that is lost with its host is out of use within 3 s, and comes back', async (t) => {
  const world = createWorld(t);
  const [one, two, three] = await startAll(world);
  world.silent.add(3);
  const startMs = performance.now();
  await three.gossip.stop(false);
  await until('its task to serve nobody', () => !serves(one, 3) && !serves(two, 3));
  const tookMs = Math.round(performance.now() - startMs);
  t.log(`out of use after ${tookMs} ms`);
  t.true(tookMs < 3000, `${tookMs} ms`);
  t.deepEqual([serves(one, 1), serves(one, 2)], [true, true]);
  t.false(one.gossip.view?.peers.get(nodeId(3))?.isUp);
  t.true(one.changes > 0);
  world.silent.delete(3);
  await world.start(3);
  await until('it to serve again', () => serves(one, 3) === true && serves(two, 3) === true);
});

test('an agent that is gone while its host answers takes nothing away', async (t) => {
  const [one, two, three] = await startAll(createWorld(t));
  await three.gossip.stop(false);
  await until('the others to know', () =>
    [one, two].every(({ gossip }) => gossip.report.members === 2),
  );
  // Three knocks later it would be out.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  t.deepEqual([serves(one, 3), serves(two, 3)], [true, true]);
});

test('a task that ends is out of use everywhere without a manager', async (t) => {
  const [one, two, three] = await startAll(createWorld(t));
  report(three, 'failed');
  await until('all to know', () => [one, two, three].every((node) => serves(node, 3) === false));
  t.deepEqual([serves(one, 1), serves(one, 2)], [true, true]);
});

test('a task that managers want is used as soon as its node says it is ready', async (t) => {
  const world = createWorld(t);
  const [one, , three] = await startAll(world);
  const waiting = endpoint(3, 3, { isServing: false });
  const { endpoints } = world.told(1);
  const rows = new Map(endpoints).set(waiting.taskId, waiting);
  one.gossip.useView(world.told(1, { endpoints: rows, revision: 2 as Revision }));
  report(three, 'running');
  await until('it to serve', () => serves(one, 3) === true);
  const unwanted = new Map(rows).set(waiting.taskId, { ...waiting, isWanted: false });
  one.gossip.useView(world.told(1, { endpoints: unwanted, revision: 3 as Revision }));
  t.false(serves(one, 3), 'what managers say stops it at once');
});

test('acknowledged revisions reach the others', async (t) => {
  const [one, two, three] = await startAll(createWorld(t));
  one.gossip.acknowledge(NETWORK, 9 as Revision);
  two.gossip.acknowledge(NETWORK, 8 as Revision);
  three.gossip.acknowledge(NETWORK, 7 as Revision);
  await until('the slowest to be known', () => one.gossip.report.acknowledgedRevision === 7);
  t.pass();
});

test('an agent that starts anew gossips with the keys it had, without a manager', async (t) => {
  const world = createWorld(t);
  const [one, two, three] = await startAll(world);
  await three.gossip.stop(false);
  const again = await world.start(3, { directory: three.directory, keys: 'kept' });
  await until('all to find all', () =>
    [one, two, again].every(({ gossip }) => gossip.report.members === 3),
  );
  t.is(again.gossip.keyGeneration, 1);
});

test('a node that leaves says so, and leaves no key behind', async (t) => {
  const [one, two, three] = await startAll(createWorld(t));
  await three.gossip.stop(true);
  await until('its task to serve nobody', () => !serves(one, 3) && !serves(two, 3));
  t.is(one.gossip.report.counters?.core.suspicions, 0);
  t.deepEqual(await readdir(three.directory), []);
});

test('a node with other keys is no member', async (t) => {
  const world = createWorld(t);
  const one = await world.start(1);
  const stranger = await world.start(2, { keys: ring() });
  await until('it to knock', () => (one.gossip.report.counters?.streamsRefused ?? 0) > 0);
  t.is(one.gossip.report.members, 1);
  t.is(stranger.gossip.report.members, 1);
});

test('a node whose address changes gossips at the new one', async (t) => {
  const world = createWorld(t);
  const [one, two, three] = await startAll(world);
  const { peers } = world.told(3);
  const own = peers.get(nodeId(3));
  if (own === undefined) return t.fail();
  const moved = new Map(peers).set(nodeId(3), { ...own, vtep: own.vtep.replace(/3$/, '4') });
  for (const node of [one, two, three])
    node.gossip.useView(world.told(node.number, { peers: moved, revision: 2 as Revision }));
  await until('all to find all there', () =>
    [one, two, three].every(({ gossip }) => gossip.report.members === 3),
  );
  t.pass();
});
