import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';
import { randomBytes } from 'node:crypto';
import test from 'ava';
import type { KeyRing, RingPlan } from '../../../../src/gossip/index.ts';
import type { NetworkId } from '../../../../src/model/index.ts';
import { FACT_KINDS } from '../../../../src/gossip/index.ts';
import { until } from '../../fixture.ts';
import { PORT, createPeers, idsOf, isWhole, openMany, ringPlan, type Peer } from './fixture.ts';

const NETWORK = 'network-1' as NetworkId;

test('three find each other through one of them', async (t) => {
  const all = await openMany(createPeers(t), 3);
  t.deepEqual(idsOf(all[2] as Peer), ['node1', 'node2', 'node3']);
  t.false(all[1]?.shell.isJoining);
});

test('one that vanishes is known as failed by the others within 3 s', async (t) => {
  const all = await openMany(createPeers(t), 4);
  const [victim, ...others] = all as [Peer, ...Peer[]];
  const startMs = performance.now();
  await victim.shell.close();
  await until('the others see it failed', () =>
    others.every(({ shell }) => shell.member(victim.id)?.state === 'dead'),
  );
  const tookMs = Math.round(performance.now() - startMs);
  t.log(`known everywhere after ${tookMs} ms`);
  t.true(tookMs < 3000, `${tookMs} ms`);
});

test('one that leaves is not taken for failed', async (t) => {
  const all = await openMany(createPeers(t), 3);
  const [first, second, leaver] = all as [Peer, Peer, Peer];
  await leaver.shell.leave();
  await leaver.shell.close();
  await until('the others know that it left', () =>
    [first, second].every(({ shell }) => shell.member(leaver.id)?.state === 'left'),
  );
  t.false([...first.events, ...second.events].some(({ kind }) => kind === 'member.failed'));
});

test('one that comes back under its id is alive again for everyone', async (t) => {
  const peers = createPeers(t);
  const all = await openMany(peers, 3);
  const [first, second, victim] = all as [Peer, Peer, Peer];
  await victim.shell.close();
  await until('it is failed', () => first.shell.member(victim.id)?.state === 'dead');
  const again = await peers.open(3);
  again.shell.join([peers.address(1)]);
  await until('all see all', () => isWhole([first, second, again]));
  t.pass();
});

test('without a key of the ring nothing is heard and nothing is understood', async (t) => {
  const peers = createPeers(t);
  const [first, second] = (await openMany(peers, 2)) as [Peer, Peer];
  const stranger = await peers.open(3, { plan: ringPlan([randomBytes(32)]) });
  stranger.shell.join([peers.address(1), peers.address(2)]);
  await until('it knocked twice', () => first.shell.counters.streamsRefused >= 2);
  t.deepEqual(idsOf(stranger), ['node3']);
  t.deepEqual(idsOf(first), ['node1', 'node2']);
  t.deepEqual(idsOf(second), ['node1', 'node2']);
});

test('keys are rotated under traffic and nobody is suspected', async (t) => {
  const keys = [randomBytes(32), randomBytes(32)] as const;
  const all = await openMany(createPeers(t), 3, ringPlan([keys[0]]));
  const before = all.map(({ shell }) => shell.counters.core.suspicions);
  const installed = ringPlan(keys, { generation: 2, primary: 1 });
  const used = ringPlan(keys, { generation: 3, primary: 2 });
  const removed: RingPlan = { ...used, generation: 4, keys: used.keys.slice(1) };
  for (const plan of [installed, used, removed]) await followOneByOne(all, plan);
  const pinged = all.map(({ shell }) => shell.counters.core.probes);
  await until('each probes on with the new key alone', () =>
    all.every(({ shell }, at) => shell.counters.core.probes > (pinged[at] ?? 0) + 1),
  );
  t.deepEqual(
    all.map(({ shell }) => shell.counters.core.suspicions),
    before,
  );
  t.deepEqual(
    all.map(({ shell }) => shell.counters.core.unsealedRefused),
    [0, 0, 0],
  );
  t.true(isWhole(all));
});

/** As it comes about in a cluster: for a while some follow and others do not. */
async function followOneByOne(all: readonly Peer[], plan: RingPlan): Promise<void> {
  for (const { ring, shell } of all as readonly { ring: KeyRing; shell: Peer['shell'] }[]) {
    ring.follow(plan);
    const { probes } = shell.counters.core;
    await until('another probe', () => shell.counters.core.probes > probes);
  }
}

test('a flood of garbage from one address disturbs nobody', async (t) => {
  const peers = createPeers(t);
  const all = await openMany(peers, 3);
  const [target] = all as [Peer, ...Peer[]];
  const socket = createSocket('udp4');
  t.teardown(() => void socket.close());
  await new Promise<void>((resolve) => socket.bind(0, peers.address(99).host, () => resolve()));
  const garbage = [randomBytes(1400), randomBytes(60), Buffer.alloc(1), Buffer.alloc(9000, 1)];
  const { counters } = target.shell;
  for (let round = 0; round < 2000; round += 1) {
    for (const bytes of garbage) socket.send(bytes, PORT, target.address.host);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('it is held back', () => counters.datagrams.throttled > 0);
  t.true(counters.datagrams.oversized > 0);
  t.true(counters.core.unsealedRefused > 0);
  t.true(counters.core.unsealedRefused <= 2000 + 1000 * 10, 'no more than the rate is looked at');
  const { probes } = target.shell.counters.core;
  await until('it goes on to probe', () => target.shell.counters.core.probes > probes + 3);
  t.true(isWhole(all));
  const failures = all.flatMap(({ events }) => events.filter((e) => e.kind === 'member.failed'));
  t.deepEqual(failures, []);
});

test('connections of strangers are refused and bounded', async (t) => {
  const peers = createPeers(t);
  const [first, second] = (await openMany(peers, 2)) as [Peer, Peer];
  const closed: Promise<void>[] = [];
  for (let number = 0; number < 20; number += 1) {
    const { host } = first.address;
    const socket = createConnection({ host, port: PORT, localAddress: peers.address(99).host });
    socket.on('error', () => undefined);
    // A length that nobody may send, and one that never comes.
    if (number % 2 === 0) socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    closed.push(new Promise((resolve) => socket.on('close', () => resolve())));
  }
  await Promise.all(closed);
  t.true(first.shell.counters.streamsRefused >= 20);
  const third = await peers.open(3);
  third.shell.join([peers.address(1)]);
  await until('a member still joins', () => isWhole([first, second, third]));
});

test('rows reach those that have the network', async (t) => {
  const all = await openMany(createPeers(t), 3);
  const [writer, reader] = all as [Peer, Peer, Peer];
  for (const { shell, tables } of [writer, reader]) {
    tables.joinNetwork(NETWORK, performance.now());
    shell.joinNetwork(NETWORK);
  }
  const name = { networkId: NETWORK, kind: FACT_KINDS.endpoint, key: 'task-1' };
  const value = Uint8Array.of(1, 2, 3);
  writer.tables.put(name, value, performance.now());
  writer.shell.wake();
  await until(
    'the reader sees it',
    () => reader.tables.value({ ...name, owner: writer.id }) !== undefined,
  );
  t.deepEqual(reader.tables.value({ ...name, owner: writer.id }), value);
});

test('what cannot be bound leaves nothing open', async (t) => {
  const peers = createPeers(t);
  await peers.open(1);
  await t.throwsAsync(peers.open(1), { code: 'EADDRINUSE' });
  const tcpOnly = createSocket('udp4');
  t.teardown(() => void tcpOnly.close());
  await new Promise<void>((resolve) =>
    tcpOnly.bind({ address: peers.address(2).host, port: PORT, exclusive: true }, resolve),
  );
  await t.throwsAsync(peers.open(2), { code: 'EADDRINUSE' });
});
