/**
 * One network's rows: the own ones, the others' as far as they are known, and the news of both that
 * wait to be gossiped.
 */
import type { NetworkId, NodeId } from '../../model/index.ts';
import type { TableContext } from './context.ts';
import { HINT_INTERVAL_MS, STRANGER_LIFE_MS, TOMBSTONE_LIFE_MS } from './limits.ts';
import { NewsQueue, type Packet } from './news-queue.ts';
import { OwnerRows, type RowsHost } from './rows/owner-rows.ts';
import { nameInOwner, type LamportTime, type Row } from './rows/row.ts';
import { encodeTableMessage } from './wire/encode.ts';
import type { News, NewsItem } from './wire/messages.ts';

export type WriteRefusal = 'too-many-rows' | 'clock-exhausted';

/** What became of a message: how many rows it changed here, and what to tell its sender. */
export interface Taken {
  readonly changes: number;
  readonly replies: readonly Uint8Array[];
}

export class NetworkTable implements RowsHost {
  readonly networkId: NetworkId;
  readonly context: TableContext;
  /** When this node left the network; it still answers for its own rows, which are all deleted. */
  leftAtMs: number | undefined;
  private ownRows: OwnerRows;
  private readonly others = new Map<NodeId, OwnerRows>();
  /** Members that do not have the network. */
  private readonly absent = new Set<NodeId>();
  private readonly ownNews: NewsQueue;
  private readonly othersNews: NewsQueue;
  private rowCount = 0;

  constructor(networkId: NetworkId, context: TableContext, nowMs: number) {
    this.networkId = networkId;
    this.context = context;
    this.ownNews = new NewsQueue(context.limits.queueMax);
    this.othersNews = new NewsQueue(context.limits.queueMax);
    this.ownRows = this.emptyOwnRows(nowMs);
  }

  get own(): OwnerRows {
    return this.ownRows;
  }

  get newsCount(): number {
    return this.ownNews.length + this.othersNews.length;
  }

  /** This node's rows, and others' that are kept. */
  of(owner: NodeId): OwnerRows | undefined {
    return owner === this.context.self ? this.ownRows : this.others.get(owner);
  }

  /** Own rows and those of members; nobody is told of, or asked for, the rows of others. */
  *members(): Generator<OwnerRows> {
    yield this.ownRows;
    for (const rows of this.others.values())
      if (this.context.owners.isMember(rows.owner)) yield rows;
  }

  /** Whether rows of another node are asked for. */
  wants(owner: NodeId): boolean {
    if (this.leftAtMs !== undefined || this.absent.has(owner)) return false;
    return this.context.owners.isMember(owner);
  }

  /** `undefined` when nothing is to be known of the owner here. */
  ensure(owner: NodeId, nowMs: number): OwnerRows | undefined {
    const known = this.of(owner);
    if (known !== undefined || this.leftAtMs !== undefined || this.absent.has(owner)) return known;
    if (!this.context.owners.isMember(owner) && this.isFullOfStrangers()) {
      this.context.counters.strangersRefused += 1;
      return undefined;
    }
    const rows = new OwnerRows(owner, this, nowMs);
    this.others.set(owner, rows);
    return rows;
  }

  /** Writes an own row; a tombstone when there is no value. */
  write(row: Omit<Row, 'time'>, nowMs: number): WriteRefusal | undefined {
    const { clock, self } = this.context;
    if (!clock.hasRoomFor(1)) return 'clock-exhausted';
    const since = this.ownRows.mark;
    const written: Row = { ...row, time: clock.next() };
    const offered = this.ownRows.offer(written, nowMs);
    if (offered !== 'new') return 'too-many-rows';
    this.ownRows.cover(since, written.time);
    this.queue(this.ownNews, { owner: self, since, row: written });
    return undefined;
  }

  /**
   * Writes all own rows anew, later than `seen`: a peer holds rows of an earlier life of this node,
   * in the light of which these would be taken for old. Everything up to here is deleted.
   */
  heal(seen: LamportTime, nowMs: number): void {
    const { clock, counters } = this.context;
    const rows = this.ownRows.liveRows.toSorted((a, b) => a.time - b.time);
    if (!clock.hasRoomFor(rows.length + 1, seen)) return;
    counters.heals += 1;
    this.ownRows.clear();
    clock.raiseTo(seen);
    clock.next();
    this.ownRows = this.emptyOwnRows(nowMs);
    for (const { kind, key, value } of rows) this.write({ kind, key, value }, nowMs);
  }

  takeNews({ items }: News, from: NodeId, nowMs: number): Taken {
    const { counters, self } = this.context;
    const replies: Uint8Array[] = [];
    let changes = 0;
    for (const item of items) {
      if (item.owner === self) {
        this.takeNewsOfSelf(item.row, nowMs);
        continue;
      }
      const rows = this.ensure(item.owner, nowMs);
      if (rows === undefined) continue;
      if (this.takeItem(rows, item, nowMs)) changes += 1;
      else if (this.shouldHint(rows, item, { from, nowMs })) replies.push(this.hintOf(rows));
    }
    counters.newsTaken += changes;
    counters.newsKnown += items.length - changes;
    return { changes, replies };
  }

  /** A row that an earlier life of this node wrote, which is deleted unless this one has it too. */
  takeNewsOfSelf(row: Row, nowMs: number): void {
    if (row.time <= this.ownRows.mark) return;
    this.heal(row.time, nowMs);
    this.disown(row, nowMs);
  }

  /** Deletes a row that is told of this node, but that it does not have. */
  disown({ kind, key, value }: Row, nowMs: number): boolean {
    if (value === undefined || this.ownRows.row(nameInOwner({ kind, key })) !== undefined)
      return false;
    return this.write({ kind, key, value: undefined }, nowMs) === undefined;
  }

  /** Own news have at least half of every packet, so that others' cannot starve them. */
  takeNewsItems(packet: Packet): readonly Uint8Array[] {
    const { budgetBytes } = packet;
    const first = this.ownNews.take({ ...packet, budgetBytes: Math.floor(budgetBytes / 2) });
    const othersBudget = budgetBytes - bytesOf(first);
    const others = this.othersNews.take({ ...packet, budgetBytes: othersBudget });
    const second = this.ownNews.take({ ...packet, budgetBytes: othersBudget - bytesOf(others) });
    return [...first, ...others, ...second];
  }

  /** Deletes the own rows, and forgets everyone else's. */
  leave(nowMs: number): void {
    for (const { kind, key } of this.ownRows.liveRows)
      this.write({ kind, key, value: undefined }, nowMs);
    for (const owner of [...this.others.keys()]) this.forget(owner);
    this.leftAtMs = nowMs;
  }

  forget(owner: NodeId): void {
    this.others.get(owner)?.clear();
    this.others.delete(owner);
    this.absent.delete(owner);
  }

  /** Whether another node has the network. Of one that does not, nothing is kept or taken. */
  setPresent(owner: NodeId, isPresent: boolean): void {
    if (isPresent) {
      this.absent.delete(owner);
      return;
    }
    this.forget(owner);
    this.absent.add(owner);
  }

  /** Readers see, or saw, all live rows of the owner. */
  noteAll(owner: NodeId, wasShown: boolean): void {
    for (const row of this.of(owner)?.liveRows ?? [])
      this.noteVisible(owner, row, wasShown ? row.value : undefined);
  }

  /** Forgets what is too old to be of use. */
  expire(nowMs: number): void {
    const { counters, owners, self } = this.context;
    for (const rows of [this.ownRows, ...this.others.values()]) {
      counters.tombstonesForgotten += rows.forgetTombstones(nowMs - TOMBSTONE_LIFE_MS);
      const isStranger = rows.owner !== self && !owners.isMember(rows.owner);
      if (isStranger && nowMs - rows.bornMs >= STRANGER_LIFE_MS) this.forget(rows.owner);
    }
  }

  get rowsPerOwnerMax(): number {
    return this.context.limits.rowsPerOwnerMax;
  }

  get tombstonesPerOwnerMax(): number {
    return this.context.limits.tombstonesPerOwnerMax;
  }

  noteChange(owner: NodeId, row: Row, before: Uint8Array | undefined): void {
    if (this.context.owners.isShown(owner)) this.noteVisible(owner, row, before);
  }

  tryGrow(): boolean {
    if (this.rowCount >= this.context.limits.rowsPerNetworkMax) return false;
    this.rowCount += 1;
    return true;
  }

  shrink(count: number): void {
    this.rowCount -= count;
  }

  private noteVisible(owner: NodeId, { kind, key }: Row, before: Uint8Array | undefined): void {
    this.context.changes.note({ networkId: this.networkId, owner, kind, key }, before);
  }

  private emptyOwnRows(nowMs: number): OwnerRows {
    const rows = new OwnerRows(this.context.self, this, nowMs);
    rows.beginAt(this.context.clock.now);
    return rows;
  }

  private takeItem(rows: OwnerRows, item: NewsItem, nowMs: number): boolean {
    const offered = rows.offer(item.row, nowMs);
    if (offered === 'full') {
      this.context.counters.rowsRefused += 1;
      return false;
    }
    rows.cover(item.since, item.row.time);
    if (offered === 'new') this.queue(this.othersNews, item);
    return offered === 'new';
  }

  /**
   * An owner's own word that is old here and yet not known: perhaps it has lost its memory, and
   * should learn how far its rows have come.
   */
  private shouldHint(
    rows: OwnerRows,
    { owner, row }: NewsItem,
    { from, nowMs }: { readonly from: NodeId; readonly nowMs: number },
  ): boolean {
    if (from !== owner || row.time > rows.mark) return false;
    if (rows.row(nameInOwner(row))?.time === row.time) return false;
    if (nowMs - rows.hintedAtMs < HINT_INTERVAL_MS) return false;
    rows.hintedAtMs = nowMs;
    return true;
  }

  private hintOf(rows: OwnerRows): Uint8Array {
    const { networkId } = this;
    return encodeTableMessage({ kind: 'digest', networkId, entries: [rows.digestEntry()] });
  }

  private queue(news: NewsQueue, item: NewsItem): void {
    const before = news.droppedTotal;
    news.push(item);
    this.context.counters.newsDropped += news.droppedTotal - before;
  }

  private isFullOfStrangers(): boolean {
    const { limits, owners } = this.context;
    let strangers = 0;
    for (const owner of this.others.keys()) if (!owners.isMember(owner)) strangers += 1;
    return strangers >= limits.strangersPerNetworkMax;
  }
}

function bytesOf(items: readonly Uint8Array[]): number {
  return items.reduce((sum, item) => sum + item.length, 0);
}
