/**
 * The push/pull of one network's rows with a peer: digests, pulls, rows.
 *
 * Equal tables cost one digest, some 40 bytes for each owner. Of an owner that differs, rows
 * written after the receiver's mark are sent, or all of them when deletions since then are
 * forgotten; in messages of bounded length, each asked for by the one before, so a peer that has
 * much to learn is never sent more than it is ready for, and goes on where it stopped.
 */
import type { NodeId } from '../../model/index.ts';
import { HEAL_INTERVAL_MS } from './limits.ts';
import type { NetworkTable, Taken } from './network-table.ts';
import type { OwnerRows } from './rows/owner-rows.ts';
import { NO_TIME, type LamportTime, type Row } from './rows/row.ts';
import { bytesMost, encodeTableMessage } from './wire/encode.ts';
import type { Digest, DigestEntry, PullEntry, Pull, Rows, Section } from './wire/messages.ts';

export interface Heard {
  readonly from: NodeId;
  readonly nowMs: number;
}

/** The digests that open a push/pull. */
export function openingDigests(table: NetworkTable): readonly Uint8Array[] {
  const chunks = inChunks(table, entriesOf(table));
  return chunks.map((entries, index) => {
    const after = chunks[index - 1]?.at(-1)?.owner;
    const through = index === chunks.length - 1 ? undefined : entries.at(-1)?.owner;
    const range = { ...(after && { after }), ...(through && { through }) };
    return encodeTableMessage({ kind: 'digest', networkId: table.networkId, range, entries });
  });
}

/** Asks for what the peer has more of, and tells it, if asked, of what this node has more. */
export function answerDigest(table: NetworkTable, digest: Digest, heard: Heard): Taken {
  const pulls: PullEntry[] = [];
  for (const entry of digest.entries) {
    const pull = pullFor(table, entry, heard);
    if (pull !== undefined) pulls.push(pull);
  }
  const replies = pullMessages(table, pulls);
  const ahead = digest.range === undefined ? [] : entriesAhead(table, digest, digest.range);
  if (ahead.length > 0)
    for (const entries of inChunks(table, ahead))
      replies.push(encodeTableMessage({ kind: 'digest', networkId: table.networkId, entries }));
  return { changes: 0, replies };
}

/** As many rows as fit one message; what did not fit is named in it. */
export function answerPull(table: NetworkTable, { entries, networkId }: Pull): Taken {
  const sections: Section[] = [];
  const rest: PullEntry[] = [];
  let room = table.context.limits.messageBytesMax - bytesMost.head(networkId);
  // Should nothing more fit, all that is left must be named.
  for (const { owner } of entries) room -= bytesMost.pullEntry(owner);
  for (const entry of entries) {
    const rows = table.of(entry.owner);
    if (rows === undefined) continue;
    const head = bytesMost.sectionHead(entry.owner);
    const section = rest.length > 0 ? undefined : sectionOf(rows, entry, room - head);
    if (section === undefined) rest.push(entry);
    else {
      sections.push(section);
      room -= head + bytesOf(section.rows);
      if (section.isLast) room += bytesMost.pullEntry(entry.owner);
      else rest.push(nextPull(section));
    }
  }
  if (sections.length === 0) return { changes: 0, replies: [] };
  const message: Rows = { kind: 'rows', networkId, sections, rest };
  return { changes: 0, replies: [encodeTableMessage(message)] };
}

/** Takes rows, and asks for the next. */
export function takeRows(table: NetworkTable, { sections, rest }: Rows, heard: Heard): Taken {
  const goOn = new Set(rest.map(({ owner }) => owner));
  let changes = 0;
  for (const section of sections) {
    const count = takeSection(table, section, heard);
    if (count === undefined) goOn.delete(section.owner);
    else changes += count;
  }
  const { self } = table.context;
  // An answer without rows would be followed by the same one for ever.
  if (sections.length === 0) return { changes, replies: [] };
  const pulls = rest.filter(
    ({ owner }) => goOn.has(owner) && (owner === self || table.wants(owner)),
  );
  return { changes, replies: pullMessages(table, pulls) };
}

function takeSection(
  table: NetworkTable,
  section: Section,
  { from, nowMs }: Heard,
): number | undefined {
  const { counters, self } = table.context;
  if (section.owner === self) return takeOwnSection(table, section, nowMs);
  if (!table.wants(section.owner)) return undefined;
  if (section.isSweep && section.since === NO_TIME) counters.sweeps += 1;
  const told = table.ensure(section.owner, nowMs)?.takeSection(section, from, nowMs);
  if (told === 'full') counters.rowsRefused += 1;
  return typeof told === 'number' ? told : undefined;
}

/** What a peer holds of an earlier life: rows that this one does not have are deleted. */
function takeOwnSection(table: NetworkTable, { rows, through }: Section, nowMs: number): number {
  const seen = rows.reduce<number>((latest, { time }) => Math.max(latest, time), through);
  if (seen > table.own.mark) table.heal(seen as LamportTime, nowMs);
  return rows.filter((row) => table.disown(row, nowMs)).length;
}

function pullFor(
  table: NetworkTable,
  entry: DigestEntry,
  { from, nowMs }: Heard,
): PullEntry | undefined {
  const { owner, mark } = entry;
  if (owner === table.context.self) return pullOfSelf(table, entry, nowMs);
  if (!table.wants(owner)) return undefined;
  const rows = table.of(owner);
  if (rows === undefined) return { owner, since: NO_TIME, sweep: NO_TIME };
  const isAhead = mark > rows.mark || (mark === rows.mark && differs(entry, rows.digestEntry()));
  return isAhead ? rows.pullFrom(from) : undefined;
}

/**
 * The owner's own word decides. Nobody can know more of its rows than it does, and who knows all of
 * them holds the same; if not, they are of an earlier life, and both are settled by writing anew.
 */
function pullOfSelf(table: NetworkTable, entry: DigestEntry, nowMs: number): PullEntry | undefined {
  const { own } = table;
  const isBeyond = entry.mark > own.mark;
  const isOther = entry.mark === own.mark && differs(entry, own.digestEntry());
  if (!isBeyond && !(isOther && nowMs - own.bornMs >= HEAL_INTERVAL_MS)) return undefined;
  table.heal(entry.mark, nowMs);
  return { owner: entry.owner, since: NO_TIME, sweep: NO_TIME };
}

function differs(one: DigestEntry, other: DigestEntry): boolean {
  return one.count !== other.count || one.hash !== other.hash;
}

/** Owners of whom the sender of the digest lacks something. */
function entriesAhead(
  table: NetworkTable,
  digest: Digest,
  { after, through }: NonNullable<Digest['range']>,
): DigestEntry[] {
  const theirs = new Map(digest.entries.map((entry) => [entry.owner, entry]));
  return entriesOf(table).filter((entry) => {
    if (after !== undefined && entry.owner <= after) return false;
    if (through !== undefined && entry.owner > through) return false;
    const other = theirs.get(entry.owner);
    if (other === undefined || other.mark < entry.mark) return true;
    return other.mark === entry.mark && differs(other, entry);
  });
}

function entriesOf(table: NetworkTable): DigestEntry[] {
  const entries = [...table.members()].map((rows) => rows.digestEntry());
  return entries.sort((a, b) => (a.owner < b.owner ? -1 : 1));
}

/** At least one chunk, that may be empty. */
function inChunks(table: NetworkTable, entries: readonly DigestEntry[]): DigestEntry[][] {
  const room = table.context.limits.messageBytesMax - bytesMost.head(table.networkId);
  return chunksOf(entries, room, ({ owner }) => bytesMost.digestEntry(owner));
}

/** At most a quarter of a message, since what the answer does not hold comes back in it. */
function pullMessages(table: NetworkTable, pulls: readonly PullEntry[]): Uint8Array[] {
  if (pulls.length === 0) return [];
  const { networkId, context } = table;
  const room = Math.floor(context.limits.messageBytesMax / 4);
  return chunksOf(pulls, room, ({ owner }) => bytesMost.pullEntry(owner)).map((entries) =>
    encodeTableMessage({ kind: 'pull', networkId, entries }),
  );
}

function chunksOf<Item>(
  items: readonly Item[],
  room: number,
  bytesOf: (item: Item) => number,
): Item[][] {
  const chunks: Item[][] = [];
  let chunk: Item[] = [];
  let left = room;
  for (const item of items) {
    const bytes = bytesOf(item);
    if (bytes > left) {
      chunks.push(chunk);
      chunk = [];
      left = room;
    }
    chunk.push(item);
    left -= bytes;
  }
  return [...chunks, chunk];
}

function nextPull({ owner, isSweep, through, floor }: Section): PullEntry {
  return { owner, since: through, sweep: isSweep ? floor : NO_TIME };
}

/**
 * Rows after the entry's time that fit `room`, in the order of their times; `undefined` when none
 * does. Rows beyond the mark, which came by gossip after a gap, follow the last if there is room.
 */
function sectionOf(
  rows: OwnerRows,
  { since, sweep }: PullEntry,
  room: number,
): Section | undefined {
  const { owner, mark, floor } = rows;
  const goesOn = sweep !== NO_TIME && sweep === floor;
  const isSweep = goesOn || sweep !== NO_TIME || since < floor;
  const from = isSweep && !goesOn ? NO_TIME : since;
  if (room < 0) return undefined;
  const fitting: Row[] = [];
  let left = room;
  let cut: Row | undefined;
  for (const row of rows.rowsAfter(from)) {
    left -= bytesMost.row(row);
    if (left < 0) {
      cut = row;
      break;
    }
    fitting.push(row);
  }
  const isLast = cut === undefined || cut.time > mark;
  const through = isLast ? (Math.max(from, mark) as LamportTime) : fitting.at(-1)?.time;
  if (through === undefined) return undefined;
  return { owner, isSweep, since: from, through, floor, isLast, rows: fitting };
}

function bytesOf(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + bytesMost.row(row), 0);
}
