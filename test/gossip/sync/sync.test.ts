/** Push/pulls between two nodes whose host is the test. */
import test from 'ava';
import type { Effect, StreamId } from '../../../src/gossip/index.ts';
import { decodeFrame } from '../../../src/gossip/wire/decode.ts';
import type { Message, Sequence } from '../../../src/gossip/wire/messages.ts';
import { encodeFrame } from '../support/frames.ts';
import {
  TestNode,
  addressOf,
  alive,
  dead,
  hash,
  inc,
  left,
  node,
  suspect,
} from '../support/test-node.ts';

type StreamEffect = Extract<Effect, { kind: `stream.${string}` }>;

const many = (from: number, to: number): Message[] =>
  Array.from({ length: to - from }, (_, at) => alive(`n${from + at}`, 0, ADDRESS));
const ADDRESS = { address: { host: '10.0.9.9', port: 7946 } };

/** One stream between two nodes, as their hosts see it. */
class Connection {
  readonly opener: TestNode;
  readonly answerer: TestNode;
  /** Sizes of the frames of both sides. */
  readonly frames: number[] = [];
  readonly heard: Message[] = [];
  private opened: StreamId | undefined;
  private accepted: StreamId | undefined;
  isClosed = false;

  constructor(opener: TestNode, answerer: TestNode) {
    this.opener = opener;
    this.answerer = answerer;
  }

  /** Does what both ask for, until `framesMax` frames were sent or nothing is left to do. */
  run(framesMax = Infinity): this {
    while (!this.isClosed && this.frames.length < framesMax) {
      const fromOpener = this.opener.streams.shift();
      const effect = fromOpener ?? this.answerer.streams.shift();
      if (effect === undefined) break;
      this.perform(effect, fromOpener !== undefined);
    }
    return this;
  }

  /** Both hosts see the connection break. */
  break(): void {
    if (this.opened !== undefined) closed(this.opener, this.opened);
    if (this.accepted !== undefined) closed(this.answerer, this.accepted);
  }

  private perform(effect: StreamEffect, isOpener: boolean): void {
    if (effect.kind === 'stream.close') {
      this.isClosed = true;
      return;
    }
    if (effect.kind === 'stream.open') {
      this.opened = effect.stream;
      this.accepted = this.answerer.gossip.tryAcceptStream(this.answerer.nowMs);
    }
    this.frames.push(effect.bytes.length);
    this.heard.push(...decodeFrame(effect.bytes).messages);
    const [from, to] = isOpener ? [this.opener, this.answerer] : [this.answerer, this.opener];
    const [here, there] = isOpener ? [this.opened, this.accepted] : [this.accepted, this.opened];
    if (here !== undefined) {
      from.gossip.step({ kind: 'stream.writable', stream: here }, from.nowMs);
      from.drain();
    }
    if (there === undefined) return;
    to.gossip.step({ kind: 'stream.frame', stream: there, bytes: effect.bytes }, to.nowMs);
    to.drain();
  }
}

function closed(peer: TestNode, stream: StreamId): void {
  peer.gossip.step({ kind: 'stream.closed', stream }, peer.nowMs);
  peer.drain();
  peer.streams.length = 0;
}

/** n1, which knows `known`, looking for a cluster at n2. */
function joining(
  options: ConstructorParameters<typeof TestNode>[1] = {},
  known: readonly Message[] = [],
): TestNode {
  const peer = new TestNode(0, options);
  if (known.length > 0) peer.hear('n3', ...known);
  peer.gossip.join([addressOf('n2')], 0);
  peer.gossip.tick(0);
  peer.drain();
  return peer;
}

function another(options: ConstructorParameters<typeof TestNode>[1] = {}): TestNode {
  return new TestNode(0, { id: node('n2'), address: addressOf('n2'), ...options });
}

const statesOf = (peer: TestNode): string[] =>
  peer.gossip.members.map(({ id, state }) => `${id} ${state}`).toSorted();

test('who joins learns everything, and is known from then on', (t) => {
  const [opener, answerer] = [joining(), another()];
  answerer.hear('n3', ...many(3, 40));
  const connection = new Connection(opener, answerer).run();
  t.true(connection.isClosed);
  t.deepEqual(statesOf(opener), statesOf(answerer));
  t.is(opener.gossip.liveCount, 39);
  t.true(opener.kinds.includes('self.joined'));
  t.false(opener.gossip.isJoining);
});

test('a newcomer does not tell everyone what it has just been told', (t) => {
  const [opener, answerer] = [joining(), another()];
  answerer.hear('n3', ...many(3, 40));
  answerer.core.broadcasts.clear();
  new Connection(opener, answerer).run();
  t.is(opener.gossip.broadcastCount, 0);
  t.is(answerer.gossip.broadcastCount, 1, 'but others are told of the newcomer');
});

test('who has a cluster already tells it of the one that it joins', (t) => {
  const [opener, answerer] = [joining({}, many(50, 60)), another()];
  answerer.hear('n3', ...many(3, 40));
  new Connection(opener, answerer).run();
  t.true(opener.gossip.broadcastCount >= 38);
});

test('what an earlier life said under the same incarnation is found and outdone', (t) => {
  const opener = joining();
  const answerer = another();
  answerer.hear('n3', alive('n1', 0, { meta: new Uint8Array([7]) }));
  new Connection(opener, answerer).run();
  t.is(answerer.gossip.member(node('n1'))?.meta.length, 0);
  t.is(opener.gossip.incarnation, inc(1));
});

test('both sides learn', (t) => {
  const [opener, answerer] = [joining({}, many(10, 60)), another()];
  answerer.hear('n3', ...many(40, 90));
  new Connection(opener, answerer).run();
  t.is(opener.gossip.liveCount, 82);
  t.deepEqual(statesOf(opener), statesOf(answerer));
});

test('two that hold the same exchange digests and no more', (t) => {
  const both = [alive('n1'), alive('n2'), ...many(3, 900)];
  const [opener, answerer] = [joining({}, both), another()];
  answerer.hear('n3', ...both);
  const connection = new Connection(opener, answerer).run();
  t.true(connection.isClosed);
  t.deepEqual(
    connection.heard.map(({ kind }) => kind),
    ['sync.hello', 'sync.hello', 'sync.done', 'sync.done'],
  );
  t.true(connection.frames.reduce((sum, bytes) => sum + bytes, 0) < 320);
});

test('frames are bounded, however much there is to tell', (t) => {
  const limits = { frameBytesMax: 2000 };
  const [opener, answerer] = [joining({ limits }, many(3, 500)), another({ limits })];
  answerer.hear('n3', ...many(1000, 2000));
  const connection = new Connection(opener, answerer).run();
  t.is(opener.gossip.liveCount, 1 + 1 + 497 + 1000);
  t.true(connection.frames.length > 20);
  t.true(connection.frames.every((bytes) => bytes + 29 <= 2000));
});

test('a frame is made only when there is room for it', (t) => {
  const answerer = another({ limits: { frameBytesMax: 1000 } });
  answerer.hear('n3', ...many(3, 500));
  const stream = answerer.gossip.tryAcceptStream(0) as StreamId;
  const digest = new Uint32Array(32);
  const protocol = { min: 1, max: 1 };
  const written = (): number =>
    answerer.streams.filter(({ kind }) => kind === 'stream.frame').length;
  answerer.hearStream(stream, { kind: 'sync.hello', id: node('n1'), protocol, digest });
  t.is(written(), 1);
  answerer.hearStream(stream, alive('n1'));
  t.is(written(), 1);
  answerer.gossip.step({ kind: 'stream.writable', stream }, 0);
  answerer.drain();
  t.is(written(), 2);
});

test('what came over before a stream broke does not travel again', (t) => {
  const limits = { frameBytesMax: 1500 };
  const timing = { probeIntervalMs: 3600_000 };
  const [opener, answerer] = [joining({ limits, timing }), another({ limits })];
  answerer.hear('n3', ...many(3, 800));
  const first = new Connection(opener, answerer).run(8);
  first.break();
  const learnt = opener.gossip.liveCount;
  t.true(learnt > 100 && learnt < 700, String(learnt));
  t.true(opener.gossip.isJoining);
  opener.pass(1000);
  const second = new Connection(opener, answerer).run();
  t.is(opener.gossip.liveCount, 799);
  t.true(opener.kinds.includes('self.joined'));
  const again = second.heard.filter(({ kind }) => kind === 'alive').length;
  // Of the buckets that differ everything is told, so one is told again by both.
  t.true(again < 800 - learnt + 100, `${again} after ${learnt}`);
});

test('a death that is told in a push/pull is a suspicion at first', (t) => {
  const [opener, answerer] = [joining({}, [alive('n3')]), another()];
  answerer.hear('n3', alive('n3'), dead('n3', 0));
  new Connection(opener, answerer).run();
  t.is(opener.stateOf('n3'), 'suspect');
});

test('a leave that is told in a push/pull holds', (t) => {
  const [opener, answerer] = [joining({}, [alive('n3')]), another()];
  answerer.hear('n3', alive('n3'), left('n3', 0));
  new Connection(opener, answerer).run();
  t.is(opener.stateOf('n3'), 'left');
});

test('who is not known need not be known to be gone', (t) => {
  const [opener, answerer] = [joining(), another()];
  answerer.hear('n3', alive('n3'), left('n3', 0), alive('n4'), dead('n4', 0));
  new Connection(opener, answerer).run();
  t.is(opener.stateOf('n3'), undefined);
  t.is(opener.stateOf('n4'), undefined);
});

test('a suspicion travels with its accusers', (t) => {
  const [opener, answerer] = [joining(), another()];
  answerer.hear('n3', ...many(3, 9), suspect('n5', 0, 'n3', 'n4'));
  new Connection(opener, answerer).run();
  t.is(opener.stateOf('n5'), 'suspect');
  t.true([...opener.core.suspects].every(({ state }) => state.kind === 'suspect'));
});

test('two that hold each other for dead are both alive afterwards', (t) => {
  const [opener, answerer] = [joining({}, [alive('n2'), dead('n2', 0)]), another()];
  answerer.hear('n3', alive('n1'), dead('n1', 0));
  new Connection(opener, answerer).run();
  t.is(opener.stateOf('n2'), 'alive');
  t.is(answerer.stateOf('n1'), 'alive');
  t.is(opener.gossip.incarnation, inc(1));
});

const protocol = { min: 1, max: 1 };
const digest = new Uint32Array(32);
const hello = { kind: 'sync.hello', id: node('n9'), protocol, digest } as const;

const REFUSED: readonly { readonly name: string; readonly frames: readonly Message[][] }[] = [
  { name: 'nothing', frames: [[]] },
  { name: 'news without a hello', frames: [[alive('n9')]] },
  { name: 'a hello of itself', frames: [[{ ...hello, id: node('n1') }]] },
  { name: 'a protocol of the future', frames: [[{ ...hello, protocol: { min: 2, max: 9 } }]] },
  { name: 'a second hello', frames: [[hello], [hello]] },
  { name: 'a nack', frames: [[hello], [{ kind: 'nack', sequence: 1 as Sequence }]] },
];

for (const { name, frames } of REFUSED) {
  test(`a stream that brings ${name} is closed`, (t) => {
    const peer = new TestNode(2);
    const stream = peer.gossip.tryAcceptStream(0) as StreamId;
    for (const frame of frames) peer.hearStream(stream, ...frame);
    t.deepEqual(peer.streams.at(-1), { kind: 'stream.close', stream });
    t.is(peer.gossip.counters.streamsFailed, 1);
    peer.streams.length = 0;
    peer.hearStream(stream, hello);
    t.deepEqual(peer.streams, [], 'nothing is said on it afterwards');
  });
}

test('a frame that cannot be read closes its stream', (t) => {
  const peer = new TestNode(2);
  const stream = peer.gossip.tryAcceptStream(0) as StreamId;
  peer.gossip.step({ kind: 'stream.frame', stream, bytes: new Uint8Array([9]) }, 0);
  peer.drain();
  t.deepEqual(peer.streams, [{ kind: 'stream.close', stream }]);
});

test('a stream on which nothing moves is given up', (t) => {
  const peer = new TestNode(2);
  const stream = peer.gossip.tryAcceptStream(0) as StreamId;
  peer.passAnswered(9000);
  t.false(peer.streams.some(({ kind }) => kind === 'stream.close'));
  peer.passAnswered(2000);
  t.true(peer.streams.some((effect) => effect.kind === 'stream.close' && effect.stream === stream));
});

test('streams beyond the bound are not accepted, until one ends', (t) => {
  const peer = new TestNode(2, { limits: { streamsMax: 2 } });
  const first = peer.gossip.tryAcceptStream(0) as StreamId;
  t.not(peer.gossip.tryAcceptStream(0), undefined);
  t.is(peer.gossip.tryAcceptStream(0), undefined);
  t.is(peer.gossip.counters.streamsRefused, 1);
  peer.gossip.step({ kind: 'stream.closed', stream: first }, 0);
  t.not(peer.gossip.tryAcceptStream(0), undefined);
});

test('a ping by stream is answered on it, and the stream closed', (t) => {
  const peer = new TestNode(2);
  const stream = peer.gossip.tryAcceptStream(0) as StreamId;
  const sequence = 5 as Sequence;
  peer.hearStream(stream, { kind: 'ping', sequence, target: hash('n1'), source: hash('n2') });
  t.deepEqual(peer.streams, [
    { kind: 'stream.frame', stream, bytes: encodeFrame([{ kind: 'ack', sequence }]) },
    { kind: 'stream.close', stream },
  ]);
});

test('a ping by stream that means another is not answered', (t) => {
  const peer = new TestNode(2);
  const stream = peer.gossip.tryAcceptStream(0) as StreamId;
  const sequence = 5 as Sequence;
  peer.hearStream(stream, { kind: 'ping', sequence, target: hash('n3'), source: hash('n2') });
  t.deepEqual(peer.streams, [{ kind: 'stream.close', stream }]);
});

test('an ack by stream saves the member whose datagrams are lost', (t) => {
  const peer = new TestNode(3);
  const { target, ping } = peer.nextProbe();
  peer.pass(200);
  const opened = peer.streams.find(({ kind }) => kind === 'stream.open');
  t.like(opened, { kind: 'stream.open', to: addressOf(target) });
  peer.hearStream(opened?.stream as StreamId, { kind: 'ack', sequence: ping.sequence });
  t.is(peer.gossip.counters.probesByStream, 1);
  t.is(peer.core.probe.kind, 'idle');
});

test('whoever is pinged by a stranger asks it for what it has missed, now and then', (t) => {
  const peer = new TestNode(2);
  const sequence = 5 as Sequence;
  const ping = { kind: 'ping', sequence, target: hash('n1'), source: hash('n9') } as const;
  const opened = (): string[] =>
    peer.streams.splice(0).map((effect) => ('to' in effect ? effect.to.host : effect.kind));
  peer.hear('n9', ping);
  t.deepEqual(opened(), ['10.0.0.9']);
  peer.hear('n8', { ...ping, source: hash('n8') });
  t.deepEqual(opened(), []);
  peer.nowMs += 2000;
  peer.hear('n8', { ...ping, source: hash('n8') });
  t.deepEqual(opened(), ['10.0.0.8']);
});

test('seeds are tried again, less and less often, until one answers', (t) => {
  const peer = joining();
  const triesAtMs: number[] = [];
  for (let second = 0; second < 100; second += 1) {
    const opens = peer.streams.filter(({ kind }) => kind === 'stream.open');
    if (opens.length > 0) triesAtMs.push(second);
    for (const { stream } of opens) closed(peer, stream);
    peer.streams.length = 0;
    peer.pass(1000);
  }
  t.deepEqual(triesAtMs, [0, 1, 3, 7, 15, 31, 61, 91]);
});

test('of many seeds three are tried at once', (t) => {
  const peer = new TestNode(0);
  peer.gossip.join(
    Array.from({ length: 100 }, (_, at) => addressOf(`n${at + 2}`)),
    0,
  );
  peer.gossip.tick(0);
  peer.drain();
  t.is(peer.streams.length, 3);
});

test('now and then a member is drawn for a push/pull, and a dead one to see whether it is back', (t) => {
  const peer = new TestNode(4);
  peer.hear('n2', dead('n5', 0));
  peer.passAnswered(200_000);
  const tos = peer.streams.flatMap((effect) =>
    effect.kind === 'stream.open' ? [effect.to.host.replace('10.0.0.', 'n')] : [],
  );
  const toDead = tos.filter((to) => to === 'n5').length;
  t.true(toDead >= 5 && toDead <= 7, String(toDead));
  t.true(tos.length - toDead >= 3 && tos.length - toDead <= 4, String(tos.length - toDead));
});
