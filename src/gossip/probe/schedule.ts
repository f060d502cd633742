import { randomBelow, shuffle, type Rng } from '../../base/index.ts';
import type { Member } from '../members/member.ts';

/**
 * Whom to probe next: everyone once a round, in an order drawn anew for each (SWIM, section 4.3),
 * so that the time until a crash meets a probe has a bound.
 *
 * The halves of a round are shuffled each by itself: nobody then waits longer than one and a half
 * rounds, where a shuffle of the whole makes it two. With two others they simply take turns.
 */
export class ProbeSchedule {
  private readonly rng: Rng;
  private order: Member[] = [];
  private at = 0;

  constructor(rng: Rng) {
    this.rng = rng;
  }

  /** At a place drawn from the whole round. */
  add(member: Member): void {
    const place = randomBelow(this.rng, this.order.length + 1);
    this.order.splice(place, 0, member);
    if (place < this.at) this.at += 1;
  }

  remove(member: Member): void {
    const place = this.order.indexOf(member);
    if (place < 0) return;
    this.order.splice(place, 1);
    if (place < this.at) this.at -= 1;
  }

  /** Makes `member` the next one. */
  hasten(member: Member): void {
    this.remove(member);
    this.order.splice(this.at, 0, member);
  }

  next(): Member | undefined {
    if (this.at >= this.order.length) this.beginRound();
    const member = this.order[this.at];
    this.at += 1;
    return member;
  }

  private beginRound(): void {
    const middle = this.order.length >> 1;
    const halves = [this.order.slice(0, middle), this.order.slice(middle)];
    this.order = halves.flatMap((half) => shuffle(half, this.rng));
    this.at = 0;
  }
}
