/**
 * One life of a small cluster with everything that happens to clusters, on a network that loses,
 * delays and repeats; throws at the first thing that must not be.
 */
import { assert } from '../../../src/base/index.ts';
import { encodeFrame } from '../support/frames.ts';
import { suspect } from '../support/test-node.ts';
import { disagreements, falseDeaths, sightingsOf } from '../sim/figures.ts';
import { World } from '../sim/world.ts';

const NODES = 12;
/** The last one: others are paused, cut off and accused meanwhile. */
const VICTIM = NODES - 1;
const LEAVER = NODES - 2;

export function trial(seed: number): void {
  const world = new World({
    nodes: NODES,
    seed,
    loss: 50,
    straggling: 30,
    // Small frames, so that a push/pull takes many.
    limits: { frameBytesMax: 400 },
  });
  world.startAcquainted();
  quiet(world);
  for (let turn = 0; turn < 2; turn += 1) {
    crashOf(world, VICTIM);
    returnOf(world, VICTIM);
  }
  pauses(world);
  babbler(world);
  partition(world);
  leaving(world);
  silence(world);
}

/** What is new is told to all, and then no more. */
function quiet(world: World): void {
  world.command(0, (gossip, nowMs) => gossip.setMeta(new Uint8Array([1]), nowMs));
  world.run(10_000);
  noFalseDeath(world);
  noNews(world);
}

/** Known to all, not too soon, and for good. */
function crashOf(world: World, index: number): void {
  world.sightings.length = 0;
  // Late copies of this come after the death.
  world.command(index, (gossip, nowMs) => gossip.setMeta(new Uint8Array([1]), nowMs));
  world.run(300);
  const crashedMs = world.nowMs;
  world.crash(index);
  world.run(12_000);
  const seen = sightingsOf(world, index, 'member.failed');
  for (const { index: observer, gossip } of world.nodes) {
    if (gossip === undefined) continue;
    const atMs = seen.get(observer);
    assert(atMs !== undefined, `${observer} knows of the crash`);
    assert(atMs - crashedMs >= 600, `the crashed had time to refute`, { observer });
  }
  assert(sightingsOf(world, index, 'member.alive').size === 0, 'the dead do not rise');
  agree(world, 'after a crash');
}

function returnOf(world: World, index: number): void {
  world.start(index);
  const seed = world.node(0).address;
  world.command(index, (gossip, nowMs) => gossip.join([seed], nowMs));
  world.sightings.length = 0;
  for (let waitedMs = 0; waitedMs < 5000; waitedMs += 1) {
    world.run(1);
    const hasJoined = world.sightings.some(
      ({ event, observer }) => observer === index && event.kind === 'self.joined',
    );
    if (!hasJoined) continue;
    assert(world.gossip(index).liveCount === NODES, 'who joined knows what its seed knows');
    break;
  }
  world.run(8000);
  assert(!world.gossip(index).isJoining, 'who returns finds its seed');
  noFalseDeath(world);
  agree(world, 'after a return');
}

/** Short ones are survived, long ones harm nobody else. */
function pauses(world: World): void {
  for (const index of [4, 5, 6, 7]) {
    world.pause(index, 700);
    world.run(500);
    // It has heard that the other is suspected, and not what comes of it.
    world.pause(3, 3000);
    world.run(8000);
    const victims = falseDeaths(world).filter((death) => !death.startsWith('3 by'));
    assert(victims.length === 0, 'who pauses for less than a second lives', { victims });
    world.sightings.length = 0;
    world.run(5000);
  }
  agree(world, 'after pauses');
}

/** One that hears nobody but a single accuser, again and again, is not sure for long. */
function babbler(world: World): void {
  world.sides.set(5, 1);
  const { id } = world.node(4);
  const { incarnation } = world.gossip(4);
  const accusation = { ...suspect('n4', incarnation, world.node(3).id), id };
  for (let time = 0; time < 4; time += 1) {
    const bytes = encodeFrame([accusation]);
    const from = world.node(3).address;
    world.command(5, (gossip, nowMs) => gossip.step({ kind: 'packet', from, bytes }, nowMs));
    world.run(300);
  }
  assert(world.gossip(5).member(id)?.state === 'suspect', 'one accuser is not enough');
  world.sides.clear();
  world.run(60_000);
  agree(world, 'after one was cut off');
  world.sightings.length = 0;
}

function partition(world: World): void {
  for (let index = 0; index < 5; index += 1) world.sides.set(index, 1);
  world.run(60_000);
  assert(world.gossip(0).liveCount === 5, 'this side knows that the other is gone');
  assert(world.gossip(11).liveCount === 7, 'the other side knows that this one is gone');
  world.sides.clear();
  world.run(75_000);
  agree(world, 'after a partition');
  world.sightings.length = 0;
}

function leaving(world: World): void {
  world.command(LEAVER, (gossip, nowMs) => gossip.leave(nowMs));
  world.run(10_000);
  const { id } = world.node(LEAVER);
  const states = world.nodes.flatMap(({ gossip }) =>
    gossip?.life === 'present' ? [gossip.member(id)?.state] : [],
  );
  assert(
    states.every((state) => state === 'left'),
    'everyone knows who left',
    { states },
  );
  const failed = sightingsOf(world, LEAVER, 'member.failed');
  assert(failed.size === 0, 'who left is not taken for dead', { failed: [...failed] });
}

/** In the end nothing is left to be told. */
function silence(world: World): void {
  world.run(20_000);
  noNews(world);
  agree(world, 'in the end');
}

function noNews(world: World): void {
  // Loss makes for a suspicion now and then, which is news.
  const busy = world.nodes.filter(({ gossip }) => (gossip?.broadcastCount ?? 0) > 0);
  assert(busy.length < NODES / 2, 'all news have been told', { busy: busy.length });
}

function noFalseDeath(world: World): void {
  const deaths = falseDeaths(world);
  assert(deaths.length === 0, 'who runs is not declared dead', { deaths });
}

/** Suspicions come and go at 5 % loss: what must not be is one that stays. */
function agree(world: World, when: string): void {
  let wrong: readonly string[] = [];
  for (let time = 0; time < 5; time += 1) {
    wrong = disagreements(world);
    if (wrong.length === 0) return;
    world.run(1000);
  }
  assert(false, `all agree ${when}`, { wrong: wrong.slice(0, 5) });
}
