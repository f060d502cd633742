import { assert } from '../../base/index.ts';
import type { AppendOutcome, Message, ProposalRefusalReason } from '../messages.ts';
import { MESSAGE_BYTES_MAX, MESSAGE_TYPES, RECORD_BYTES, U64_BYTES } from './layout.ts';
import {
  commandSize,
  entrySize,
  idSize,
  snapshotSize,
  stampSize,
  writeCommand,
  writeEntry,
  writeSnapshot,
  writeStamp,
} from './parts.ts';
import { WireWriter, allocateFresh, type Allocate } from './writer.ts';

export const REFUSAL_REASONS: readonly ProposalRefusalReason[] = [
  'no-leader',
  'not-leader',
  'busy',
  'transferring',
  'too-large',
];

/** The bytes of a message for one peer; see `layout.ts`. */
export function encodeMessage(message: Message, allocate: Allocate = allocateFresh): Uint8Array {
  const size = encodedBytes(message);
  assert(size <= MESSAGE_BYTES_MAX, 'a message is within the limits', { size });
  const writer = new WireWriter(size, allocate);
  writer.begin(MESSAGE_TYPES[message.kind]);
  writer.id(message.from);
  writer.id(message.to);
  if ('term' in message) writer.u64(message.term);
  writeFields(writer, message);
  writer.end();
  return writer.finish();
}

/** How many bytes `encodeMessage` makes of it. */
export function encodedBytes(message: Message): number {
  const envelope = RECORD_BYTES + idSize(message.from) + idSize(message.to);
  return envelope + ('term' in message ? U64_BYTES : 0) + fieldsSize(message);
}

function fieldsSize(message: Message): number {
  switch (message.kind) {
    case 'pre-vote.request':
      return 2 * U64_BYTES;
    case 'vote.request':
      return 2 * U64_BYTES + 1;
    case 'pre-vote.reply':
    case 'vote.reply':
      return 1;
    case 'append.request':
      return 3 * U64_BYTES + listSize(message.entries, entrySize);
    case 'append.reply':
      return 1 + (message.outcome.kind === 'accepted' ? 1 : 3) * U64_BYTES;
    case 'heartbeat.request':
      return 2 * U64_BYTES;
    case 'heartbeat.reply':
      return U64_BYTES;
    case 'snapshot.request':
      return snapshotSize(message.snapshot);
    case 'timeout-now':
      return 0;
    case 'proposal.forward':
      return listSize(message.commands, commandSize);
    case 'proposal.refused':
      return listSize(message.refusals, ({ session }) => stampSize(session) + 1);
    case 'read.request':
      return 4 + message.ids.length * U64_BYTES;
    case 'read.reply':
      return 1 + (message.index === undefined ? 0 : U64_BYTES) + 4 + message.ids.length * U64_BYTES;
  }
}

function listSize<Item>(items: readonly Item[], sizeOf: (item: Item) => number): number {
  let size = 4;
  for (const item of items) size += sizeOf(item);
  return size;
}

function writeFields(writer: WireWriter, message: Message): void {
  switch (message.kind) {
    case 'pre-vote.request':
    case 'vote.request':
      writer.u64(message.lastIndex);
      writer.u64(message.lastTerm);
      if (message.kind === 'vote.request') writer.flag(message.isTransfer);
      return;
    case 'pre-vote.reply':
    case 'vote.reply':
      writer.flag(message.isGranted);
      return;
    case 'append.request':
      writer.u64(message.previousIndex);
      writer.u64(message.previousTerm);
      writer.u64(message.commit);
      writeList(writer, message.entries, writeEntry);
      return;
    case 'append.reply':
      writeOutcome(writer, message.outcome);
      return;
    case 'heartbeat.request':
      writer.u64(message.commit);
      writer.u64(message.round);
      return;
    case 'heartbeat.reply':
      writer.u64(message.round);
      return;
    case 'snapshot.request':
      writeSnapshot(writer, message.snapshot);
      return;
    case 'timeout-now':
      return;
    case 'proposal.forward':
      writeList(writer, message.commands, writeCommand);
      return;
    case 'proposal.refused':
      writeList(writer, message.refusals, (to, { session, reason }) => {
        writeStamp(to, session);
        to.u8(REFUSAL_REASONS.indexOf(reason));
      });
      return;
    case 'read.request':
      writeList(writer, message.ids, writeNumber);
      return;
    case 'read.reply':
      writer.flag(message.index !== undefined);
      if (message.index !== undefined) writer.u64(message.index);
      writeList(writer, message.ids, writeNumber);
  }
}

function writeOutcome(writer: WireWriter, outcome: AppendOutcome): void {
  writer.flag(outcome.kind === 'accepted');
  if (outcome.kind === 'accepted') {
    writer.u64(outcome.match);
    return;
  }
  writer.u64(outcome.previousIndex);
  writer.u64(outcome.hintIndex);
  writer.u64(outcome.hintTerm);
}

function writeNumber(writer: WireWriter, value: number): void {
  writer.u64(value);
}

function writeList<Item>(
  writer: WireWriter,
  items: readonly Item[],
  write: (writer: WireWriter, item: Item) => void,
): void {
  writer.u32(items.length);
  for (const item of items) write(writer, item);
}
