import test, { type ExecutionContext } from 'ava';
import { SILENT_LOGGER } from '../../../../src/base/index.ts';
import { KEYS_MAX } from '../../../../src/gossip/index.ts';
import type { GossipKeys, NodeId } from '../../../../src/model/index.ts';
import type { Command, Store } from '../../../../src/store/index.ts';
import { KEY_LIFE_MS, KeyRotator } from '../../../../src/cluster/gossip/keys/key-rotator.ts';
import { applyAll, clusterStore } from '../../../store/cluster-fixture.ts';
import { until } from '../../fixture.ts';

interface World {
  readonly store: Store;
  readonly rotator: KeyRotator;
  wallMs: number;
  isRefusing: boolean;
  readonly proposed: Command[];
}

const id = (number: number): NodeId => `n${number}` as NodeId;

function keysIn({ store }: World): GossipKeys {
  if (store.cluster?.gossipKeys === undefined) throw new Error('there are no keys yet');
  return store.cluster.gossipKeys;
}

function rotatorOver(store: Store, t: ExecutionContext): World {
  const world: { wallMs: number; isRefusing: boolean; proposed: Command[] } = {
    wallMs: 1_000_000,
    isRefusing: false,
    proposed: [],
  };
  const rotator = new KeyRotator({
    store: () => store,
    propose: async (command) => {
      world.proposed.push(command);
      if (world.isRefusing) throw new Error('no leader');
      return store.apply(command);
    },
    clock: { wallMs: () => world.wallMs, monotonicMs: () => world.wallMs },
    logger: SILENT_LOGGER,
  });
  store.watch(() => rotator.wake());
  t.teardown(() => rotator.stop());
  return Object.assign(world, { store, rotator });
}

/** Two nodes that are up, and a settled first key. */
async function settled(t: ExecutionContext): Promise<World> {
  const store = clusterStore(2);
  const world = rotatorOver(store, t);
  world.rotator.start();
  await until('a key', () => store.cluster?.gossipKeys !== undefined);
  return world;
}

async function aged(t: ExecutionContext): Promise<World> {
  const world = await settled(t);
  world.wallMs += KEY_LIFE_MS;
  world.rotator.wake();
  await until('another key', () => keysIn(world).generation === 2);
  return world;
}

function follow({ rotator }: World, generation: number, ...numbers: readonly number[]): void {
  for (const number of numbers) rotator.followed(id(number), generation);
}

/** Lets the rotator look once more: it does after a turn of the event loop. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('the first leader makes the first key, of 32 random bytes', async (t) => {
  const [one, two] = [await settled(t), await settled(t)];
  t.like(keysIn(one), { generation: 1, stage: 'settled', primary: 1, sinceMs: 1_000_000 });
  const [secret] = keysIn(one).keys.map((key) => key.secret);
  t.is(Buffer.from(secret ?? '', 'base64').length, 32);
  t.notDeepEqual(keysIn(one).keys, keysIn(two).keys);
});

test('a key that is young enough is kept', async (t) => {
  const world = await settled(t);
  world.wallMs += KEY_LIFE_MS - 1;
  world.rotator.wake();
  await turns();
  t.is(keysIn(world).generation, 1);
});

test('a new key is installed, used, and settled, each once every node follows', async (t) => {
  const world = await aged(t);
  const [old] = keysIn(world).keys;
  t.like(keysIn(world), { stage: 'installing', primary: 1 });
  t.is(keysIn(world).keys.length, 2);
  follow(world, 2, 1);
  await turns();
  t.is(keysIn(world).stage, 'installing', 'one node is waited for');
  follow(world, 2, 2);
  await until('use', () => keysIn(world).stage === 'using');
  t.like(keysIn(world), { generation: 3, primary: 2 });
  follow(world, 3, 1, 2);
  await until('rest', () => keysIn(world).stage === 'settled');
  t.like(keysIn(world), { generation: 4, primary: 2 });
  t.deepEqual(keysIn(world).keys[0], old, 'the key before the last one is kept');
});

test('a ring never holds more keys than it has room for, and each differs', async (t) => {
  const world = await settled(t);
  const primaries = new Set<string | undefined>();
  for (let rotation = 0; rotation < 4; rotation += 1) {
    world.wallMs += KEY_LIFE_MS;
    world.rotator.wake();
    for (let step = 0; step < 3; step += 1) {
      const { generation } = keysIn(world);
      await until('a step', () => keysIn(world).generation > generation || step > 0);
      t.true(keysIn(world).keys.length <= KEYS_MAX);
      follow(world, keysIn(world).generation, 1, 2);
      await turns();
    }
    await until('rest', () => keysIn(world).stage === 'settled');
    const { keys, primary } = keysIn(world);
    primaries.add(keys.find((key) => key.id === primary)?.secret);
  }
  t.is(primaries.size, 4);
});

test('a node that goes down, or away, is not waited for', async (t) => {
  const world = await aged(t);
  follow(world, 2, 1);
  applyAll(world.store, { type: 'node.state', atMs: 1, id: id(2), state: 'down', message: '' });
  await until('use', () => keysIn(world).stage === 'using');
  applyAll(world.store, { type: 'node.remove', atMs: 1, id: id(2), isForced: true });
  follow(world, 3, 1);
  await until('rest', () => keysIn(world).stage === 'settled');
  t.pass();
});

test('the next leader goes on once it has heard from every node', async (t) => {
  const world = await aged(t);
  follow(world, 2, 1);
  world.rotator.stop();
  const next = rotatorOver(world.store, t);
  next.rotator.start();
  follow(next, 2, 2);
  await turns();
  t.is(keysIn(next).stage, 'installing');
  follow(next, 2, 1);
  await until('use', () => keysIn(next).stage === 'using');
  t.pass();
});

test('a clock that went back by a key’s life does not keep the key for ever', async (t) => {
  const world = await settled(t);
  world.wallMs -= KEY_LIFE_MS;
  world.rotator.wake();
  await until('another key', () => keysIn(world).generation === 2);
  t.pass();
});

test('a step that is not taken changes nothing, and is not repeated at once', async (t) => {
  const world = await settled(t);
  world.isRefusing = true;
  world.wallMs += KEY_LIFE_MS;
  world.rotator.wake();
  await turns();
  t.is(world.proposed.length, 2);
  t.is(keysIn(world).generation, 1);
  world.isRefusing = false;
  world.rotator.wake();
  await until('another key', () => keysIn(world).generation === 2);
});
