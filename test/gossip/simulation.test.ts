/**
 * What the defaults were chosen by, on a virtual clock. The seeds are printed; a longer run, of an
 * hour with 1,000 members, is `HAWSER_GOSSIP_SOAK=1`.
 */
import test, { type ExecutionContext } from 'ava';
import {
  bytesPerNodeSecond,
  disagreements,
  falseDeaths,
  quantile,
  sightingsOf,
} from './sim/figures.ts';
import { memberlistIdle } from './sim/memberlist.ts';
import { World, type WorldOptions } from './sim/world.ts';

const SEED = Number(process.env['HAWSER_GOSSIP_SEED'] ?? 1);
const IS_SOAK = process.env['HAWSER_GOSSIP_SOAK'] === '1';

/** Crashes, each a while after the one before; for each how long every other node took to know. */
function crashLatencies(world: World, crashes: number, betweenMs: number): number[][] {
  const crashedAt: number[] = [];
  for (let crash = 0; crash < crashes; crash += 1) {
    crashedAt.push(world.nowMs);
    world.crash(crash);
    world.run(betweenMs);
  }
  world.run(6000);
  return crashedAt.map((atMs, index) => {
    const seen = sightingsOf(world, index, 'member.failed');
    return world.nodes
      .filter(({ gossip }) => gossip !== undefined)
      .map((observer) => (seen.get(observer.index) ?? Infinity) - atMs);
  });
}

test('1,000 members: a crash is known everywhere within 5 s (p99)', (t) => {
  const world = new World({ nodes: 1000, seed: SEED });
  world.startAcquainted();
  idle(t, world, 3);
  const latencies = crashLatencies(world, IS_SOAK ? 100 : 8, IS_SOAK ? 1000 : 400);
  const everywhere = latencies.map((times) => Math.max(...times));
  t.log(
    `seed ${SEED}: ${latencies.length} crashes, ms until a member knows:`,
    spread(latencies.flat()),
  );
  t.log('ms until the last member knows:', spread(everywhere));
  t.true(quantile(latencies.flat(), 0.99) <= 5000);
  t.deepEqual(falseDeaths(world), []);
});

for (const nodes of [3, 5]) {
  test(`${nodes} members: a crash is known everywhere within 3 s (p99)`, (t) => {
    const runs = IS_SOAK ? 2000 : 100;
    const everywhere = Array.from({ length: runs }, (_, run) => {
      const world = new World({ nodes, seed: SEED + run });
      world.startAcquainted();
      world.run(3000 + 7 * run);
      return Math.max(...(crashLatencies(world, 1, 0)[0] ?? []));
    });
    t.log(
      `seeds from ${SEED}: ${runs} crashes, ms until the last member knows:`,
      spread(everywhere),
    );
    t.true(quantile(everywhere, 0.99) <= 3000);
  });
}

test('a member that its host doubts is known dead within 2 s', (t) => {
  const everywhere = Array.from({ length: 50 }, (_, run) => {
    const world = new World({ nodes: 10, seed: SEED + run });
    world.startAcquainted();
    world.run(3000);
    world.crash(0);
    const { id } = world.node(0);
    world.command(1, (gossip, nowMs) => gossip.doubt(id, nowMs));
    const startMs = world.nowMs;
    world.run(10_000);
    const seen = sightingsOf(world, 0, 'member.failed');
    return seen.size < 9 ? Infinity : Math.max(...seen.values()) - startMs;
  });
  t.log(`seeds from ${SEED}: ms until the last member knows:`, spread(everywhere));
  t.true(quantile(everywhere, 0.99) <= 2000);
});

test('members that do not fail are not declared dead, at 5 % loss and with 1 % of them slow', (t) => {
  const weather = { seed: SEED, loss: 50 };
  hold(t, { ...weather, nodes: 200, slow: 2 }, IS_SOAK ? 3600 : 300);
  // The time that such a run takes goes with the pauses, since news of each go to everyone.
  if (IS_SOAK) hold(t, { ...weather, nodes: 1000, slow: 10, pauseEveryMs: [5000, 25_000] }, 3600);
});

test('a fifth of a small cluster may be slow', (t) => {
  hold(t, { nodes: 10, seed: SEED, loss: 50, slow: 2 }, IS_SOAK ? 36_000 : 900);
});

test('a network that takes a tenth of a second does no harm', (t) => {
  hold(t, { nodes: 30, seed: SEED, loss: 50, delayMs: [20, 80] }, IS_SOAK ? 3600 : 120);
});

function hold(t: ExecutionContext, options: WorldOptions, seconds: number): void {
  const world = new World(options);
  world.startAcquainted();
  const counts = { suspicions: 0, refutations: 0 };
  for (let second = 0; second < seconds; second += 10) {
    world.run(10_000);
    t.deepEqual(falseDeaths(world), [], `seed ${options.seed}, before second ${second + 10}`);
    for (const { event } of world.sightings) {
      if (event.kind === 'member.suspect') counts.suspicions += 1;
      if (event.kind === 'self.refuted') counts.refutations += 1;
    }
    world.sightings.length = 0;
  }
  t.log(`seed ${options.seed}, ${seconds} s:`, counts, `${rounded(world, seconds)} bytes/node/s`);
}

test('idle members send no more than memberlist would', (t) => {
  for (const nodes of IS_SOAK ? [5, 100, 1000] : [5, 100]) {
    const world = new World({ nodes, seed: SEED });
    world.startAcquainted();
    idle(t, world, nodes === 5 || IS_SOAK ? 600 : 180);
  }
});

function idle(t: ExecutionContext, world: World, seconds: number): void {
  const nodes = world.nodes.length;
  world.run(seconds * 1000);
  const own = rounded(world, seconds);
  const { probes, pushPull } = memberlistIdle(nodes);
  const theirs = `memberlist ${Math.round(probes)} + ${Math.round(pushPull)} (push/pull)`;
  t.log(`${nodes} members, bytes/node/s: ${own}; ${theirs}`);
  t.true(own <= probes + pushPull);
}

test('nodes that join at once know each other soon', (t) => {
  const world = new World({ nodes: 40, seed: SEED });
  for (const { index } of world.nodes) world.start(index);
  const seeds = [world.node(0).address, world.node(1).address];
  for (const { index } of world.nodes)
    world.command(index, (gossip, nowMs) => gossip.join(seeds, nowMs));
  world.run(10_000);
  t.deepEqual(disagreements(world), []);
  t.true(world.nodes.every(({ gossip }) => gossip?.isJoining === false));
});

test('two halves that lost each other for long come together by themselves', (t) => {
  const world = new World({ nodes: 20, seed: SEED });
  world.startAcquainted();
  for (let index = 0; index < 8; index += 1) world.sides.set(index, 1);
  world.run(120_000);
  t.is(world.gossip(0).liveCount, 8);
  t.is(world.gossip(19).liveCount, 12);
  world.sides.clear();
  world.run(60_000);
  t.deepEqual(disagreements(world), []);
});

test('a node that comes back without memory is known again, with the networks that it has now', (t) => {
  const world = new World({ nodes: 12, seed: SEED });
  world.startAcquainted();
  world.command(3, (gossip, nowMs) => gossip.joinNetwork('net-a' as never, nowMs));
  world.run(2000);
  world.crash(3);
  world.run(10_000);
  t.is(world.gossip(0).member(world.node(3).id)?.state, 'dead');
  world.start(3);
  world.command(3, (gossip, nowMs) => gossip.join([world.node(7).address], nowMs));
  world.command(3, (gossip, nowMs) => gossip.joinNetwork('net-b' as never, nowMs));
  world.run(5000);
  t.deepEqual(disagreements(world), []);
  t.deepEqual(world.gossip(0).member(world.node(3).id)?.networks, ['net-b'] as never);
});

test('whoever leaves is known to have left, and nobody takes it for dead', (t) => {
  const world = new World({ nodes: 30, seed: SEED, loss: 50 });
  world.startAcquainted();
  for (const index of [3, 4, 5]) world.command(index, (gossip, nowMs) => gossip.leave(nowMs));
  world.run(5000);
  for (const index of [3, 4, 5]) {
    t.is(world.gossip(index).life, 'left');
    const seen = sightingsOf(world, index, 'member.left');
    const remaining = world.nodes.filter(({ gossip }) => gossip?.life === 'present');
    t.is(remaining.length, 27);
    t.true(remaining.every((node) => seen.has(node.index)));
  }
  t.deepEqual(
    world.sightings.filter(({ event }) => event.kind === 'member.failed'),
    [],
  );
});

function rounded(world: World, seconds: number): number {
  return Math.round(bytesPerNodeSecond(world, seconds));
}

function spread(values: readonly number[]): object {
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => quantile(values, share));
  return { p50, p90, p99, max: Math.max(...values) };
}
