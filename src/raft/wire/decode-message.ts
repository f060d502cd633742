import { RaftError } from '../errors.ts';
import type { AppendOutcome, Message, ProposalRefusal } from '../messages.ts';
import type { Entry, LogIndex, PeerId, ReadId, Term } from '../types.ts';
import { REFUSAL_REASONS } from './encode-message.ts';
import { MESSAGE_BYTES_MAX, MESSAGE_TYPES, U64_BYTES } from './layout.ts';
import {
  COMMAND_BYTES_MIN,
  ENTRY_BYTES_MIN,
  STAMP_BYTES_MIN,
  readCommand,
  readEntry,
  readSnapshot,
  readStamp,
} from './parts.ts';
import { WireReader } from './reader.ts';

/**
 * A message from another peer's bytes. The data of its commands are views of `bytes`, which
 * therefore must not be written to afterwards, and live as long as an entry of it does. Throws
 * `RaftError`.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length > MESSAGE_BYTES_MAX)
    throw new RaftError(
      { code: 'wire-oversized', bytes: bytes.length },
      `a message of ${bytes.length} bytes; ${MESSAGE_BYTES_MAX} is the most`,
    );
  const reader = new WireReader(bytes);
  const type = reader.begin();
  const from = reader.id() as PeerId;
  const to = reader.id() as PeerId;
  const message = readFields(reader, type, { from, to });
  reader.finish();
  return message;
}

interface Envelope {
  readonly from: PeerId;
  readonly to: PeerId;
}

function readFields(reader: WireReader, type: number, envelope: Envelope): Message {
  switch (type) {
    case MESSAGE_TYPES['proposal.forward']: {
      const commands = readList(reader, COMMAND_BYTES_MIN, readCommand);
      return { kind: 'proposal.forward', ...envelope, commands };
    }
    case MESSAGE_TYPES['proposal.refused']: {
      const refusals = readList(reader, STAMP_BYTES_MIN + 1, readRefusal);
      return { kind: 'proposal.refused', ...envelope, refusals };
    }
    case MESSAGE_TYPES['read.request']:
      return { kind: 'read.request', ...envelope, ids: readReadIds(reader) };
    case MESSAGE_TYPES['read.reply']: {
      const index = reader.flag('index') ? (reader.u64('index') as LogIndex) : undefined;
      return { kind: 'read.reply', ...envelope, ids: readReadIds(reader), index };
    }
    default:
      return readTermed(reader, type, envelope);
  }
}

function readTermed(reader: WireReader, type: number, { from, to }: Envelope): Message {
  const term = reader.u64('term') as Term;
  const head = { from, to, term };
  switch (type) {
    case MESSAGE_TYPES['pre-vote.request']:
      return { kind: 'pre-vote.request', ...head, ...readLogEnd(reader) };
    case MESSAGE_TYPES['pre-vote.reply']:
      return { kind: 'pre-vote.reply', ...head, isGranted: reader.flag('isGranted') };
    case MESSAGE_TYPES['vote.request']: {
      const end = readLogEnd(reader);
      return { kind: 'vote.request', ...head, ...end, isTransfer: reader.flag('isTransfer') };
    }
    case MESSAGE_TYPES['vote.reply']:
      return { kind: 'vote.reply', ...head, isGranted: reader.flag('isGranted') };
    case MESSAGE_TYPES['append.request']: {
      const previousIndex = reader.u64('previousIndex') as LogIndex;
      const previousTerm = reader.u64('previousTerm') as Term;
      const commit = reader.u64('commit') as LogIndex;
      const entries = readList(reader, ENTRY_BYTES_MIN, readNestedEntry);
      return { kind: 'append.request', ...head, previousIndex, previousTerm, entries, commit };
    }
    case MESSAGE_TYPES['append.reply']:
      return { kind: 'append.reply', ...head, outcome: readOutcome(reader) };
    case MESSAGE_TYPES['heartbeat.request']: {
      const commit = reader.u64('commit') as LogIndex;
      return { kind: 'heartbeat.request', ...head, commit, round: reader.u64('round') };
    }
    case MESSAGE_TYPES['heartbeat.reply']:
      return { kind: 'heartbeat.reply', ...head, round: reader.u64('round') };
    case MESSAGE_TYPES['snapshot.request']:
      return { kind: 'snapshot.request', ...head, snapshot: readSnapshot(reader) };
    case MESSAGE_TYPES['timeout-now']:
      return { kind: 'timeout-now', ...head };
    default:
      throw reader.unknownType(type);
  }
}

function readLogEnd(reader: WireReader): {
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
} {
  const lastIndex = reader.u64('lastIndex') as LogIndex;
  return { lastIndex, lastTerm: reader.u64('lastTerm') as Term };
}

function readOutcome(reader: WireReader): AppendOutcome {
  if (reader.flag('outcome')) return { kind: 'accepted', match: reader.u64('match') as LogIndex };
  const previousIndex = reader.u64('previousIndex') as LogIndex;
  const hintIndex = reader.u64('hintIndex') as LogIndex;
  return { kind: 'rejected', previousIndex, hintIndex, hintTerm: reader.u64('hintTerm') as Term };
}

function readRefusal(reader: WireReader): ProposalRefusal {
  const session = readStamp(reader);
  const reason = REFUSAL_REASONS[reader.u8()];
  if (reason === undefined) throw reader.wrong('reason');
  return { session, reason };
}

function readReadIds(reader: WireReader): ReadId[] {
  return readList(reader, U64_BYTES, (from) => from.u64('id') as ReadId);
}

function readNestedEntry(reader: WireReader): Entry {
  const entry = readEntry(reader);
  reader.end();
  return entry;
}

function readList<Item>(
  reader: WireReader,
  itemBytesMin: number,
  read: (reader: WireReader) => Item,
): Item[] {
  const count = reader.count(itemBytesMin);
  const items: Item[] = [];
  for (let index = 0; index < count; index += 1) items.push(read(reader));
  return items;
}
