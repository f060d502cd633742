import { assert } from './assert.ts';

/** A first-in first-out queue that says no when it is full, and counts how often it did. */
export class BoundedQueue<Item> {
  readonly capacity: number;
  refusedTotal = 0;
  private items: Item[] = [];
  private head = 0;

  constructor(capacity: number) {
    assert(capacity > 0, 'capacity is positive', { capacity });
    this.capacity = capacity;
  }

  get length(): number {
    return this.items.length - this.head;
  }

  /** Whether the item was taken. */
  tryPush(item: Item): boolean {
    if (this.length >= this.capacity) {
      this.refusedTotal += 1;
      return false;
    }
    this.items.push(item);
    return true;
  }

  shift(): Item | undefined {
    if (this.head === this.items.length) return undefined;
    const item = this.items[this.head] as Item;
    this.head += 1;
    if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  drain(): Item[] {
    const items = this.items.slice(this.head);
    this.items = [];
    this.head = 0;
    return items;
  }
}
