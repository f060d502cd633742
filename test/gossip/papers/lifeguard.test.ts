/** Dadgar, Phillips and Currey, "Lifeguard", 2017: local health, suspicions, the buddy system. */
import test from 'ava';
import { DEFAULT_TIMING } from '../../../src/gossip/index.ts';
import { TestNode, addressOf, alive, dead, hash, ofKind, suspect } from '../support/test-node.ts';

const { probeIntervalMs, probeTimeoutMs } = DEFAULT_TIMING;

/** Fails the next probe; `nacks` of those asked say that they are well. */
function failProbe(peer: TestNode, nacks: number): string {
  const { target, ping } = peer.nextProbe();
  const asked = ofKind(peer.pass(probeTimeoutMs * (peer.gossip.awareness + 1)), 'ping.request');
  for (const { to } of asked.slice(0, nacks))
    peer.hear(to, { kind: 'nack', sequence: ping.sequence });
  const { atMs } = peer.gossip.nextDeadline();
  peer.pass(Math.max(0, atMs - peer.nowMs));
  while (peer.stateOf(target) === 'alive') peer.pass(10);
  return target;
}

test('IV.A: who is asked in vain says that it is well, before the asker gives up', (t) => {
  const peer = new TestNode(4);
  const sequence = 77 as never;
  const request = { kind: 'ping.request', sequence, target: hash('n3') } as const;
  peer.hear('n2', { ...request, address: addressOf('n3') });
  const nacks = ofKind(peer.pass(probeIntervalMs - probeTimeoutMs), 'nack');
  t.deepEqual(nacks, [{ to: 'n2', message: { kind: 'nack', sequence } }]);
});

test('IV.A: an ack that comes after the nack is still passed on', (t) => {
  const peer = new TestNode(4);
  const sequence = 77 as never;
  const request = { kind: 'ping.request', sequence, target: hash('n3') } as const;
  const [ping] = ofKind(peer.hear('n2', { ...request, address: addressOf('n3') }), 'ping');
  peer.pass(2 * probeTimeoutMs);
  const late = peer.hear('n3', { kind: 'ack', sequence: ping?.message.sequence ?? sequence });
  t.deepEqual(ofKind(late, 'ack'), [{ to: 'n2', message: { kind: 'ack', sequence } }]);
});

test('IV.A: a probe that fails although all others are well says nothing of this node', (t) => {
  const peer = new TestNode(6);
  failProbe(peer, 3);
  t.is(peer.gossip.awareness, 0);
});

test('IV.A: each nack that is missing makes this node doubt itself', (t) => {
  for (const nacks of [0, 1, 2]) {
    const peer = new TestNode(6);
    failProbe(peer, nacks);
    t.is(peer.gossip.awareness, 3 - nacks);
  }
});

test('IV.A: a nack is no ack', (t) => {
  const peer = new TestNode(6);
  const target = failProbe(peer, 3);
  t.is(peer.stateOf(target), 'suspect');
});

test('IV.A: with nobody to ask, the failed probe itself counts', (t) => {
  const peer = new TestNode(1);
  failProbe(peer, 0);
  t.is(peer.gossip.awareness, 1);
});

for (const score of [0, 1, 3, 7]) {
  test(`IV.A: at a doubt of ${score} timeout and interval are ${score + 1} times as long`, (t) => {
    const peer = new TestNode(6);
    peer.core.awareness.apply(score);
    const { target, ping } = peer.nextProbe();
    const startMs = peer.nowMs;
    const early = peer.pass((score + 1) * probeTimeoutMs - 1);
    t.deepEqual(ofKind(early, 'ping.request'), []);
    t.is(ofKind(peer.pass(1), 'ping.request').length, 3);
    peer.hear(target, { kind: 'ack', sequence: ping.sequence });
    peer.nextProbe();
    t.is(peer.nowMs - startMs, (score + 1) * probeIntervalMs);
  });
}

test('IV.A: each probe that is answered takes some of the doubt away', (t) => {
  const peer = new TestNode(6);
  peer.core.awareness.apply(2);
  const doubts = [0, 0, 0].map(() => {
    const { target, ping } = peer.nextProbe();
    peer.hear(target, { kind: 'ack', sequence: ping.sequence });
    return peer.gossip.awareness;
  });
  t.deepEqual(doubts, [1, 0, 0]);
});

test('IV.A: the doubt has an end', (t) => {
  const peer = new TestNode(6);
  for (let failure = 0; failure < 5; failure += 1) failProbe(peer, 0);
  t.is(peer.gossip.awareness, 7);
});

test('IV.A: having to refute is a sign of being slow', (t) => {
  const peer = new TestNode(6);
  peer.hear('n2', suspect('n1', 0, 'n2'));
  t.is(peer.gossip.awareness, 1);
});

/** When n4, accused by `accusers` at time 0, is declared dead. */
function timeToDeath(accusers: readonly string[], peers = 9): number {
  const peer = new TestNode(peers);
  for (const accuser of accusers) peer.hear(accuser, suspect('n4', 0, accuser));
  const bound = 60_000;
  while (peer.stateOf('n4') === 'suspect' && peer.nowMs < bound) {
    peer.passAnswered(1, 'n4');
    // Its own probes of n4 would make it an accuser too.
    if (peer.core.probe.kind !== 'idle' && peer.core.probe.target.id === 'n4')
      peer.core.probe = { kind: 'idle', nextAtMs: peer.core.probe.nextAtMs };
  }
  return peer.nowMs;
}

/** 10 members: two rounds of gossip each way. */
const MIN_MS = DEFAULT_TIMING.suspicionBaseMs + 2 * 2 * DEFAULT_TIMING.gossipIntervalMs;

const CONFIRMED = [
  { accusers: ['n2'], expectedMs: 6 * MIN_MS },
  {
    accusers: ['n2', 'n3'],
    expectedMs: Math.floor(6 * MIN_MS - (5 * MIN_MS * Math.log(2)) / Math.log(3)),
  },
  { accusers: ['n2', 'n3', 'n5'], expectedMs: MIN_MS },
  { accusers: ['n2', 'n3', 'n5', 'n6', 'n7'], expectedMs: MIN_MS },
  { accusers: ['n2', 'n2', 'n2'], expectedMs: 6 * MIN_MS },
];

for (const { accusers, expectedMs } of CONFIRMED) {
  test(`IV.B: accused by ${accusers.join(', ')} a suspect has ${expectedMs} ms`, (t) => {
    t.is(timeToDeath(accusers), expectedMs);
  });
}

test('IV.B: where nobody else could confirm, a suspicion is short at once', (t) => {
  const peer = new TestNode(1);
  peer.hear('n2', alive('n2', 0));
  const { target } = peer.nextProbe();
  const startMs = peer.nowMs;
  while (peer.stateOf(target) !== 'dead') peer.pass(1);
  const gossipMs = 2 * DEFAULT_TIMING.gossipIntervalMs;
  t.is(peer.nowMs - startMs, 3 * probeTimeoutMs + DEFAULT_TIMING.suspicionBaseMs + gossipMs);
});

test('IV.B: each new accuser is told to everyone, one that is known already is not', (t) => {
  const peer = new TestNode(9);
  peer.hear('n2', suspect('n4', 0, 'n2'));
  peer.pass(90);
  const told = (): number => ofKind(peer.passAnswered(2000, 'n4'), 'suspect').length;
  peer.core.broadcasts.clear();
  peer.hear('n2', suspect('n4', 0, 'n2'));
  t.is(peer.gossip.broadcastCount, 0);
  peer.hear('n3', suspect('n4', 0, 'n3', 'n2'));
  t.is(peer.gossip.broadcastCount, 1);
  t.true(told() > 0);
});

test('a node that pinged the suspect in vain for another is an accuser of its own', (t) => {
  const peer = new TestNode(9);
  const request = { kind: 'ping.request', sequence: 1 as never, target: hash('n4') } as const;
  peer.hear('n2', { ...request, address: addressOf('n4') });
  peer.pass(2 * probeTimeoutMs);
  peer.hear('n2', suspect('n4', 0, 'n2'));
  const told = ofKind(peer.pass(100), 'suspect');
  t.deepEqual(told[0]?.message, suspect('n4', 0, 'n2', 'n1'));
});

test('a node that pings a suspect in vain for another becomes an accuser then', (t) => {
  const peer = new TestNode(9);
  peer.hear('n2', suspect('n4', 0, 'n2'));
  const request = { kind: 'ping.request', sequence: 1 as never, target: hash('n4') } as const;
  peer.hear('n2', { ...request, address: addressOf('n4') });
  peer.core.broadcasts.clear();
  peer.pass(2 * probeTimeoutMs);
  const told = ofKind(peer.pass(100), 'suspect');
  t.deepEqual(told[0]?.message, suspect('n4', 0, 'n2', 'n1'));
});

test('IV.C: a ping to a suspect tells it so before it asks', (t) => {
  const peer = new TestNode(3);
  peer.hear('n3', suspect('n2', 0, 'n3'));
  peer.core.broadcasts.clear();
  for (let turn = 0; turn < 6; turn += 1) {
    const { target, ping, packet } = peer.nextProbe();
    peer.hear(target, { kind: 'ack', sequence: ping.sequence });
    if (target !== 'n2') continue;
    t.deepEqual(packet.messages, [suspect('n2', 0, 'n3'), ping]);
    return;
  }
  t.fail('n2 was not probed');
});

test('the accused is told at once by who begins to suspect it', (t) => {
  const peer = new TestNode(5);
  const target = failProbe(peer, 3);
  const told = peer.core.suspects.size;
  t.is(told, 1);
  const packets = ofKind(peer.pass(0), 'suspect');
  t.deepEqual(packets, [], 'nothing is left for later');
  t.is(peer.stateOf(target), 'suspect');
});

test('before a suspect is declared dead it is asked once more, and others are', (t) => {
  const peer = new TestNode(9);
  peer.hear('n2', suspect('n4', 0, 'n2', 'n3', 'n5'));
  peer.core.broadcasts.clear();
  const asked = peer
    .passAnswered(MIN_MS, 'n4')
    .filter(({ messages }) => messages[0]?.kind === 'suspect' && messages[1]?.kind === 'ping');
  t.true(asked.some(({ to }) => to === 'n4'));
  t.is(new Set(asked.filter(({ to }) => to !== 'n4').map(({ to }) => to)).size, 3);
  t.is(peer.stateOf('n4'), 'dead');
});

test('a suspect has time for that last answer also when its confirmations come late', (t) => {
  const peer = new TestNode(9, { timing: { probeIntervalMs: 3600_000 } });
  peer.hear('n2', suspect('n4', 0, 'n2'));
  peer.pass(MIN_MS + 500);
  peer.hear('n2', suspect('n4', 0, 'n2', 'n3', 'n5'));
  peer.pass(probeTimeoutMs - 1);
  t.is(peer.stateOf('n4'), 'suspect');
  peer.pass(1);
  t.is(peer.stateOf('n4'), 'dead');
});

test('whoever hears an accusation that is refuted says so with its ack', (t) => {
  const peer = new TestNode(9);
  peer.hear('n2', alive('n4', 3));
  peer.core.broadcasts.clear();
  const sequence = 5 as never;
  const ping = { kind: 'ping', sequence, target: hash('n1'), source: hash('n2') } as const;
  const [answer] = peer.hear('n2', suspect('n4', 2, 'n2'), ping);
  t.deepEqual(answer?.messages, [{ kind: 'ack', sequence }, alive('n4', 3)]);
  const [next] = peer.hear('n2', ping);
  t.deepEqual(next?.messages, [{ kind: 'ack', sequence }]);
});

test('who pings although it is thought dead hears so in the ack', (t) => {
  const peer = new TestNode(5);
  peer.hear('n2', dead('n4', 0));
  peer.core.broadcasts.clear();
  const ping = { kind: 'ping', sequence: 5 as never, target: hash('n1'), source: hash('n4') };
  const [answer] = peer.hear('n4', ping as never);
  t.deepEqual(
    answer?.messages.map(({ kind }) => kind),
    ['ack', 'dead'],
  );
});

test('a node that was not running gives others the time that it was away', (t) => {
  const peer = new TestNode(9);
  peer.hear('n2', suspect('n4', 0, 'n2', 'n3', 'n5'));
  peer.pass(MIN_MS - 200);
  t.is(peer.stateOf('n4'), 'suspect');
  peer.nowMs += 5000;
  peer.gossip.tick(peer.nowMs);
  t.is(peer.stateOf('n4'), 'suspect');
  t.is(peer.gossip.counters.stalls, 1);
  t.true(peer.gossip.awareness > 0);
  peer.pass(1000);
  t.is(peer.stateOf('n4'), 'dead');
});

test('a probe that was under way while this node was not running is not lost by that', (t) => {
  const peer = new TestNode(5);
  const { target, ping } = peer.nextProbe();
  peer.nowMs += 3000;
  peer.gossip.tick(peer.nowMs);
  t.is(peer.stateOf(target), 'alive');
  peer.hear(target, { kind: 'ack', sequence: ping.sequence });
  t.is(peer.core.probe.kind, 'idle');
});
