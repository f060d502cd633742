import type { NetworkId, NodeId } from '../../model/index.ts';
import { GossipError, rangeError } from '../errors.ts';
import { readAddress } from './address.ts';
import { ByteReader } from './bytes.ts';
import { MESSAGE_TYPES, WIRE_VERSION } from './encode.ts';
import {
  ACCUSERS_MAX,
  DIGEST_BUCKETS,
  ID_BYTES_MAX,
  INCARNATION_MAX,
  META_BYTES_MAX,
  NETWORK_TIME_MAX,
  type Alive,
  type Incarnation,
  type MemberHash,
  type Message,
  type NetworkNews,
  type NetworkTime,
  type ProtocolRange,
  type Sequence,
  type Suspect,
  type SyncHello,
} from './messages.ts';

export interface Frame {
  readonly messages: readonly Message[];
  /** Messages of types that this version does not know, which it steps over. */
  readonly unknown: number;
}

/**
 * Reads a packet's or a stream's frame. Throws `GossipError` if any of its messages is malformed,
 * and for a frame of another version.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== WIRE_VERSION)
    throw new GossipError({ code: 'version', version }, `gossip frame of version ${version}`);
  const messages: Message[] = [];
  let unknown = 0;
  while (reader.remaining > 0) {
    const message = readMessage(reader);
    if (message === undefined) unknown += 1;
    else messages.push(message);
  }
  return { messages, unknown };
}

/** Bytes after the fields that this version knows are a later version's, and left alone. */
function readMessage(reader: ByteReader): Message | undefined {
  const type = reader.u8();
  return readBody(reader.part(reader.u16()), type);
}

function readBody(body: ByteReader, type: number): Message | undefined {
  switch (type) {
    case MESSAGE_TYPES.ping:
      return { kind: 'ping', sequence: sequence(body), target: hash(body), source: hash(body) };
    case MESSAGE_TYPES.ack:
      return { kind: 'ack', sequence: sequence(body) };
    case MESSAGE_TYPES.nack:
      return { kind: 'nack', sequence: sequence(body) };
    case MESSAGE_TYPES['ping.request']:
      return {
        kind: 'ping.request',
        sequence: sequence(body),
        target: hash(body),
        address: readAddress(body),
      };
    case MESSAGE_TYPES.alive:
      return readAlive(body);
    case MESSAGE_TYPES.suspect:
      return readSuspect(body);
    case MESSAGE_TYPES.dead:
      return { kind: 'dead', id: id(body), incarnation: incarnation(body), accuser: hash(body) };
    case MESSAGE_TYPES.left:
      return { kind: 'left', id: id(body), incarnation: incarnation(body) };
    case MESSAGE_TYPES.network:
      return readNetwork(body);
    case MESSAGE_TYPES.rows:
      return { kind: 'rows', source: hash(body), bytes: body.raw(body.remaining) };
    case MESSAGE_TYPES['sync.hello']:
      return readHello(body);
    case MESSAGE_TYPES['sync.done']:
      return { kind: 'sync.done', heard: body.u32() };
    default:
      return undefined;
  }
}

function readAlive(body: ByteReader): Alive {
  const head = {
    kind: 'alive',
    id: id(body),
    incarnation: incarnation(body),
    address: readAddress(body),
    protocol: protocol(body),
  } as const;
  const metaBytes = body.u16();
  if (metaBytes > META_BYTES_MAX) throw rangeError('meta');
  return { ...head, meta: body.raw(metaBytes) };
}

function readSuspect(body: ByteReader): Suspect {
  const head = { kind: 'suspect', id: id(body), incarnation: incarnation(body) } as const;
  const count = body.u8();
  if (count === 0 || count > ACCUSERS_MAX) throw rangeError('accusers');
  const accusers: MemberHash[] = [];
  for (let index = 0; index < count; index += 1) {
    const accuser = hash(body);
    if (accusers.includes(accuser)) throw rangeError('accusers');
    accusers.push(accuser);
  }
  return { ...head, accusers };
}

function readNetwork(body: ByteReader): NetworkNews {
  const head = { kind: 'network', id: id(body) } as const;
  const network = body.text(ID_BYTES_MAX, 'network') as NetworkId;
  const time = body.u32();
  const joined = body.u8();
  if (time > NETWORK_TIME_MAX) throw rangeError('network time');
  if (joined > 1) throw rangeError('joined');
  return { ...head, network, time: time as NetworkTime, isJoined: joined === 1 };
}

function readHello(body: ByteReader): SyncHello {
  const head = { kind: 'sync.hello', id: id(body), protocol: protocol(body) } as const;
  const digest = new Uint32Array(DIGEST_BUCKETS);
  for (let word = 0; word < DIGEST_BUCKETS; word += 1) digest[word] = body.u32();
  return { ...head, digest };
}

function id(body: ByteReader): NodeId {
  return body.text(ID_BYTES_MAX, 'id') as NodeId;
}

function hash(body: ByteReader): MemberHash {
  return body.u32() as MemberHash;
}

function sequence(body: ByteReader): Sequence {
  return body.u32() as Sequence;
}

function incarnation(body: ByteReader): Incarnation {
  const value = body.u32();
  if (value > INCARNATION_MAX) throw rangeError('incarnation');
  return value as Incarnation;
}

function protocol(body: ByteReader): ProtocolRange {
  const range = { min: body.u8(), max: body.u8() };
  if (range.min === 0 || range.min > range.max) throw rangeError('protocol');
  return range;
}
