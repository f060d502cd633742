import test from 'ava';
import { SeededRng } from '../../../src/base/index.ts';
import { PathProber, type PathPeer } from '../../../src/dataplane/index.ts';
import type { NodeId } from '../../../src/model/index.ts';
import { carry, type Way } from './network.ts';

const id = (number: number): NodeId => `node${number}` as NodeId;
const peers = (count: number): PathPeer[] =>
  Array.from({ length: count }, (_, at) => ({ nodeId: id(at + 1), isUp: true }));
const START = { nowMs: 0, wallMs: 0 };

function proberOf(all: readonly PathPeer[]): PathProber {
  const prober = new PathProber(new SeededRng(7));
  prober.setPeers(all, 4789, START);
  return prober;
}

test('newcomers are looked at soon, and then every few minutes', (t) => {
  const prober = proberOf(peers(2));
  t.is(prober.wakeMs, 3000);
  t.deepEqual(prober.report(), { problems: [], probed: 0, reachable: 0, clockOffsetMs: 0 });
  carry(prober, { fromMs: 0, toMs: 10_000 }, () => ({}));
  const report = prober.report();
  t.like(report, { pathMtu: 1500, probed: 2, reachable: 2 });
  const soon = carry(prober, { fromMs: 10_000, toMs: 100_000 }, () => ({}));
  t.is(soon.length, 0);
  t.true(carry(prober, { fromMs: 100_000, toMs: 200_000 }, () => ({})).length > 0);
});

test('what is sent in a round does not grow with the cluster', (t) => {
  const prober = proberOf(peers(1000));
  const asked = new Set(carry(prober, { fromMs: 0, toMs: 60_000 }, () => ({})).map(({ to }) => to));
  t.is(asked.size, 8);
  const rounds = carry(prober, { fromMs: 60_000, toMs: 600_000 }, () => ({}));
  const later = new Set(rounds.map(({ to }) => to));
  t.true(later.size >= 24 && later.size <= 80, `${later.size} peers in nine minutes`);
});

test('a fault counts when two trials in a row find it, and ends with one that does not', (t) => {
  const prober = proberOf(peers(2));
  let way: Way = { isCut: true };
  const wayTo = (nodeId: NodeId): Way => (nodeId === id(1) ? way : {});
  carry(prober, { fromMs: 0, toMs: 8000 }, wayTo);
  t.deepEqual(prober.report().problems, []);
  carry(prober, { fromMs: 8000, toMs: 20_000 }, wayTo);
  const [problem] = prober.report().problems;
  t.like(problem, { nodeId: id(1), fault: 'unreachable' });
  t.like(prober.report(), { probed: 2, reachable: 1 });
  // Its probes come in: the cut is one way, and needs no second trial to be one.
  prober.heard(id(1));
  carry(prober, { fromMs: 20_000, toMs: 200_000 }, wayTo);
  t.is(prober.report().problems[0]?.fault, 'one-way');
  way = {};
  carry(prober, { fromMs: 200_000, toMs: 400_000 }, wayTo);
  t.deepEqual(prober.report().problems, []);
});

test('a passing fault is none', (t) => {
  const prober = proberOf(peers(1));
  carry(prober, { fromMs: 0, toMs: 8000 }, () => ({ isCut: true }));
  carry(prober, { fromMs: 8000, toMs: 300_000 }, () => ({}));
  t.deepEqual(prober.report().problems, []);
});

test('the narrowest path counts; a change of it needs a second trial', (t) => {
  const prober = proberOf(peers(3));
  const mtus = new Map([
    [id(1), 1500],
    [id(2), 1400],
    [id(3), 9000],
  ]);
  const wayTo = (nodeId: NodeId): Way => ({ mtu: mtus.get(nodeId) ?? 1500 });
  carry(prober, { fromMs: 0, toMs: 30_000 }, wayTo);
  t.is(prober.report().pathMtu, 1400);
  mtus.set(id(1), 1380);
  const until = (toMs: number, fromMs: number): void => void carry(prober, { fromMs, toMs }, wayTo);
  until(400_000, 30_000);
  t.is(prober.report().pathMtu, 1380);
  prober.setPeers([{ nodeId: id(3), isUp: true }], 4789, { nowMs: 400_000, wallMs: 0 });
  t.is(prober.report().pathMtu, 9000);
});

test('peers that are down are left alone, and looked at soon when they come back', (t) => {
  const prober = proberOf([{ nodeId: id(1), isUp: false }]);
  t.is(prober.wakeMs, undefined);
  t.is(carry(prober, { fromMs: 0, toMs: 300_000 }, () => ({})).length, 0);
  prober.setPeers(peers(1), 4789, { nowMs: 300_000, wallMs: 0 });
  t.is(prober.wakeMs, 303_000);
});

test('echoes that nobody waits for are passed over', (t) => {
  const prober = proberOf(peers(1));
  const echo = { id: 1, isIntact: true, peerWallMs: 0 };
  prober.answered(id(1), echo, START);
  prober.answered(id(9), echo, START);
  prober.heard(id(9));
  t.deepEqual(prober.drain(), []);
});
