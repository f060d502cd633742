/** The tables below the membership that carries them, on a simulated network. */
import test from 'ava';
import type { NetworkId } from '../../../src/model/index.ts';
import { NetworkTables, type OwnRowName } from '../../../src/gossip/index.ts';
import { World, type WorldOptions } from '../sim/world.ts';
import { NETWORK, bytes, contents, nameOf } from './support.ts';

const OTHER_NETWORK = 'net-2' as NetworkId;
const GOSSIP_MS = 1500;
const DETECTION_MS = 8000;
/** Two push/pulls of everyone, and some room. */
const SYNC_MS = 90_000;

class Cluster {
  readonly world: World;
  readonly tables: NetworkTables[] = [];

  constructor(options: WorldOptions) {
    this.world = new World(options);
    for (let index = 0; index < options.nodes; index += 1) this.start(index);
    this.world.run(5000);
  }

  start(index: number): void {
    const { world } = this;
    const { id } = world.node(index);
    const tables = new NetworkTables({ nodeId: id });
    this.tables[index] = tables;
    world.start(index, { tables, incarnation: Math.floor(world.nowMs / 1000) });
    this.join(index, NETWORK);
    const seeds = [world.node(0).address, world.node(1).address];
    world.command(index, (gossip, nowMs) => gossip.join(seeds, nowMs));
  }

  join(index: number, network: NetworkId): void {
    this.of(index).joinNetwork(network, this.world.nowMs);
    this.world.command(index, (gossip, nowMs) => gossip.joinNetwork(network, nowMs));
  }

  leave(index: number, network: NetworkId): void {
    this.of(index).leaveNetwork(network, this.world.nowMs);
    this.world.command(index, (gossip, nowMs) => gossip.leaveNetwork(network, nowMs));
  }

  put(index: number, name: string | OwnRowName, value: string): void {
    const whole = typeof name === 'string' ? nameOf(name) : name;
    this.of(index).put(whole, bytes(value), this.world.nowMs);
    this.wake(index);
  }

  delete(index: number, key: string): void {
    this.of(index).delete(nameOf(key), this.world.nowMs);
    this.wake(index);
  }

  /** What a node sees, with the places of owners in place of their ids. */
  seen(index: number, network = NETWORK): string[] {
    const places = new Map(this.world.nodes.map((node) => [node.id as string, `${node.index}`]));
    return contents({ id: this.world.node(index).id, tables: this.of(index) }, network)
      .map((row) => row.replace(/^[^/]+/, (owner) => places.get(owner) ?? '?'))
      .sort();
  }

  /** What each of the nodes sees. */
  views(indexes: readonly number[], network = NETWORK): string[] {
    return indexes.map((index) => this.seen(index, network).join(' '));
  }

  private of(index: number): NetworkTables {
    const tables = this.tables[index];
    if (tables === undefined) throw new Error(`node ${index} does not run`);
    return tables;
  }

  /** The host looks for the next deadline after each write. */
  private wake(index: number): void {
    this.world.command(index, (gossip, nowMs) => gossip.tick(nowMs));
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function times(count: number, view: string): string[] {
  return Array.from({ length: count }, () => view);
}

test('a row is seen by all who have its network, and by nobody else', (t) => {
  const cluster = new Cluster({ nodes: 12, seed: 1, loss: 50 });
  for (const index of range(0, 4)) cluster.join(index, OTHER_NETWORK);
  cluster.world.run(GOSSIP_MS);
  cluster.put(2, 'k', 'here');
  cluster.put(3, nameOf('k', OTHER_NETWORK), 'there');
  cluster.world.run(GOSSIP_MS);
  t.deepEqual(cluster.views(range(0, 12)), times(12, '2/k=here'));
  t.deepEqual(cluster.views(range(0, 4), OTHER_NETWORK), times(4, '3/k=there'));
  t.deepEqual(cluster.views(range(4, 12), OTHER_NETWORK), times(8, ''));
});

test("a crashed node's rows are hidden, and those of its next life take their place", (t) => {
  const cluster = new Cluster({ nodes: 8, seed: 2, loss: 20 });
  for (const round of range(0, 30)) cluster.put(5, 'k', `${round}`);
  cluster.put(5, 'old', '1');
  cluster.world.run(GOSSIP_MS);
  t.deepEqual(cluster.views([0, 1]), times(2, '5/k=29 5/old=1'));
  cluster.world.crash(5);
  cluster.world.run(DETECTION_MS);
  t.deepEqual(cluster.views([0, 1, 7]), times(3, ''));
  cluster.start(5);
  cluster.put(5, 'k', 'new');
  cluster.world.run(SYNC_MS);
  t.deepEqual(cluster.views(range(0, 8)), times(8, '5/k=new'));
});

test('two halves that were cut hide each other, and agree again when they meet', (t) => {
  const cluster = new Cluster({ nodes: 8, seed: 3, loss: 20 });
  cluster.put(1, 'a', '1');
  cluster.put(6, 'b', '1');
  cluster.put(6, 'c', '1');
  cluster.world.run(GOSSIP_MS);
  for (const index of range(4, 8)) cluster.world.sides.set(index, 1);
  cluster.world.run(DETECTION_MS);
  cluster.delete(6, 'b');
  cluster.put(1, 'a', '2');
  cluster.world.run(GOSSIP_MS);
  t.deepEqual(cluster.views(range(0, 4)), times(4, '1/a=2'));
  t.deepEqual(cluster.views(range(4, 8)), times(4, '6/c=1'));
  cluster.world.sides.clear();
  cluster.world.run(SYNC_MS);
  t.deepEqual(cluster.views(range(0, 8)), times(8, '1/a=2 6/c=1'));
});

test('rows of who left a network are not shown to who joins it later', (t) => {
  const cluster = new Cluster({ nodes: 6, seed: 5 });
  for (const index of [0, 2]) cluster.join(index, OTHER_NETWORK);
  cluster.world.run(GOSSIP_MS);
  cluster.put(2, nameOf('k', OTHER_NETWORK), '1');
  cluster.world.run(GOSSIP_MS);
  t.deepEqual(cluster.views([0], OTHER_NETWORK), ['2/k=1']);
  cluster.leave(2, OTHER_NETWORK);
  cluster.world.run(GOSSIP_MS);
  cluster.join(3, OTHER_NETWORK);
  cluster.world.run(SYNC_MS);
  t.deepEqual(cluster.views([0, 3], OTHER_NETWORK), times(2, ''));
});

test('a node that leaves a network while cut off leaves nothing behind', (t) => {
  const cluster = new Cluster({ nodes: 6, seed: 4 });
  cluster.put(5, 'k', '1');
  cluster.world.run(GOSSIP_MS);
  cluster.world.sides.set(5, 1);
  cluster.world.run(DETECTION_MS);
  cluster.leave(5, NETWORK);
  cluster.world.run(DETECTION_MS);
  cluster.world.sides.clear();
  cluster.world.run(SYNC_MS);
  t.is(cluster.world.gossip(0).member(cluster.world.node(5).id)?.state, 'alive');
  t.deepEqual(cluster.views(range(0, 6)), times(6, ''));
});

test('a newcomer sees everything when it has joined', (t) => {
  const cluster = new Cluster({ nodes: 6, seed: 5 });
  cluster.world.crash(5);
  cluster.world.run(DETECTION_MS);
  for (const index of range(0, 5))
    for (const key of range(0, 200)) cluster.put(index, `k${key}`, 'v'.repeat(100));
  cluster.world.run(SYNC_MS);
  cluster.start(5);
  cluster.world.run(5000);
  t.is(cluster.seen(5).length, 1000);
  t.true([...cluster.world.nodes.keys()].every((index) => cluster.seen(index).length === 1000));
});
