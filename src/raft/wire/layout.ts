/**
 * The bytes of what peers say and disks keep.
 *
 *   record      version u8 | type u8 | fields of the type | extension bytes u16 | extension
 *   message     a record whose fields begin with: from id | to id | term u64, if it has one
 *   entry       a record; fields: term u64 | index u64 | those of its payload
 *   command     client id | sequence u64 | floor u64 | since u64 | data bytes u32 | data
 *   membership  voters u8 | id each | learners u8 | id each
 *   id          characters u8, 1 to 255 | visible ASCII
 *   list        items u32 | each item; entries in a list are whole records
 *   flag        u8, 0 or 1
 *
 * Numbers are big endian; u64 holds at most 2^53 - 1. The upgrade rule: a release that adds a field
 * puts it in the extension, which older readers skip, and reads an absent one as its default. What
 * older readers must not misread (a changed field, a new type) raises the version or takes a new
 * type, which they refuse with a code; a group sends neither before all of its members know it.
 */
import type { Message } from '../messages.ts';
import { RAFT_LIMITS } from '../options.ts';
import type { Payload } from '../types.ts';

export const WIRE_VERSION = 1;

/**
 * No message is longer: one entry of the largest size, or a full append of small ones. An entry
 * takes less than eight times what `entryBytes` counts for it.
 */
export const MESSAGE_BYTES_MAX = RAFT_LIMITS.entryBytesMax + 8 * RAFT_LIMITS.appendBytesMax;

export const ID_CHARACTERS_MAX = 255;

/** Whether ids may have this character. */
export function isVisible(code: number): boolean {
  return code >= 0x21 && code <= 0x7e;
}

/** Types of records are one space of numbers, so that none is taken for another. */
export const MESSAGE_TYPES: Readonly<Record<Message['kind'], number>> = {
  'pre-vote.request': 1,
  'pre-vote.reply': 2,
  'vote.request': 3,
  'vote.reply': 4,
  'append.request': 5,
  'append.reply': 6,
  'heartbeat.request': 7,
  'heartbeat.reply': 8,
  'snapshot.request': 9,
  'timeout-now': 10,
  'proposal.forward': 11,
  'proposal.refused': 12,
  'read.request': 13,
  'read.reply': 14,
};

export const ENTRY_TYPES: Readonly<Record<Payload['kind'], number>> = {
  empty: 33,
  command: 34,
  membership: 35,
};

export const HARD_STATE_TYPE = 65;
export const SNAPSHOT_TYPE = 66;
export const MEMBERSHIP_TYPE = 67;

/** Version, type and the length of an empty extension. */
export const RECORD_BYTES = 4;
export const U64_BYTES = 8;
