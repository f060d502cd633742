/** The parts that records are made of: how large each is, how it is written, how it is read. */
import { LEARNERS_MAX, RAFT_LIMITS, VOTERS_MAX } from '../options.ts';
import type {
  ClientId,
  Command,
  Entry,
  LogIndex,
  Membership,
  Payload,
  PeerId,
  SessionStamp,
  SnapshotMeta,
  Term,
} from '../types.ts';
import { ENTRY_TYPES, RECORD_BYTES, U64_BYTES } from './layout.ts';
import type { WireReader } from './reader.ts';
import type { WireWriter } from './writer.ts';

const ID_BYTES_MIN = 2;
export const STAMP_BYTES_MIN = ID_BYTES_MIN + 3 * U64_BYTES;
export const COMMAND_BYTES_MIN = STAMP_BYTES_MIN + 4;
export const ENTRY_BYTES_MIN = RECORD_BYTES + 2 * U64_BYTES;

export function idSize(id: string): number {
  return 1 + id.length;
}

export function stampSize({ client }: SessionStamp): number {
  return idSize(client) + 3 * U64_BYTES;
}

export function writeStamp(writer: WireWriter, stamp: SessionStamp): void {
  writer.id(stamp.client);
  writer.u64(stamp.sequence);
  writer.u64(stamp.floor);
  writer.u64(stamp.since);
}

export function readStamp(reader: WireReader): SessionStamp {
  const client = reader.id() as ClientId;
  const sequence = reader.u64('sequence');
  const floor = reader.u64('floor');
  if (floor < 1 || floor > sequence) throw reader.wrong('floor');
  return { client, sequence, floor, since: reader.u64('since') as LogIndex };
}

export function commandSize({ data, session }: Command): number {
  return stampSize(session) + 4 + data.length;
}

export function writeCommand(writer: WireWriter, { data, session }: Command): void {
  writeStamp(writer, session);
  writer.data(data);
}

export function readCommand(reader: WireReader): Command {
  const session = readStamp(reader);
  return { data: reader.data(RAFT_LIMITS.entryBytesMax), session };
}

export function membershipSize({ voters, learners }: Membership): number {
  let size = 2;
  for (const peer of voters) size += idSize(peer);
  for (const peer of learners) size += idSize(peer);
  return size;
}

export function writeMembership(writer: WireWriter, { voters, learners }: Membership): void {
  for (const peers of [voters, learners]) {
    writer.u8(peers.length);
    for (const peer of peers) writer.id(peer);
  }
}

export function readMembership(reader: WireReader): Membership {
  const voters = readPeers(reader, VOTERS_MAX);
  const learners = readPeers(reader, LEARNERS_MAX);
  if (learners.some((peer) => voters.includes(peer))) throw reader.wrong('learners');
  return { voters, learners };
}

function readPeers(reader: WireReader, peersMax: number): PeerId[] {
  const count = reader.u8();
  if (count > peersMax) throw reader.wrong('membership');
  const peers = Array.from({ length: count }, () => reader.id() as PeerId);
  const isSorted = peers.every((peer, at) => at === 0 || (peers[at - 1] as PeerId) < peer);
  if (!isSorted) throw reader.wrong('membership');
  return peers;
}

export function snapshotSize({ membership }: SnapshotMeta): number {
  return 2 * U64_BYTES + membershipSize(membership);
}

export function writeSnapshot(writer: WireWriter, { index, term, membership }: SnapshotMeta): void {
  writer.u64(index);
  writer.u64(term);
  writeMembership(writer, membership);
}

export function readSnapshot(reader: WireReader): SnapshotMeta {
  const index = reader.u64('index') as LogIndex;
  const term = reader.u64('term') as Term;
  return { index, term, membership: readMembership(reader) };
}

export function entrySize({ payload }: Entry): number {
  switch (payload.kind) {
    case 'empty':
      return ENTRY_BYTES_MIN;
    case 'command':
      return ENTRY_BYTES_MIN + commandSize(payload.command);
    case 'membership':
      return ENTRY_BYTES_MIN + membershipSize(payload.membership);
  }
}

export function writeEntry(writer: WireWriter, { term, index, payload }: Entry): void {
  writer.begin(ENTRY_TYPES[payload.kind]);
  writer.u64(term);
  writer.u64(index);
  if (payload.kind === 'command') writeCommand(writer, payload.command);
  if (payload.kind === 'membership') writeMembership(writer, payload.membership);
  writer.end();
}

/** Up to the extension, which the caller steps over. */
export function readEntry(reader: WireReader): Entry {
  const type = reader.begin();
  const term = reader.u64('term') as Term;
  const index = reader.u64('index') as LogIndex;
  return { term, index, payload: readPayload(reader, type) };
}

function readPayload(reader: WireReader, type: number): Payload {
  switch (type) {
    case ENTRY_TYPES.empty:
      return { kind: 'empty' };
    case ENTRY_TYPES.command:
      return { kind: 'command', command: readCommand(reader) };
    case ENTRY_TYPES.membership:
      return { kind: 'membership', membership: readMembership(reader) };
    default:
      throw reader.unknownType(type);
  }
}
