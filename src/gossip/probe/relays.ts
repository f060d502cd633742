import type { PeerAddress } from '../wire/address.ts';
import type { MemberHash, Sequence } from '../wire/messages.ts';

/** A probe made for another member. */
export interface Relay {
  readonly origin: PeerAddress;
  /** What the origin calls it. */
  readonly originSequence: Sequence;
  readonly target: MemberHash;
  /** When the origin is told that no ack has come. */
  readonly nackAtMs: number;
  /** Until then a late ack is still passed on. */
  readonly endsAtMs: number;
}

/** Members that did not answer, of which the latest are remembered. */
const MISSES_MAX = 512;

/**
 * Probes made for others, oldest first, and what came of them. All wait equally long, so the first
 * is always the one that is due.
 */
export class Relays {
  private readonly capacity: number;
  private readonly waiting = new Map<Sequence, Relay>();
  private readonly nacked = new Map<Sequence, Relay>();
  private readonly missedAtMs = new Map<MemberHash, number>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get nextAtMs(): number {
    for (const { nackAtMs } of this.waiting.values()) return nackAtMs;
    return Infinity;
  }

  /** Whether it was taken. */
  tryAdd(sequence: Sequence, relay: Relay): boolean {
    if (this.waiting.size >= this.capacity) return false;
    this.waiting.set(sequence, relay);
    return true;
  }

  /** The relay that an ack answers. */
  take(sequence: Sequence, nowMs: number): Relay | undefined {
    const relay = this.waiting.get(sequence) ?? this.nacked.get(sequence);
    this.waiting.delete(sequence);
    this.nacked.delete(sequence);
    return relay !== undefined && relay.endsAtMs >= nowMs ? relay : undefined;
  }

  /** Those that have waited long enough for an ack. */
  takeDue(nowMs: number): Relay[] {
    const due: Relay[] = [];
    for (const [sequence, relay] of this.waiting) {
      if (relay.nackAtMs > nowMs) break;
      this.waiting.delete(sequence);
      this.nacked.set(sequence, relay);
      due.push(relay);
    }
    for (const [sequence, relay] of this.nacked) {
      if (relay.endsAtMs > nowMs && this.nacked.size <= this.capacity) break;
      this.nacked.delete(sequence);
    }
    return due;
  }

  /** The target did not answer this node either. */
  noteMissed(target: MemberHash, nowMs: number): void {
    this.missedAtMs.delete(target);
    this.missedAtMs.set(target, nowMs);
    if (this.missedAtMs.size <= MISSES_MAX) return;
    for (const oldest of this.missedAtMs.keys()) {
      this.missedAtMs.delete(oldest);
      return;
    }
  }

  noteAnswered(target: MemberHash): void {
    this.missedAtMs.delete(target);
  }

  hasMissedSince(target: MemberHash, sinceMs: number): boolean {
    return (this.missedAtMs.get(target) ?? -Infinity) >= sinceMs;
  }
}
