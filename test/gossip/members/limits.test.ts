/** What a member takes from others, and what it does not. */
import test from 'ava';
import { GossipError, type GossipOptions } from '../../../src/gossip/index.ts';
import type { NetworkNews, NetworkTime } from '../../../src/gossip/wire/messages.ts';
import {
  TestNode,
  addressOf,
  alive,
  dead,
  inc,
  left,
  network,
  node,
  ofKind,
} from '../support/test-node.ts';

/** What n3 says with `+net-a@5`: that it joined net-a, at its time 5. */
const say = (id: string, claim: string): NetworkNews => {
  const [to = '', time] = claim.slice(1).split('@');
  const about = { kind: 'network', id: node(id), network: network(to) } as const;
  return { ...about, time: Number(time) as NetworkTime, isJoined: claim.startsWith('+') };
};

const networksOf = (peer: TestNode, id: string): readonly string[] =>
  peer.gossip.member(node(id))?.networks.toSorted() ?? [];

test('members beyond the limit are not taken, and counted', (t) => {
  const peer = new TestNode(0, { limits: { membersMax: 3 } });
  peer.hear('n2', alive('n2'), alive('n3'), alive('n4'));
  t.is(peer.gossip.liveCount, 3);
  t.is(peer.gossip.counters.membersRefused, 1);
  t.is(peer.stateOf('n4'), undefined);
});

test('of the gone only so many are remembered, those that went last', (t) => {
  const peer = new TestNode(4, { limits: { goneMax: 2 } });
  peer.hear('n2', dead('n3', 0), left('n4', 0), dead('n5', 0));
  t.is(peer.stateOf('n3'), undefined);
  t.is(peer.stateOf('n4'), 'left');
  t.is(peer.stateOf('n5'), 'dead');
  t.true(peer.kinds.includes('member.forgotten'));
});

test('the gone are forgotten after their time', (t) => {
  const peer = new TestNode(3, { timing: { goneKeptMs: 60_000 } });
  peer.hear('n2', dead('n3', 0));
  peer.passAnswered(59_000);
  t.is(peer.stateOf('n3'), 'dead');
  peer.passAnswered(2000);
  t.is(peer.stateOf('n3'), undefined);
});

test('members that share no version of the protocol are not taken', (t) => {
  const peer = new TestNode(1);
  peer.hear('n2', alive('n5', 0, { protocol: { min: 2, max: 3 } }));
  t.is(peer.stateOf('n5'), undefined);
  peer.hear('n2', alive('n5', 0, { protocol: { min: 1, max: 9 } }));
  t.is(peer.stateOf('n5'), 'alive');
});

test('a live member is not believed to be elsewhere, but looked at', (t) => {
  const peer = new TestNode(9);
  peer.hear('n2', alive('n5', 7, { address: addressOf('n99') }));
  t.deepEqual(peer.gossip.member(node('n5'))?.address, addressOf('n5'));
  t.deepEqual(peer.events, [
    { kind: 'member.conflict', id: node('n5'), claimed: addressOf('n99') },
  ]);
  t.is(peer.nextProbe().target, 'n5');
});

for (const gone of [dead('n5', 0), left('n5', 0)]) {
  test(`after ${gone.kind}, a member may be elsewhere`, (t) => {
    const peer = new TestNode(9);
    peer.hear('n2', gone, alive('n5', 1, { address: addressOf('n99') }));
    t.deepEqual(peer.gossip.member(node('n5'))?.address, addressOf('n99'));
    t.deepEqual(peer.kinds.slice(1), ['member.alive', 'member.changed']);
  });
}

test('conflicts are reported now and then, and counted always', (t) => {
  const peer = new TestNode(9);
  for (let time = 0; time < 10; time += 1)
    peer.hear('n2', alive('n5', 7 + time, { address: addressOf('n99') }));
  t.is(peer.kinds.length, 1);
  t.is(peer.gossip.counters.conflicts, 10);
});

test('a namesake is reported, and not outbid', (t) => {
  const peer = new TestNode(3);
  peer.hear('n2', alive('n1', 9, { address: addressOf('n99') }));
  t.deepEqual(peer.events, [{ kind: 'self.conflict', claimed: addressOf('n99') }]);
  t.is(peer.gossip.incarnation, inc(0));
});

test('an earlier life is outdone', (t) => {
  const peer = new TestNode(3);
  peer.hear('n2', alive('n1', 9));
  t.is(peer.gossip.incarnation, inc(10));
});

test('an earlier life that said something else under the same incarnation is outdone', (t) => {
  const peer = new TestNode(3);
  peer.hear('n2', alive('n1', 0));
  t.is(peer.gossip.incarnation, inc(0));
  peer.hear('n2', alive('n1', 0, { meta: new Uint8Array([1]) }));
  t.is(peer.gossip.incarnation, inc(1));
});

test('of two claims about a network the later holds', (t) => {
  const peer = new TestNode(3);
  peer.hear('n2', say('n3', '+net-a@5'), say('n3', '-net-a@4'));
  t.deepEqual(networksOf(peer, 'n3'), ['net-a']);
  peer.hear('n2', say('n3', '-net-a@5'));
  t.deepEqual(networksOf(peer, 'n3'), ['net-a']);
  peer.hear('n2', say('n3', '-net-a@6'));
  t.deepEqual(networksOf(peer, 'n3'), []);
});

test('claims about strangers are not kept', (t) => {
  const peer = new TestNode(3);
  peer.hear('n2', say('n9', '+net-a@5'));
  peer.hear('n2', alive('n9'));
  t.deepEqual(networksOf(peer, 'n9'), []);
});

test('networks beyond the limit are not taken, unless one was left', (t) => {
  const peer = new TestNode(3, { limits: { networksPerMemberMax: 2 } });
  peer.hear('n2', say('n3', '+a@1'), say('n3', '+b@2'), say('n3', '+c@3'));
  t.deepEqual(networksOf(peer, 'n3'), ['a', 'b']);
  t.is(peer.gossip.counters.networksRefused, 1);
  peer.hear('n2', say('n3', '-a@4'), say('n3', '+c@5'));
  t.deepEqual(networksOf(peer, 'n3'), ['b', 'c']);
  t.true(peer.gossip.joinNetwork(network('x'), 0));
  t.true(peer.gossip.joinNetwork(network('y'), 0));
  t.false(peer.gossip.joinNetwork(network('z'), 0));
  peer.gossip.leaveNetwork(network('x'), 0);
  t.true(peer.gossip.joinNetwork(network('z'), 0));
  t.deepEqual(networksOf(peer, 'n1'), ['y', 'z']);
});

test('what others say of the own networks is corrected', (t) => {
  const peer = new TestNode(3);
  peer.gossip.joinNetwork(network('net-a'), 0);
  peer.core.broadcasts.clear();
  peer.hear('n2', say('n1', '-net-a@9'), say('n1', '+net-b@8'));
  const told = ofKind(peer.pass(10), 'network').map(({ message }) => message);
  const of = (id: string) => told.find((message) => message.network === id);
  t.like(of('net-a'), { isJoined: true, time: 10 });
  t.like(of('net-b'), { isJoined: false, time: 11 });
  peer.core.broadcasts.clear();
  peer.hear('n2', say('n1', '+net-a@10'), say('n1', '-net-c@3'));
  t.is(peer.gossip.broadcastCount, 0, 'what is right needs no correction');
});

test('rosters hold live others only', (t) => {
  const peer = new TestNode(4);
  peer.gossip.joinNetwork(network('net-a'), 0);
  peer.hear('n2', say('n3', '+net-a@1'), say('n4', '+net-a@1'));
  t.deepEqual(peer.gossip.membersWith(network('net-a')).toSorted(), ['n3', 'n4'] as never);
  peer.hear('n2', dead('n3', 0));
  t.deepEqual(peer.gossip.membersWith(network('net-a')), ['n4'] as never);
  peer.hear('n2', alive('n3', 1));
  t.deepEqual(peer.gossip.membersWith(network('net-a')).toSorted(), ['n3', 'n4'] as never);
});

test('meta that is too long is refused, and shorter meta told', (t) => {
  const peer = new TestNode(3);
  const error = t.throws(() => peer.gossip.setMeta(new Uint8Array(513), 0), {
    instanceOf: GossipError,
  });
  t.deepEqual(error.detail, { code: 'bad-option', option: 'meta' });
  peer.gossip.setMeta(new Uint8Array(512), 0);
  const [told] = ofKind(peer.pass(10), 'alive');
  t.is(told?.message.meta.length, 512);
  t.is(told?.message.incarnation, inc(1));
});

test('a packet that cannot be read is refused whole, and counted', (t) => {
  const peer = new TestNode(3);
  t.deepEqual(peer.hearBytes('n2', new Uint8Array([1, 5, 0, 1, 2])), []);
  t.is(peer.gossip.counters.malformedRefused, 1);
  peer.hear('n2', { kind: 'sync.done', heard: 0 });
  t.is(peer.gossip.counters.malformedRefused, 2);
});

test('a packet that no key has sealed is refused, and counted', (t) => {
  const seal = { overheadBytes: 0, seal: (bytes: Uint8Array) => bytes, open: () => undefined };
  const peer = new TestNode(0, { seal });
  peer.hear('n2', alive('n2'));
  t.is(peer.gossip.counters.unsealedRefused, 1);
  t.is(peer.gossip.liveCount, 1);
});

const BAD: readonly { readonly option: string; readonly options: Partial<GossipOptions> }[] = [
  { option: 'id', options: { id: node('') } },
  { option: 'id', options: { id: node('with blank') } },
  { option: 'id', options: { id: node('x'.repeat(65)) } },
  { option: 'address', options: { address: { host: '10.0.0.1', port: 0 } } },
  { option: 'incarnation', options: { incarnation: -1 } },
  { option: 'incarnation', options: { incarnation: 2 ** 32 } },
  { option: 'meta', options: { meta: new Uint8Array(600) } },
  { option: 'probeIntervalMs', options: { timing: { probeIntervalMs: 0 } } },
  { option: 'probeTimeoutMs', options: { timing: { probeTimeoutMs: 300 } } },
  { option: 'packetBytesMax', options: { limits: { packetBytesMax: 500 } } },
  { option: 'frameBytesMax', options: { limits: { frameBytesMax: 100_000 } } },
];

for (const { option, options } of BAD) {
  test(`refused: ${option} in ${JSON.stringify({ ...options, meta: options.meta?.length })}`, (t) => {
    const error = t.throws(() => new TestNode(0, options), { instanceOf: GossipError });
    t.deepEqual(error.detail, { code: 'bad-option', option });
  });
}

test('who leaves says so, answers no accusation, and does nothing afterwards', (t) => {
  const peer = new TestNode(3);
  peer.gossip.leave(0);
  t.is(peer.gossip.life, 'leaving');
  peer.hear('n2', dead('n1', 0));
  t.is(peer.gossip.incarnation, inc(0));
  t.deepEqual(ofKind(peer.passAnswered(2000), 'left')[0]?.message, left('n1', 0));
  t.is(peer.gossip.life, 'left');
  t.deepEqual(peer.kinds, ['self.left']);
  t.is(peer.gossip.nextDeadline().atMs, Infinity);
  t.deepEqual(peer.hear('n2', alive('n9')), []);
  t.is(peer.gossip.tryAcceptStream(peer.nowMs), undefined);
});

test('who leaves and finds nobody to tell goes after a while', (t) => {
  const peer = new TestNode(0);
  peer.gossip.leave(0);
  peer.pass(4000);
  t.is(peer.gossip.life, 'left');
});
