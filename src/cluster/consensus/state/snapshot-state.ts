/**
 * A snapshot's state: the session table and the state machine's own bytes in one.
 *
 *     magic "HWSS"  u8 version = 1  3 reserved bytes, 0
 *     sections: u8 kind  u48 length  bytes        all numbers little endian
 *
 * Kind 1: sessions, JSON as of `SessionSnapshot`; unknown fields are ignored. Kind 2: the state
 * machine's bytes. Both once. Sections of other kinds are skipped, so that a later version may add
 * what an earlier one can do without; what it cannot raises the version. Damage is the storage's to
 * find.
 */
import { z } from 'zod';
import { messageOf } from '../../../base/index.ts';
import type { ClientId, LogIndex, SessionSnapshot } from '../../../raft/index.ts';
import { ClusterError } from '../../errors.ts';

const MAGIC = Buffer.from('HWSS');
const VERSION = 1;
const HEADER_BYTES = 8;
const SECTION_HEADER_BYTES = 7;
const SESSIONS = 1;
const MACHINE = 2;
/** Copied before the event loop is given to others. */
const COPY_BYTES = 8 << 20;

const sessionsSchema = z.object({
  forgottenAt: z.int().nonnegative(),
  clients: z.array(
    z.object({
      client: z.string(),
      floor: z.int().nonnegative(),
      outcomes: z.array(z.tuple([z.int().positive(), z.unknown()])),
    }),
  ),
});
export type EncodedSessions = z.output<typeof sessionsSchema>;

export interface DecodedState {
  readonly sessions: EncodedSessions;
  readonly machine: Buffer;
}

/** What is known to be true of outcomes is that this program wrote them. */
export function sessionsOf<Outcome>(sessions: EncodedSessions): SessionSnapshot<Outcome> {
  const clients = sessions.clients.map(({ client, floor, outcomes }) => {
    return { client: client as ClientId, floor, outcomes: outcomes as [number, Outcome][] };
  });
  return { forgottenAt: sessions.forgottenAt as LogIndex, clients };
}

/**
 * Takes the machine's pieces one at a time, with `pause` between them.
 */
export async function encodeState(
  sessions: SessionSnapshot<unknown>,
  machine: Uint8Array | Iterable<Uint8Array>,
  pause: () => Promise<void>,
): Promise<Buffer> {
  const json = Buffer.from(JSON.stringify(sessions));
  const pieces: Uint8Array[] = [];
  for (const piece of machine instanceof Uint8Array ? [machine] : machine) {
    pieces.push(piece);
    await pause();
  }
  const machineBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const head = [header(), sectionHeader(SESSIONS, json.length), json];
  const all = [...head, sectionHeader(MACHINE, machineBytes), ...pieces];
  return joined(all, pause);
}

/** Throws `ClusterError` with code `protocol` for what is not of this format. */
export function decodeState(state: Buffer): DecodedState {
  const version = state[MAGIC.length];
  if (state.length < HEADER_BYTES || !state.subarray(0, MAGIC.length).equals(MAGIC))
    throw malformed('it does not begin as one');
  if (version !== VERSION) throw malformed(`its version is ${version}, this program reads 1`);
  const sections = sectionsOf(state);
  const json = sections.get(SESSIONS);
  const machine = sections.get(MACHINE);
  if (json === undefined || machine === undefined) throw malformed('a section is missing');
  return { sessions: parseSessions(json), machine };
}

function sectionsOf(state: Buffer): Map<number, Buffer> {
  const sections = new Map<number, Buffer>();
  let at = HEADER_BYTES;
  while (at < state.length) {
    if (at + SECTION_HEADER_BYTES > state.length) throw malformed('a section is cut off');
    const kind = state.readUInt8(at);
    const length = state.readUIntLE(at + 1, 6);
    at += SECTION_HEADER_BYTES;
    if (length > state.length - at) throw malformed('a section is cut off');
    if (sections.has(kind)) throw malformed('a section comes twice');
    sections.set(kind, state.subarray(at, at + length));
    at += length;
  }
  return sections;
}

function parseSessions(json: Buffer): EncodedSessions {
  try {
    return sessionsSchema.parse(JSON.parse(json.toString()));
  } catch (error) {
    throw malformed(messageOf(error), error);
  }
}

function header(): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt8(VERSION, MAGIC.length);
  return bytes;
}

function sectionHeader(kind: number, length: number): Buffer {
  const bytes = Buffer.alloc(SECTION_HEADER_BYTES);
  bytes.writeUInt8(kind, 0);
  bytes.writeUIntLE(length, 1, 6);
  return bytes;
}

async function joined(pieces: readonly Uint8Array[], pause: () => Promise<void>): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  let sincePause = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
    sincePause += piece.length;
    if (sincePause < COPY_BYTES) continue;
    sincePause = 0;
    await pause();
  }
  return whole;
}

function malformed(reason: string, cause?: unknown): ClusterError {
  const message = `a snapshot's state cannot be read: ${reason}`;
  return new ClusterError({ code: 'protocol', reason }, message, cause);
}
