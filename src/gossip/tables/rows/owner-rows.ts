/**
 * One owner's rows in one network, as this node knows them.
 *
 * Why deleted rows stay deleted although tombstones are forgotten: the coverage's mark says through
 * which of the owner's times everything is known here. A version at or below the mark whose key is
 * not here was deleted or replaced, so it is turned away however late it comes, and nobody asks for
 * rows of a replica with a lower mark. A replica that was away while tombstones were forgotten has
 * a mark below the others' `floor`; it is not told changes but everything (a sweep), and drops what
 * was not named. Completeness begins with the owner, so in the end its own word decides.
 *
 * Invariant: of each key whose newest version is at or below the mark, that version is here, or it
 * is a deletion at or below the floor. `floor <= mark`.
 */
import type { NodeId } from '../../../model/index.ts';
import { Coverage } from './coverage.ts';
import { NO_TIME, hashOf, isNewer, nameInOwner, type LamportTime, type Row } from './row.ts';
import type { DigestEntry, PullEntry, Section } from '../wire/messages.ts';

/** What the rows of all owners of a network share. */
export interface RowsHost {
  readonly rowsPerOwnerMax: number;
  readonly tombstonesPerOwnerMax: number;
  /** Told before a row's value changes. */
  noteChange(owner: NodeId, row: Row, before: Uint8Array | undefined): void;
  /** Whether there is room for another row or tombstone. */
  tryGrow(): boolean;
  shrink(count: number): void;
}

/** `known`: nothing new in it. `full`: turned away by a limit. */
export type Offered = 'new' | 'known' | 'full';

/** How many rows were new; or why the peer is asked no further. */
export type Told = number | 'full' | 'out-of-order';

/** All rows of the owner as one peer tells them. */
interface Sweep {
  readonly from: NodeId;
  /** Of the peer; another one there would begin another sweep. */
  readonly floor: LamportTime;
  /** Rows up to here were told. */
  cursor: LamportTime;
  readonly named: Set<string>;
}

export class OwnerRows {
  readonly owner: NodeId;
  readonly bornMs: number;
  hintedAtMs = -Infinity;
  private readonly host: RowsHost;
  private readonly coverage = new Coverage();
  private readonly rows = new Map<string, Row>();
  /** Names of tombstones with the time of their arrival, the oldest first. */
  private readonly tombstones = new Map<string, number>();
  private floorTime = NO_TIME;
  private hash = 0;
  private sweep: Sweep | undefined;

  constructor(owner: NodeId, host: RowsHost, nowMs: number) {
    this.owner = owner;
    this.host = host;
    this.bornMs = nowMs;
  }

  /** Through which of the owner's times everything is known. */
  get mark(): LamportTime {
    return this.coverage.mark;
  }

  /** Deletions up to this time may be forgotten. */
  get floor(): LamportTime {
    return this.floorTime;
  }

  get liveCount(): number {
    return this.rows.size - this.tombstones.size;
  }

  digestEntry(): DigestEntry {
    const { owner, mark, hash } = this;
    return { owner, mark, count: this.liveCount, hash };
  }

  /** Live or a tombstone. */
  row(name: string): Row | undefined {
    return this.rows.get(name);
  }

  /** In no order. */
  get liveRows(): readonly Row[] {
    return [...this.rows.values()].filter(({ value }) => value !== undefined);
  }

  /** Rows and tombstones written after `time`, in the order of their times. */
  rowsAfter(time: LamportTime): readonly Row[] {
    return [...this.rows.values()].filter((row) => row.time > time).sort((a, b) => a.time - b.time);
  }

  /** Begins at `time`: everything before is deleted, and nobody remembers what it was. */
  beginAt(time: LamportTime): void {
    this.floorTime = time;
    this.coverage.add(NO_TIME, time);
  }

  offer(row: Row, nowMs: number): Offered {
    const held = this.rows.get(nameInOwner(row));
    if (held === undefined ? row.time <= this.mark : !isNewer(row, held)) return 'known';
    const isMore = row.value !== undefined && held?.value === undefined;
    if (isMore && this.liveCount >= this.host.rowsPerOwnerMax) return 'full';
    if (held === undefined && !this.host.tryGrow()) return 'full';
    this.replace(held, row, nowMs);
    return 'new';
  }

  /** Everything that the owner wrote in `(since, through]` is here. */
  cover(since: LamportTime, through: LamportTime): void {
    this.coverage.add(since, through);
  }

  /** What to ask a peer for that is ahead, or has rows that are not here. */
  pullFrom(peer: NodeId): PullEntry {
    const { owner, mark, sweep } = this;
    if (sweep?.from !== peer) return { owner, since: mark, sweep: NO_TIME };
    return { owner, since: sweep.cursor, sweep: sweep.floor };
  }

  /** Takes what a peer tells. What a limit kept out must not pass for known. */
  takeSection(section: Section, from: NodeId, nowMs: number): Told {
    const offers = section.rows.map((row) => this.offer(row, nowMs));
    if (offers.includes('full')) {
      this.sweep = undefined;
      return 'full';
    }
    if (!section.isSweep) this.coverage.add(section.since, section.through);
    else if (!this.goOnSweeping(section, from)) return 'out-of-order';
    return offers.filter((offered) => offered === 'new').length;
  }

  /** Forgets tombstones that came at or before `untilMs`. Returns how many. */
  forgetTombstones(untilMs: number): number {
    let count = 0;
    for (const [name, arrivedMs] of this.tombstones) {
      if (arrivedMs > untilMs) break;
      if (this.tryForget(name)) count += 1;
    }
    return count;
  }

  /** Drops everything, as when the owner or the network is forgotten. */
  clear(): void {
    for (const row of this.liveRows) this.host.noteChange(this.owner, row, row.value);
    this.host.shrink(this.rows.size);
    this.rows.clear();
    this.tombstones.clear();
    this.hash = 0;
  }

  private replace(held: Row | undefined, row: Row, nowMs: number): void {
    const name = nameInOwner(row);
    this.host.noteChange(this.owner, row, held?.value);
    if (held?.value !== undefined) this.hash = (this.hash - hashOf(held)) >>> 0;
    if (row.value !== undefined) this.hash = (this.hash + hashOf(row)) >>> 0;
    this.rows.set(name, row);
    this.tombstones.delete(name);
    if (row.value !== undefined) return;
    this.tombstones.set(name, nowMs);
    if (this.tombstones.size > this.host.tombstonesPerOwnerMax) this.forgetOldest();
  }

  private forgetOldest(): void {
    for (const name of this.tombstones.keys()) if (this.tryForget(name)) return;
  }

  /**
   * A tombstone beyond the mark stays: nothing else keeps an older version of its row away. That it
   * once was is remembered in the floor.
   */
  private tryForget(name: string): boolean {
    const row = this.rows.get(name);
    if (row === undefined || row.time > this.mark) return false;
    if (row.time > this.floorTime) this.floorTime = row.time;
    this.remove(name, row);
    return true;
  }

  private remove(name: string, row: Row): void {
    if (row.value !== undefined) {
      this.host.noteChange(this.owner, row, row.value);
      this.hash = (this.hash - hashOf(row)) >>> 0;
    }
    this.rows.delete(name);
    this.tombstones.delete(name);
    this.host.shrink(1);
  }

  /** Whether the section belongs to the sweep under way, or begins one. */
  private goOnSweeping(section: Section, from: NodeId): boolean {
    const { since, floor, rows, through } = section;
    if (since === NO_TIME) this.sweep = { from, floor, cursor: NO_TIME, named: new Set() };
    const { sweep } = this;
    if (sweep?.from !== from || sweep.floor !== floor || sweep.cursor !== since) return false;
    for (const row of rows) sweep.named.add(nameInOwner(row));
    sweep.cursor = through;
    if (section.isLast) this.endSweep(sweep);
    return true;
  }

  private endSweep({ cursor, floor, named }: Sweep): void {
    this.sweep = undefined;
    for (const [name, row] of this.rows)
      if (row.time <= cursor && !named.has(name)) this.remove(name, row);
    this.coverage.add(NO_TIME, cursor);
    if (floor > this.floorTime) this.floorTime = floor;
  }
}
