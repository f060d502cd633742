import test from 'ava';
import { connect } from 'node:tls';
import { FRAME_TYPES, encodeFrame } from '../../../../src/cluster/consensus/links/frame.ts';
import { encodeHello, type Hello } from '../../../../src/cluster/consensus/links/hello.ts';
import type { Identity } from '../../../../src/cluster/identity/index.ts';
import { LINK_PROTOCOL } from '../../../../src/cluster/transport/index.ts';
import { encodeMessage } from '../../../../src/raft/index.ts';
import type {
  ClientId,
  LogIndex,
  Message,
  PeerId,
  SnapshotRequest,
  Term,
} from '../../../../src/raft/index.ts';
import { until } from '../../fixture.ts';
import { TlsLab, type End } from '../support/tls-door.ts';

const [ONE, TWO] = ['n1:00000001' as PeerId, 'n2:00000002' as PeerId];

function heartbeat(from: PeerId, to: PeerId, round: number): Message {
  const term = 1 as Term;
  return { kind: 'heartbeat.request', from, to, term, commit: 0 as LogIndex, round };
}

function snapshotRequest(from: PeerId, to: PeerId): SnapshotRequest {
  const membership = { voters: [from], learners: [to] };
  const snapshot = { index: 7 as LogIndex, term: 1 as Term, membership };
  return { kind: 'snapshot.request', from, to, term: 1 as Term, snapshot };
}

async function pair(lab: TlsLab): Promise<{ one: End; two: End }> {
  return { one: await lab.end(ONE), two: await lab.end(TWO) };
}

/** Says the same until it is heard, as a core does. */
async function untilHeard(from: End, to: End): Promise<void> {
  await until('a message to arrive', () => {
    from.links.send(heartbeat(from.id, to.id, 0));
    return to.ear.messages.length > 0;
  });
}

test('messages go both ways over the connection that one side made', async (t) => {
  const { one, two } = await pair(await TlsLab.create(t));
  for (let round = 1; round <= 100; round += 1) one.links.send(heartbeat(ONE, TWO, round));
  await until('all to arrive', () => two.ear.messages.length === 100);
  t.deepEqual(two.ear.messages.at(-1), heartbeat(ONE, TWO, 100));
  two.links.send(heartbeat(TWO, ONE, 1));
  await until('the answer', () => one.ear.messages.length === 1);
  t.is(two.accepted.length, 1);
  t.is(one.accepted.length, 0);
  t.deepEqual(one.links.connected, [TWO]);
  t.deepEqual(two.links.connected, [ONE]);
});

test('a connection that breaks is told once, and made again when there is something to say', async (t) => {
  const { one, two } = await pair(await TlsLab.create(t));
  await untilHeard(one, two);
  two.accepted[0]?.destroy();
  await until('it is missed', () => one.ear.unreachable.length === 1);
  two.ear.messages.length = 0;
  await untilHeard(one, two);
  t.is(two.accepted.length, 2);
  t.deepEqual(one.ear.unreachable, [TWO]);
});

test('a peer that is away is told once for each attempt, and found when it is back', async (t) => {
  const lab = await TlsLab.create(t);
  const { one, two } = await pair(lab);
  await two.stop();
  await until('some attempts', () => {
    one.links.send(heartbeat(ONE, TWO, 1));
    return one.ear.unreachable.length >= 1;
  });
  const back = await lab.end(TWO);
  await untilHeard(one, back);
  t.deepEqual(new Set(one.ear.unreachable), new Set([TWO]));
});

test('when both sides dial at the same time, one connection remains', async (t) => {
  const lab = await TlsLab.create(t);
  const one = await lab.end(ONE, { pingMs: 20 });
  const two = await lab.end(TWO, { pingMs: 20 });
  one.links.send(heartbeat(ONE, TWO, 1));
  two.links.send(heartbeat(TWO, ONE, 1));
  await until('one connection', () => {
    const open = [...one.accepted, ...two.accepted].filter(({ destroyed }) => !destroyed);
    return open.length === 1;
  });
  one.ear.messages.length = 0;
  two.ear.messages.length = 0;
  // What is sent on the connection that is given up may be lost, so it is said again.
  await until('both to be heard', () => {
    one.links.send(heartbeat(ONE, TWO, 2));
    two.links.send(heartbeat(TWO, ONE, 2));
    return one.ear.messages.length > 0 && two.ear.messages.length > 0;
  });
  t.pass();
});

test('a link on which nothing is heard is given up', async (t) => {
  const lab = await TlsLab.create(t);
  const one = await lab.end(ONE, { pingMs: 10 });
  const two = await lab.end(TWO, { pingMs: 60_000 });
  await untilHeard(one, two);
  await until('it is missed', () => one.ear.unreachable.length > 0);
  t.deepEqual(one.links.connected, []);
});

test('links that are idle stay', async (t) => {
  const lab = await TlsLab.create(t);
  const one = await lab.end(ONE, { pingMs: 5, silentPingsMax: 200 });
  const two = await lab.end(TWO, { pingMs: 5, silentPingsMax: 200 });
  await untilHeard(one, two);
  const heardBytes = (): number => two.accepted[0]?.bytesRead ?? 0;
  const before = heardBytes();
  await until('many signs of life', () => heardBytes() > before + 1000);
  t.deepEqual(one.links.connected, [TWO]);
  t.deepEqual(one.ear.unreachable, []);
});

test('a snapshot arrives whole, while messages go on beside it', async (t) => {
  const { one, two } = await pair(await TlsLab.create(t));
  const state = Buffer.alloc(20 << 20, 'state');
  const request = snapshotRequest(ONE, TWO);
  const sending = one.links.sendSnapshot(request, state);
  await untilHeard(one, two);
  t.true(await sending);
  const [arrived] = two.ear.snapshots;
  t.deepEqual(arrived?.request, request);
  t.true(arrived?.state.equals(state));
});

test('a snapshot of nothing arrives too', async (t) => {
  const { one, two } = await pair(await TlsLab.create(t));
  t.true(await one.links.sendSnapshot(snapshotRequest(ONE, TWO), Buffer.alloc(0)));
  t.is(two.ear.snapshots.length, 1);
});

test('a snapshot that cannot be brought is told as failed', async (t) => {
  const lab = await TlsLab.create(t);
  const one = await lab.end(ONE);
  t.false(await one.links.sendSnapshot(snapshotRequest(ONE, TWO), Buffer.alloc(10)));
  const two = await lab.end(TWO, { snapshotBytesMax: 5 });
  t.false(await one.links.sendSnapshot(snapshotRequest(ONE, TWO), Buffer.alloc(10)));
  t.is(two.ear.snapshots.length, 0);
});

test('what a peer does not read is dropped in the end, and told once', async (t) => {
  const lab = await TlsLab.create(t);
  const one = await lab.end(ONE, { queueBytesMax: 100_000, pingMs: 60_000 });
  const two = await lab.end(TWO);
  await untilHeard(one, two);
  two.accepted[0]?.pause();
  const data = Buffer.alloc(50_000);
  const session = { client: 'c' as ClientId, sequence: 1, floor: 1, since: 0 as LogIndex };
  const commands = [{ data, session }];
  await until('messages to be dropped', () => {
    for (let count = 0; count < 20; count += 1)
      one.links.send({ kind: 'proposal.forward', from: ONE, to: TWO, commands });
    return one.ear.unreachable.length > 0;
  });
  t.deepEqual(one.ear.unreachable, [TWO]);
  two.accepted[0]?.resume();
  two.ear.messages.length = 0;
  await until('messages to arrive again', () => {
    one.links.send(heartbeat(ONE, TWO, 9));
    return two.ear.messages.some(({ kind }) => kind === 'heartbeat.request');
  });
  t.deepEqual(one.links.connected, [TWO]);
});

test('a peer that was removed is not heard, and its link is closed', async (t) => {
  const lab = await TlsLab.create(t);
  const { one, two } = await pair(lab);
  await untilHeard(one, two);
  lab.removed.add(ONE);
  two.links.recheck();
  await until('the link to close', () => two.links.connected.length === 0);
  two.ear.messages.length = 0;
  await until('some attempts', () => {
    one.links.send(heartbeat(ONE, TWO, 1));
    return two.accepted.length >= 3;
  });
  t.is(two.ear.messages.length, 0);
});

test('an address where another peer is now is not spoken to', async (t) => {
  const lab = await TlsLab.create(t);
  const { one, two } = await pair(lab);
  const other = 'n2:99999999' as PeerId;
  lab.addresses.set(other, lab.addresses.get(TWO) ?? { host: '', port: 0 });
  await until('attempts', () => {
    one.links.send(heartbeat(ONE, other, 1));
    return two.accepted.length >= 2;
  });
  lab.addresses.set('n3:00000003' as PeerId, lab.addresses.get(TWO) ?? { host: '', port: 0 });
  one.links.send(heartbeat(ONE, 'n3:00000003' as PeerId, 1));
  await until('it is missed', () => one.ear.unreachable.length >= 2);
  t.is(two.ear.messages.length, 0);
});

interface Said {
  readonly hello?: Partial<Hello>;
  readonly then?: Buffer;
  readonly raw?: Buffer;
}

/** What a client with this identity hears after saying so; the connection has ended then. */
async function conversation(lab: TlsLab, identity: Identity, said: Said): Promise<string> {
  const { port = 0 } = lab.addresses.get(TWO) ?? {};
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: identity.authorityPem,
    cert: identity.certificatePem,
    key: identity.keyPem,
    servername: 'swarm-manager',
    ALPNProtocols: [LINK_PROTOCOL],
  });
  const heard: Buffer[] = [];
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  const hello: Hello = {
    versions: { min: 1, max: 1 },
    clusterId: identity.clusterId,
    from: ONE,
    to: TWO,
    purpose: 'messages',
    ...said.hello,
  };
  const greeting = encodeFrame(FRAME_TYPES.hello, encodeHello(hello));
  socket.write(said.raw ?? Buffer.concat([greeting, said.then ?? Buffer.alloc(0)]));
  await ended;
  return Buffer.concat(heard).toString('latin1');
}

function messageFrame(message: Message): Buffer {
  return encodeFrame(FRAME_TYPES.message, encodeMessage(message));
}

test('who says what is not so is cut off, with the reason', async (t) => {
  const lab = await TlsLab.create(t);
  const two = await lab.end(TWO);
  const manager = await lab.identity('n1');
  const speaks = [
    { name: 'another cluster', hello: { clusterId: 'other' } },
    { name: 'for another node', hello: { from: 'n9:00000001' as PeerId } },
    { name: 'to another peer', hello: { to: 'n2:00000009' as PeerId } },
    { name: 'only later versions', hello: { versions: { min: 2, max: 3 } } },
    { name: 'a message in the name of another', then: messageFrame(heartbeat(TWO, TWO, 1)) },
    { name: 'a message cut short', then: Buffer.from('000000020301ff', 'hex') },
    { name: 'a frame that is too large', then: Buffer.from('ffffffff03', 'hex') },
    { name: 'no hello first', raw: messageFrame(heartbeat(ONE, TWO, 1)) },
    { name: 'garbage', raw: Buffer.from('0000000401deadbeef', 'hex') },
  ];
  for (const said of speaks)
    t.regex(await conversation(lab, manager, said), /"reason":/, said.name);
  t.is(two.ear.messages.length, 0);
});

test('a worker does not get as far as a hello', async (t) => {
  const lab = await TlsLab.create(t);
  const two = await lab.end(TWO);
  t.is(await conversation(lab, await lab.identity('n1', 'worker'), {}), '');
  t.is(two.ear.messages.length, 0);
});

test('who says nothing is cut off', async (t) => {
  const lab = await TlsLab.create(t);
  await lab.end(TWO, { greetingMs: 20 });
  const raw = Buffer.from('00', 'hex');
  t.is(await conversation(lab, await lab.identity('n1'), { raw }), '');
});
