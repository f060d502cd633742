import { ByteWriter } from '../wire/bytes.ts';
import { nameInOwner, type LamportTime } from './rows/row.ts';
import { encodeNewsItem } from './wire/encode.ts';
import type { NewsItem } from './wire/messages.ts';

interface Queued {
  readonly name: string;
  readonly since: LamportTime;
  readonly time: LamportTime;
  /** Encoded once. */
  readonly bytes: Uint8Array;
  sends: number;
  /** The packet that it was last put into. */
  packet: number;
}

export interface Packet {
  readonly number: number;
  readonly budgetBytes: number;
  /** An item that was sent so often is left to push/pull. */
  readonly sendsMax: number;
}

/** No item is shorter. */
const ITEM_BYTES_MIN = 10;

/**
 * News on its way, the least often sent first and of those the first come. One item for each row:
 * newer versions take the place of older ones.
 */
export class NewsQueue {
  droppedTotal = 0;
  private readonly itemsMax: number;
  private readonly writer = new ByteWriter();
  private readonly items = new Map<string, Queued>();
  /** By how often the items were sent. */
  private readonly levels: Map<string, Queued>[] = [];

  constructor(itemsMax: number) {
    this.itemsMax = itemsMax;
  }

  get length(): number {
    return this.items.size;
  }

  push(item: NewsItem): void {
    const { time } = item.row;
    const name = `${item.owner}/${nameInOwner(item.row)}`;
    const replaced = this.items.get(name);
    if (replaced !== undefined) this.remove(replaced);
    // Two spans that touch, of one row: the newer version speaks for both.
    const since = replaced?.time === item.since ? replaced.since : item.since;
    if (this.items.size >= this.itemsMax) this.dropOne();
    this.add({
      name,
      since,
      time,
      bytes: encodeNewsItem({ ...item, since }, this.writer),
      sends: 0,
      packet: -1,
    });
  }

  /** Items for one packet, each at most once in it, that fit the budget together. */
  take({ number, budgetBytes, sendsMax }: Packet): readonly Uint8Array[] {
    const taken: Queued[] = [];
    let room = budgetBytes;
    for (const level of this.levels)
      for (const item of level.values()) {
        if (room < ITEM_BYTES_MIN) break;
        if (item.bytes.length > room || item.packet === number) continue;
        room -= item.bytes.length;
        taken.push(item);
      }
    for (const item of taken) this.noteSent(item, number, sendsMax);
    return taken.map(({ bytes }) => bytes);
  }

  private noteSent(item: Queued, packet: number, sendsMax: number): void {
    this.remove(item);
    item.sends += 1;
    item.packet = packet;
    if (item.sends < sendsMax) this.add(item);
  }

  private dropOne(): void {
    for (const level of this.levels.toReversed())
      for (const item of level.values()) {
        this.remove(item);
        this.droppedTotal += 1;
        return;
      }
  }

  private add(item: Queued): void {
    for (let at = this.levels.length; at <= item.sends; at += 1) this.levels.push(new Map());
    this.levels[item.sends]?.set(item.name, item);
    this.items.set(item.name, item);
  }

  private remove({ name, sends }: Queued): void {
    this.levels[sends]?.delete(name);
    this.items.delete(name);
  }
}
