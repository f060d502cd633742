/** Das, Gupta and Motivala, "SWIM", DSN 2002: the failure detector and the state rules. */
import test from 'ava';
import { DEFAULT_TIMING } from '../../../src/gossip/index.ts';
import {
  TestNode,
  addressOf,
  alive,
  dead,
  hash,
  left,
  ofKind,
  suspect,
} from '../support/test-node.ts';

const { probeIntervalMs, probeTimeoutMs } = DEFAULT_TIMING;

test('3.1: one member is pinged in each protocol period', (t) => {
  const peer = new TestNode(4);
  const pings = ofKind(peer.passAnswered(20 * probeIntervalMs), 'ping');
  t.is(pings.length, 20);
});

test('3.1: an ack in time ends the probe', (t) => {
  const peer = new TestNode(4);
  const { target, ping } = peer.nextProbe();
  peer.hear(target, { kind: 'ack', sequence: ping.sequence });
  t.deepEqual(ofKind(peer.pass(probeTimeoutMs), 'ping.request'), []);
});

test('3.1: without an ack in time k others are asked to ping, none of them the target', (t) => {
  const peer = new TestNode(6);
  const { target, ping } = peer.nextProbe();
  const asked = ofKind(peer.pass(probeTimeoutMs), 'ping.request');
  t.is(new Set(asked.map(({ to }) => to)).size, 3);
  for (const { to, message } of asked) {
    t.not(to, target);
    t.like(message, { target: hash(target), sequence: ping.sequence, address: addressOf(target) });
  }
});

test('3.1: an ack that comes through another ends the probe', (t) => {
  const peer = new TestNode(6);
  const { target, ping } = peer.nextProbe();
  const [asked] = ofKind(peer.pass(probeTimeoutMs), 'ping.request');
  peer.hear(asked?.to ?? '', { kind: 'ack', sequence: ping.sequence });
  peer.pass(probeIntervalMs);
  t.is(peer.stateOf(target), 'alive');
});

test('3.1: who is asked pings the target, and passes its ack on under the name it was asked by', (t) => {
  const peer = new TestNode(4);
  const sequence = 4711 as never;
  const address = addressOf('n3');
  const request = { kind: 'ping.request', sequence, target: hash('n3'), address } as const;
  const [ping] = ofKind(peer.hear('n2', request), 'ping');
  t.like(ping, { to: 'n3', message: { target: hash('n3') } });
  t.not(ping?.message.sequence, sequence);
  const acks = peer.hear('n3', { kind: 'ack', sequence: ping?.message.sequence ?? sequence });
  t.deepEqual(ofKind(acks, 'ack'), [{ to: 'n2', message: { kind: 'ack', sequence } }]);
});

test('3.1: a ping is answered at once, to where it came from', (t) => {
  const peer = new TestNode(2);
  const sequence = 9 as never;
  const ping = { kind: 'ping', sequence, target: hash('n1'), source: hash('n2') } as const;
  t.deepEqual(ofKind(peer.hear('n2', ping), 'ack'), [
    { to: 'n2', message: { kind: 'ack', sequence } },
  ]);
});

test('3.1: a ping that means another member is not answered', (t) => {
  const peer = new TestNode(2);
  const ping = { kind: 'ping', sequence: 9 as never, target: hash('n3'), source: hash('n2') };
  t.deepEqual(ofKind(peer.hear('n2', ping as never), 'ack'), []);
});

test('3.1: an ack of an earlier probe does not answer this one', (t) => {
  const peer = new TestNode(3);
  const first = peer.nextProbe();
  peer.hear(first.target, { kind: 'ack', sequence: first.ping.sequence });
  const second = peer.nextProbe();
  peer.hear(first.target, { kind: 'ack', sequence: first.ping.sequence });
  t.true(ofKind(peer.pass(probeTimeoutMs), 'ping.request').length > 0);
  t.not(second.ping.sequence, first.ping.sequence);
});

test('4.1: news ride on pings and acks', (t) => {
  const peer = new TestNode(5, { timing: { gossipIntervalMs: 100_000 } });
  peer.hear('n2', alive('n8', 3));
  const { packet } = peer.nextProbe();
  t.true(ofKind([packet], 'alive').some(({ message }) => message.id === 'n8'));
  peer.hear('n2', alive('n9', 3));
  const sequence = 9 as never;
  const ping = { kind: 'ping', sequence, target: hash('n1'), source: hash('n2') } as const;
  const [answer] = peer.hear('n2', ping);
  t.deepEqual(answer?.messages, [{ kind: 'ack', sequence }, alive('n9', 3)]);
});

test('4.1: news are told lambda log n times, and then no more', (t) => {
  const peer = new TestNode(8);
  peer.hear('n2', dead('n9', 0));
  const told = ofKind(peer.passAnswered(10_000), 'dead');
  t.is(told.length, 4 * 1);
});

test('4.2: a member that does not answer is suspected, and everyone is told', (t) => {
  const peer = new TestNode(6);
  const { target } = peer.nextProbe();
  const told = ofKind(peer.passAnswered(2 * probeIntervalMs, target), 'suspect');
  t.is(peer.stateOf(target), 'suspect');
  t.true(new Set(told.map(({ to }) => to)).size >= 3);
  t.deepEqual(told[0]?.message, suspect(target, 0, 'n1'));
});

test('4.2: a suspect that does not refute is declared dead', (t) => {
  const peer = new TestNode(6);
  peer.hear('n2', suspect('n4', 0, 'n2', 'n3'));
  peer.passAnswered(30_000, 'n4');
  t.is(peer.stateOf('n4'), 'dead');
  t.deepEqual(peer.kinds.slice(0, 2), ['member.suspect', 'member.failed']);
});

test('4.2: a suspect that refutes in time lives, and its time starts anew when it is accused again', (t) => {
  const peer = new TestNode(6);
  peer.hear('n2', suspect('n4', 0, 'n2', 'n3', 'n5'));
  peer.passAnswered(900);
  peer.hear('n2', alive('n4', 1), suspect('n4', 1, 'n2', 'n3', 'n5'));
  peer.passAnswered(900);
  t.is(peer.stateOf('n4'), 'suspect');
  peer.passAnswered(900);
  t.is(peer.stateOf('n4'), 'dead');
});

test('4.2: who hears itself accused says that it lives, with the next incarnation', (t) => {
  for (const accusation of [suspect('n1', 0, 'n2'), dead('n1', 0), left('n1', 0)]) {
    const peer = new TestNode(6);
    peer.hear('n2', accusation);
    t.is(peer.gossip.incarnation, 1 as never);
    const told = ofKind(peer.pass(1000), 'alive').filter(({ message }) => message.id === 'n1');
    t.is(told[0]?.message.incarnation, 1 as never);
  }
});

test('4.2: who is accused under a later incarnation outdoes that one', (t) => {
  const peer = new TestNode(6);
  peer.hear('n2', suspect('n1', 7, 'n2'));
  t.is(peer.gossip.incarnation, 8 as never);
});

test('4.2: an accusation of an earlier incarnation is answered without a new one', (t) => {
  const peer = new TestNode(6, { incarnation: 5 });
  peer.hear('n2', suspect('n1', 4, 'n2'));
  t.is(peer.gossip.incarnation, 5 as never);
  t.true(ofKind(peer.pass(300), 'alive').some(({ message }) => message.id === 'n1'));
});

test('4.3: everyone is pinged once in a round, and the order changes from round to round', (t) => {
  const peer = new TestNode(10);
  const rounds = Array.from({ length: 6 }, () =>
    Array.from({ length: 10 }, () => {
      const { target, ping } = peer.nextProbe();
      peer.hear(target, { kind: 'ack', sequence: ping.sequence });
      return target;
    }),
  );
  for (const round of rounds) t.is(new Set(round).size, 10);
  t.is(new Set(rounds.map((round) => round.join())).size, 6);
});

const OVERRIDES: readonly {
  readonly held: readonly ReturnType<typeof alive | typeof suspect | typeof dead | typeof left>[];
  readonly heard: ReturnType<typeof alive | typeof suspect | typeof dead | typeof left>;
  readonly expected: string;
  readonly incarnation: number;
}[] = [
  { held: [alive('n3', 5)], heard: alive('n3', 4), expected: 'alive', incarnation: 5 },
  { held: [alive('n3', 5)], heard: alive('n3', 6), expected: 'alive', incarnation: 6 },
  { held: [alive('n3', 5)], heard: suspect('n3', 4, 'n9'), expected: 'alive', incarnation: 5 },
  { held: [alive('n3', 5)], heard: suspect('n3', 5, 'n9'), expected: 'suspect', incarnation: 5 },
  { held: [alive('n3', 5)], heard: suspect('n3', 6, 'n9'), expected: 'suspect', incarnation: 6 },
  { held: [alive('n3', 5)], heard: dead('n3', 4), expected: 'alive', incarnation: 5 },
  { held: [alive('n3', 5)], heard: dead('n3', 5), expected: 'dead', incarnation: 5 },
  { held: [alive('n3', 5)], heard: left('n3', 4), expected: 'alive', incarnation: 5 },
  { held: [alive('n3', 5)], heard: left('n3', 5), expected: 'left', incarnation: 5 },
  { held: [suspect('n3', 5, 'n9')], heard: alive('n3', 5), expected: 'suspect', incarnation: 5 },
  { held: [suspect('n3', 5, 'n9')], heard: alive('n3', 6), expected: 'alive', incarnation: 6 },
  { held: [suspect('n3', 5, 'n9')], heard: dead('n3', 4), expected: 'suspect', incarnation: 5 },
  { held: [suspect('n3', 5, 'n9')], heard: dead('n3', 5), expected: 'dead', incarnation: 5 },
  { held: [suspect('n3', 5, 'n9')], heard: left('n3', 5), expected: 'left', incarnation: 5 },
  { held: [dead('n3', 5)], heard: alive('n3', 5), expected: 'dead', incarnation: 5 },
  { held: [dead('n3', 5)], heard: suspect('n3', 6, 'n9'), expected: 'dead', incarnation: 5 },
  { held: [dead('n3', 5)], heard: alive('n3', 6), expected: 'alive', incarnation: 6 },
  { held: [dead('n3', 5)], heard: left('n3', 5), expected: 'left', incarnation: 5 },
  { held: [dead('n3', 5), dead('n3', 7)], heard: alive('n3', 6), expected: 'dead', incarnation: 7 },
  { held: [left('n3', 5)], heard: alive('n3', 5), expected: 'left', incarnation: 5 },
  { held: [left('n3', 5)], heard: dead('n3', 5), expected: 'left', incarnation: 5 },
  { held: [left('n3', 5)], heard: alive('n3', 6), expected: 'alive', incarnation: 6 },
  { held: [left('n3', 5), left('n3', 7)], heard: alive('n3', 6), expected: 'left', incarnation: 7 },
];

for (const { held, heard, expected, incarnation } of OVERRIDES) {
  const before = held.map(({ kind, incarnation: of }) => `${kind} ${of}`).join(', ');
  test(`4.2: after ${before}, ${heard.kind} ${heard.incarnation} leaves ${expected} ${incarnation}`, (t) => {
    const peer = new TestNode(5);
    peer.hear('n2', alive('n3', 5), ...held, heard);
    t.is(peer.stateOf('n3'), expected);
    t.is(peer.gossip.member('n3' as never)?.incarnation, incarnation as never);
  });
}

test('4.2: claims about a member end in one state, whatever order they come in', (t) => {
  const claims = [
    alive('n3', 1),
    suspect('n3', 1, 'n9'),
    alive('n3', 2),
    dead('n3', 2),
    left('n3', 2),
  ];
  for (const order of permutations(claims)) {
    const peer = new TestNode(5);
    peer.hear('n2', ...order);
    t.like(peer.gossip.member('n3' as never), { state: 'left', incarnation: 2 });
  }
});

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, at) =>
    permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]),
  );
}
