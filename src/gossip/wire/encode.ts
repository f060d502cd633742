import { assert, unreachable } from '../../base/index.ts';
import { writeAddress } from './address.ts';
import type { ByteWriter } from './bytes.ts';
import {
  ACCUSERS_MAX,
  META_BYTES_MAX,
  type Alive,
  type Message,
  type NetworkNews,
  type PingRequest,
  type ProtocolRange,
  type Suspect,
  type SyncHello,
} from './messages.ts';

/** The layout of frames. It changes only when old versions could not step over what is new. */
export const WIRE_VERSION = 1;

/** On the wire. Numbers are never used again for something else. */
export const MESSAGE_TYPES = {
  ping: 1,
  ack: 2,
  nack: 3,
  'ping.request': 4,
  alive: 5,
  suspect: 6,
  dead: 7,
  left: 8,
  network: 9,
  rows: 10,
  'sync.hello': 11,
  'sync.done': 12,
} as const satisfies Readonly<Record<Message['kind'], number>>;

/** Type and length before each message. */
export const MESSAGE_HEADER_BYTES = 3;

export function writeMessage(writer: ByteWriter, message: Message): void {
  writer.u8(MESSAGE_TYPES[message.kind]);
  const lengthAt = writer.length;
  writer.u16(0);
  writeBody(writer, message);
  const length = writer.length - lengthAt - 2;
  assert(length <= 0xffff, 'a message fits its length', { kind: message.kind, length });
  writer.u16At(lengthAt, length);
}

function writeBody(writer: ByteWriter, message: Message): void {
  switch (message.kind) {
    case 'ping':
      writer.u32(message.sequence);
      writer.u32(message.target);
      writer.u32(message.source);
      return;
    case 'ack':
    case 'nack':
      writer.u32(message.sequence);
      return;
    case 'ping.request':
      writePingRequest(writer, message);
      return;
    case 'alive':
      writeAlive(writer, message);
      return;
    case 'suspect':
      writeSuspect(writer, message);
      return;
    case 'dead':
      writer.text(message.id);
      writer.u32(message.incarnation);
      writer.u32(message.accuser);
      return;
    case 'left':
      writer.text(message.id);
      writer.u32(message.incarnation);
      return;
    case 'network':
      writeNetwork(writer, message);
      return;
    case 'rows':
      writer.u32(message.source);
      writer.raw(message.bytes);
      return;
    case 'sync.hello':
      writeHello(writer, message);
      return;
    case 'sync.done':
      writer.u32(message.heard);
      return;
    default:
      unreachable(message);
  }
}

function writePingRequest(writer: ByteWriter, message: PingRequest): void {
  writer.u32(message.sequence);
  writer.u32(message.target);
  writeAddress(writer, message.address);
}

function writeAlive(writer: ByteWriter, message: Alive): void {
  assert(message.meta.length <= META_BYTES_MAX, 'meta is within its bound');
  writer.text(message.id);
  writer.u32(message.incarnation);
  writeAddress(writer, message.address);
  writeProtocol(writer, message.protocol);
  writer.u16(message.meta.length);
  writer.raw(message.meta);
}

function writeSuspect(writer: ByteWriter, message: Suspect): void {
  const { accusers } = message;
  assert(accusers.length > 0 && accusers.length <= ACCUSERS_MAX, 'a suspect has some accusers');
  writer.text(message.id);
  writer.u32(message.incarnation);
  writer.u8(accusers.length);
  for (const accuser of accusers) writer.u32(accuser);
}

function writeNetwork(writer: ByteWriter, message: NetworkNews): void {
  writer.text(message.id);
  writer.text(message.network);
  writer.u32(message.time);
  writer.u8(message.isJoined ? 1 : 0);
}

function writeHello(writer: ByteWriter, message: SyncHello): void {
  writer.text(message.id);
  writeProtocol(writer, message.protocol);
  for (const word of message.digest) writer.u32(word);
}

function writeProtocol(writer: ByteWriter, { min, max }: ProtocolRange): void {
  writer.u8(min);
  writer.u8(max);
}
