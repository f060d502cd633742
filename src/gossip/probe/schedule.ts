import { randomBelow, shuffle, type Rng } from '../../base/index.ts';
import type { NodeId } from '../../model/index.ts';
import type { Member } from '../members/member.ts';

/** With fewer others, rounds are so short that a neighbour is met as often. */
const OTHERS_WITH_NEIGHBOUR = 3;

/**
 * Whom to probe next: everyone once a round, in an order drawn anew for each (SWIM, section 4.3),
 * so that the time until a crash meets a probe has a bound.
 *
 * Every second probe goes to one neighbour, the next on the ring of all ids. So each member is
 * probed by its own guard in two intervals, where rounds alone leave one in a hundred without a
 * probe for more than four, whatever the members do; and no more probes are sent. Rounds find those
 * whose guard went with them.
 *
 * The halves of a round are shuffled each by itself: nobody then waits longer than one and a half
 * rounds, where a shuffle of the whole makes it two. With two others they simply take turns.
 */
export class ProbeSchedule {
  private readonly rng: Rng;
  private readonly self: NodeId;
  private order: Member[] = [];
  private at = 0;
  private neighbour: Member | undefined;
  private isRoundsTurn = false;
  private isHastened = false;

  constructor(self: NodeId, rng: Rng) {
    this.self = self;
    this.rng = rng;
  }

  /** At a place drawn from the whole round. */
  add(member: Member): void {
    const place = randomBelow(this.rng, this.order.length + 1);
    this.order.splice(place, 0, member);
    if (place < this.at) this.at += 1;
    if (this.neighbour === undefined || this.isNearer(member, this.neighbour))
      this.neighbour = member;
  }

  remove(member: Member): void {
    const place = this.order.indexOf(member);
    if (place < 0) return;
    this.order.splice(place, 1);
    if (place < this.at) this.at -= 1;
    if (member === this.neighbour) this.findNeighbour();
  }

  /** Makes `member` the next one. */
  hasten(member: Member): void {
    const place = this.order.indexOf(member);
    if (place >= 0) {
      this.order.splice(place, 1);
      if (place < this.at) this.at -= 1;
    }
    this.order.splice(this.at, 0, member);
    this.isHastened = true;
  }

  next(): Member | undefined {
    if (this.isHastened) this.isHastened = false;
    else if (this.order.length >= OTHERS_WITH_NEIGHBOUR) {
      this.isRoundsTurn = !this.isRoundsTurn;
      if (!this.isRoundsTurn) return this.neighbour;
    }
    if (this.at >= this.order.length) this.beginRound();
    const member = this.order[this.at];
    this.at += 1;
    return member;
  }

  private findNeighbour(): void {
    this.neighbour = undefined;
    for (const member of this.order)
      if (this.neighbour === undefined || this.isNearer(member, this.neighbour))
        this.neighbour = member;
  }

  /** Whether `one` comes before `other` on the way round the ring that begins at this node. */
  private isNearer({ id: one }: Member, { id: other }: Member): boolean {
    const isOneAhead = one > this.self;
    return isOneAhead === other > this.self ? one < other : isOneAhead;
  }

  private beginRound(): void {
    const middle = this.order.length >> 1;
    const halves = [this.order.slice(0, middle), this.order.slice(middle)];
    this.order = halves.flatMap((half) => shuffle(half, this.rng));
    this.at = 0;
  }
}
