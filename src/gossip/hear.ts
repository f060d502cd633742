/** What becomes of what is heard. */
import type { Core } from './core.ts';
import type { Input } from './effects.ts';
import { GossipError } from './errors.ts';
import { applyNetwork } from './members/networks.ts';
import { applyAlive, applyDead, applyLeft, applySuspect } from './members/rules.ts';
import { answerPing, relayPing, takeAck } from './probe/answers.ts';
import { noteNack } from './probe/probe.ts';
import { rowsRoom, sendRows } from './spread/gossip-round.ts';
import { answerPingStream, takeStreamAck } from './sync/ping-stream.ts';
import type { Stream } from './sync/stream.ts';
import { closeStream } from './sync/streams.ts';
import { answerSync, hearSync, noteWritable } from './sync/sync.ts';
import type { PeerAddress } from './wire/address.ts';
import { decodeFrame } from './wire/decode.ts';
import type { Message, Rows } from './wire/messages.ts';

export function hear(core: Core, input: Input): void {
  if (input.kind === 'packet') {
    core.counters.packetsReceived += 1;
    core.takeRefuted();
    for (const message of tryRead(core, input.bytes) ?? []) hearMessage(core, input.from, message);
    return;
  }
  const stream = core.streams.get(input.stream);
  // The host may speak of a stream that this side has just closed.
  if (stream === undefined) return;
  switch (input.kind) {
    case 'stream.frame':
      hearFrame(core, stream, tryRead(core, input.bytes));
      return;
    case 'stream.writable':
      if (stream.kind === 'sync') noteWritable(core, stream);
      return;
    case 'stream.closed':
      core.streams.delete(stream.id);
  }
}

/** The messages of a sealed frame; none is taken of one that cannot be read whole. */
function tryRead(core: Core, bytes: Uint8Array): readonly Message[] | undefined {
  const { counters } = core;
  const opened = core.open(bytes);
  if (opened === undefined) {
    counters.unsealedRefused += 1;
    return undefined;
  }
  try {
    const { messages, unknown } = decodeFrame(opened);
    counters.unknownSkipped += unknown;
    return messages;
  } catch (error) {
    if (!(error instanceof GossipError)) throw error;
    counters.malformedRefused += 1;
    return undefined;
  }
}

function hearMessage(core: Core, from: PeerAddress, message: Message): void {
  switch (message.kind) {
    case 'ping':
      answerPing(core, from, message);
      return;
    case 'ack':
      takeAck(core, message.sequence);
      return;
    case 'nack':
      noteNack(core, message.sequence);
      return;
    case 'ping.request':
      relayPing(core, from, message);
      return;
    case 'alive':
      applyAlive(core, message);
      return;
    case 'suspect':
      applySuspect(core, message);
      return;
    case 'dead':
      applyDead(core, message);
      return;
    case 'left':
      applyLeft(core, message);
      return;
    case 'network':
      applyNetwork(core, message);
      return;
    case 'rows':
      hearRows(core, from, message);
      return;
    default:
      // The words of push/pulls mean nothing in packets.
      core.counters.malformedRefused += 1;
  }
}

/** Of members only: rows of strangers wait for the push/pull that makes them known. */
function hearRows(core: Core, from: PeerAddress, { source, bytes }: Rows): void {
  const member = core.members.withHash(source);
  if (core.tables === undefined || member === undefined) return;
  const answers = core.tables.receive(bytes, member.id, core.nowMs);
  sendRows(
    core,
    from,
    answers.filter(({ length }) => length <= rowsRoom(core)),
  );
}

function hearFrame(core: Core, stream: Stream, messages: readonly Message[] | undefined): void {
  const first = messages?.[0];
  if (stream.kind === 'sync' && messages !== undefined) hearSync(core, stream, messages);
  else if (stream.kind === 'ping' && first?.kind === 'ack')
    takeStreamAck(core, stream, first.sequence);
  else if (stream.kind === 'accepted' && first?.kind === 'ping')
    answerPingStream(core, stream, first);
  else if (stream.kind === 'accepted' && first?.kind === 'sync.hello')
    answerSync(core, stream, messages ?? []);
  else {
    core.counters.streamsFailed += 1;
    closeStream(core, stream);
  }
}
