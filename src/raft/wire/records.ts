/** What a host keeps on its disk, each a record of its own. */
import type { Entry, HardState, Membership, PeerId, SnapshotMeta, Term } from '../types.ts';
import {
  HARD_STATE_TYPE,
  MEMBERSHIP_TYPE,
  RECORD_BYTES,
  SNAPSHOT_TYPE,
  U64_BYTES,
} from './layout.ts';
import {
  entrySize,
  idSize,
  membershipSize,
  readEntry,
  readMembership,
  readSnapshot,
  snapshotSize,
  writeEntry,
  writeMembership,
  writeSnapshot,
} from './parts.ts';
import { WireReader } from './reader.ts';
import { WireWriter, allocateFresh, type Allocate } from './writer.ts';

export function encodeEntry(entry: Entry, allocate: Allocate = allocateFresh): Uint8Array {
  const writer = new WireWriter(entrySize(entry), allocate);
  writeEntry(writer, entry);
  return writer.finish();
}

/** A command's data is a view of `bytes`. Throws `RaftError`. */
export function decodeEntry(bytes: Uint8Array): Entry {
  const reader = new WireReader(bytes);
  const entry = readEntry(reader);
  reader.finish();
  return entry;
}

export function encodeHardState({ term, vote }: HardState): Uint8Array {
  const voteSize = vote === undefined ? 0 : idSize(vote);
  const writer = new WireWriter(RECORD_BYTES + U64_BYTES + 1 + voteSize, allocateFresh);
  writer.begin(HARD_STATE_TYPE);
  writer.u64(term);
  writer.flag(vote !== undefined);
  if (vote !== undefined) writer.id(vote);
  writer.end();
  return writer.finish();
}

/** Throws `RaftError`. */
export function decodeHardState(bytes: Uint8Array): HardState {
  return decodeRecord(bytes, HARD_STATE_TYPE, (reader) => {
    const term = reader.u64('term') as Term;
    return { term, vote: reader.flag('vote') ? (reader.id() as PeerId) : undefined };
  });
}

export function encodeSnapshotMeta(snapshot: SnapshotMeta): Uint8Array {
  const writer = new WireWriter(RECORD_BYTES + snapshotSize(snapshot), allocateFresh);
  writer.begin(SNAPSHOT_TYPE);
  writeSnapshot(writer, snapshot);
  writer.end();
  return writer.finish();
}

/** Throws `RaftError`. */
export function decodeSnapshotMeta(bytes: Uint8Array): SnapshotMeta {
  return decodeRecord(bytes, SNAPSHOT_TYPE, readSnapshot);
}

export function encodeMembership(membership: Membership): Uint8Array {
  const writer = new WireWriter(RECORD_BYTES + membershipSize(membership), allocateFresh);
  writer.begin(MEMBERSHIP_TYPE);
  writeMembership(writer, membership);
  writer.end();
  return writer.finish();
}

/** Throws `RaftError`. */
export function decodeMembership(bytes: Uint8Array): Membership {
  return decodeRecord(bytes, MEMBERSHIP_TYPE, readMembership);
}

function decodeRecord<Value>(
  bytes: Uint8Array,
  type: number,
  read: (reader: WireReader) => Value,
): Value {
  const reader = new WireReader(bytes);
  const found = reader.begin();
  if (found !== type) throw reader.unknownType(found);
  const value = read(reader);
  reader.finish();
  return value;
}
