/**
 * Push/pull (memberlist's word; SWIM has none): two members make what they hold the same, over a
 * stream, when one joins and now and then.
 *
 *   opener    hello(digest) ->
 *   answerer                 <- hello(digest), news of the buckets that differ, done
 *   opener    news of the buckets that differ, done, rows' digests ->
 *   both      rows, done
 *
 * Frames are bounded and made one at a time, when the stream has room. What was heard is merged at
 * once, so a stream that breaks has lost little: the next one's digests leave out the buckets that
 * came over.
 */
import type { NetworkId, NodeId } from '../../model/index.ts';
import type { Core } from '../core.ts';
import { bucketOf, differingBuckets } from '../members/digest.ts';
import { aliveNews, newsOf } from '../members/member.ts';
import { applyAlive, applyLeft, applySuspect, applyToldDead } from '../members/rules.ts';
import { applyNetwork } from '../members/networks.ts';
import { rowsMessage } from '../spread/gossip-round.ts';
import type { PeerAddress } from '../wire/address.ts';
import { MESSAGE_HEADER_BYTES, writeMessage } from '../wire/encode.ts';
import type { Message, News, SyncHello } from '../wire/messages.ts';
import { SyncSession, type SyncPurpose } from './session.ts';
import { closeStream, noteMoving, tryOpenStream } from './streams.ts';
import type { Stream, StreamPlace } from './stream.ts';

const DONE_BYTES = MESSAGE_HEADER_BYTES + 4;

type SyncStream = Extract<Stream, { kind: 'sync' }>;

/** Whether there was room for another stream. */
export function openSync(core: Core, to: PeerAddress, purpose: SyncPurpose): boolean {
  const session = new SyncSession(purpose, 1);
  session.toldIncarnation = core.self.incarnation;
  const make = (place: StreamPlace): Stream => ({ ...place, kind: 'sync', session });
  return tryOpenStream(core, { to, messages: [helloOf(core)], make });
}

/** A peer's first words on a stream that it opened. */
export function answerSync(core: Core, accepted: Stream, frame: readonly Message[]): void {
  const { id, isOwn, expiresAtMs } = accepted;
  const session = new SyncSession('answer', 0);
  session.isWritable = true;
  session.toldIncarnation = core.self.incarnation;
  session.tryAnswer(helloOf(core));
  const stream: SyncStream = { id, isOwn, expiresAtMs, kind: 'sync', session };
  core.streams.set(id, stream);
  hearSync(core, stream, frame);
}

export function hearSync(core: Core, stream: SyncStream, frame: readonly Message[]): void {
  const { session } = stream;
  noteMoving(core, stream);
  for (const message of frame) {
    if (message.kind !== 'sync.done') session.noteHeard();
    if (hear(core, session, message)) continue;
    core.counters.streamsFailed += 1;
    closeStream(core, stream);
    return;
  }
  maybeTellSelf(core, session);
  maybeBeginRows(core, session);
  say(core, stream);
}

export function noteWritable(core: Core, stream: SyncStream): void {
  stream.session.isWritable = true;
  noteMoving(core, stream);
  say(core, stream);
}

/** Whether the session can go on. */
function hear(core: Core, session: SyncSession, message: Message): boolean {
  if (session.peer === undefined)
    return message.kind === 'sync.hello' && hearHello(core, session, message);
  switch (message.kind) {
    case 'alive':
    case 'suspect':
    case 'dead':
    case 'left':
    case 'network':
      applyTold(core, message);
      return true;
    case 'rows':
      return hearRows(core, session, message.bytes);
    case 'sync.done':
      session.noteDoneHeard(message.heard);
      return true;
    default:
      return false;
  }
}

/** What a peer holds, which it need not know at first hand. */
function applyTold(core: Core, news: News): void {
  switch (news.kind) {
    case 'alive':
      applyAlive(core, news);
      return;
    case 'suspect':
      applySuspect(core, news);
      return;
    case 'dead':
      applyToldDead(core, news);
      return;
    case 'left':
      applyLeft(core, news);
      return;
    case 'network':
      applyNetwork(core, news);
  }
}

function hearHello(core: Core, session: SyncSession, hello: SyncHello): boolean {
  const { min, max } = core.self.protocol;
  const isSpoken = hello.protocol.min <= max && hello.protocol.max >= min;
  if (!isSpoken || core.isSelf(hello.id)) return false;
  session.peer = hello.id;
  session.add(newsIn(core, differingBuckets(core.members.digestWords, hello.digest)));
  return true;
}

function hearRows(core: Core, session: SyncSession, bytes: Uint8Array): boolean {
  const { tables } = core;
  if (tables === undefined || session.peer === undefined) return true;
  return tables
    .receive(bytes, session.peer, core.nowMs)
    .every((answer) => session.tryAnswer(rowsMessage(core, answer)));
}

/** What the peer said may have made this node refute; it then hears that here, and first. */
function maybeTellSelf(core: Core, session: SyncSession): void {
  const { incarnation } = core.self;
  if (session.toldIncarnation === incarnation) return;
  session.toldIncarnation = incarnation;
  session.tryAnswer(aliveNews(core.self));
}

/** The opener begins with rows as soon as it knows which networks the peer has. */
function maybeBeginRows(core: Core, session: SyncSession): void {
  const { peer, purpose, isPeerDone, hasBegunRows } = session;
  if (purpose === 'answer' || peer === undefined || !isPeerDone || hasBegunRows) return;
  session.hasBegunRows = true;
  session.add(rowsWith(core, peer));
}

/** Sends what fits into a frame, or closes the stream when all is said. */
function say(core: Core, stream: SyncStream): void {
  const { session, id } = stream;
  const bytes = session.isWritable ? nextFrame(core, session) : undefined;
  if (bytes !== undefined) {
    session.isWritable = false;
    core.counters.syncBytesSent += bytes.length;
    core.pushEffect({ kind: 'stream.frame', stream: id, bytes });
  }
  if (session.purpose === 'answer' || !session.isOver) return;
  core.counters.syncs += 1;
  if (session.purpose === 'join') noteJoined(core);
  closeStream(core, stream);
}

function nextFrame(core: Core, session: SyncSession): Uint8Array | undefined {
  const writer = core.beginFrame();
  const emptyBytes = writer.length;
  for (let message = session.next(); message !== undefined; message = session.next()) {
    const before = writer.length;
    writeMessage(writer, message);
    if (writer.length + DONE_BYTES <= core.frameRoom || before === emptyBytes) continue;
    writer.rewind(before);
    session.unsay(message);
    break;
  }
  const done = session.takeDone();
  if (done !== undefined) writeMessage(writer, done);
  return writer.length > emptyBytes ? core.sealWritten() : undefined;
}

function noteJoined(core: Core): void {
  if (core.joining === undefined) return;
  core.joining = undefined;
  core.emit({ kind: 'self.joined' });
}

function helloOf(core: Core): SyncHello {
  const { id, protocol } = core.self;
  return { kind: 'sync.hello', id, protocol, digest: core.members.digestWords.slice() };
}

/** One bucket after the other, so that those that came over whole need not be told again. */
function* newsIn(core: Core, buckets: ReadonlySet<number>): Generator<Message> {
  const idsByBucket = new Map<number, NodeId[]>([...buckets].map((bucket) => [bucket, []]));
  if (buckets.size > 0)
    for (const { id, hash } of core.members.all) idsByBucket.get(bucketOf(hash))?.push(id);
  for (const id of [...idsByBucket.values()].flat()) {
    const member = core.members.get(id);
    if (member !== undefined) yield* newsOf(member, core.self.hash);
  }
}

function* rowsWith(core: Core, peer: NodeId): Generator<Message> {
  for (const network of sharedNetworks(core, peer)) {
    core.networkSyncedMs.set(network, core.nowMs);
    for (const bytes of core.tables?.beginSync(network, core.nowMs) ?? [])
      yield rowsMessage(core, bytes);
  }
}

/** Networks that both this node and `peer` have. */
function sharedNetworks(core: Core, peer: NodeId): NetworkId[] {
  const theirs = core.members.get(peer)?.networks;
  const shared: NetworkId[] = [];
  for (const [network, { isJoined }] of core.self.networks ?? [])
    if (isJoined && theirs?.get(network)?.isJoined === true) shared.push(network);
  return shared;
}
