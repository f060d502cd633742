/**
 * A packet network between numbered addresses. Packets get lost, repeated, late and overtaken; a
 * link may be cut in one direction or both, or clogged: it then holds what it is given and lets all
 * of it out at once. Streams keep their order; what a packet would lose costs them time, and a cut
 * breaks them. Neither end of a broken stream is told at once.
 */
import { randomBelow, type Rng } from '../../../src/base/index.ts';
import type { EventQueue } from '../../raft/sim/event-queue.ts';
import type { Swarm } from '../swarm.ts';
import type { Packet, StreamMessage } from './protocol.ts';
import type { Trace } from './trace.ts';

/** A node's number, or a client's. */
export type Address = number;

const ADDRESSES_MAX = 1024;
/** A lost segment is sent again after this long. */
const RESEND_MS = 200;
/** How long an end may take a broken stream for a whole one. */
const NOTICE_MAX_MS = 2000;

export interface NetworkOptions {
  readonly queue: EventQueue;
  readonly rng: Rng;
  readonly swarm: Swarm;
  readonly trace: Trace;
  readonly deliver: (from: Address, to: Address, packet: Packet) => void;
  /** Takes the end of a stream that was dialled; false when nobody is there. */
  readonly accept: (end: StreamEnd, from: Address) => boolean;
}

export class Network {
  private readonly options: NetworkOptions;
  private readonly cuts = new Set<number>();
  private readonly cloggedUntil = new Map<number, number>();
  private readonly ends = new Map<Address, Set<StreamEnd>>();
  /** No faults, and every packet takes a millisecond. */
  isCalm = false;

  constructor(options: NetworkOptions) {
    this.options = options;
  }

  get now(): number {
    return this.options.queue.now;
  }

  send(from: Address, to: Address, packet: Packet): void {
    const { swarm, queue, trace, deliver } = this.options;
    if (this.isCut(from, to) || this.happens(swarm.lossRate)) {
      trace.note(`${from}>${to} ${packet.kind} lost`);
      return;
    }
    const copies = this.happens(swarm.duplicateRate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1)
      queue.after(this.delay(from, to), () => {
        if (!this.isCut(from, to)) deliver(from, to, packet);
      });
  }

  /** A stream's near end. What is said before the other side took it arrives, or nothing does. */
  dial(from: Address, to: Address): StreamEnd {
    const near = new StreamEnd(this, from);
    const far = new StreamEnd(this, to);
    near.join(far);
    this.register(near);
    const arriveMs = this.delay(from, to);
    near.arrival = this.now + arriveMs;
    this.options.queue.after(arriveMs, () => {
      if (!near.isOpen) return;
      const isReached = !this.isCut(from, to) && this.options.accept(far, from);
      if (isReached) this.register(far);
      else this.closeLater(near);
    });
    return near;
  }

  carry(end: StreamEnd, message: StreamMessage): void {
    const { peer } = end;
    const delay = this.delay(end.address, peer.address) + this.resendDelay();
    const at = Math.max(end.arrival, this.now + delay);
    end.arrival = at;
    this.options.queue.after(at - this.now, () => {
      if (!peer.isOpen || end.isDead) return;
      if (this.isCut(end.address, peer.address)) this.breakStream(end);
      else peer.take(message);
    });
  }

  /** One end was closed by its owner; the other hears of it. */
  closed(end: StreamEnd): void {
    this.ends.get(end.address)?.delete(end);
    const { peer } = end;
    if (!peer.isOpen) return;
    const at = Math.max(end.arrival, this.now + this.delay(end.address, peer.address));
    this.options.queue.after(at - this.now, () => this.end(peer));
  }

  /** A node is gone: its streams end, and others find out after a while. */
  forget(address: Address): void {
    for (const end of this.ends.get(address) ?? []) {
      end.isDead = true;
      end.isOpen = false;
      this.closeLater(end.peer);
    }
    this.ends.delete(address);
  }

  cut(from: Address, to: Address): void {
    this.cuts.add(from * ADDRESSES_MAX + to);
  }

  clog(from: Address, to: Address, ms: number): void {
    this.cloggedUntil.set(from * ADDRESSES_MAX + to, this.now + ms);
  }

  /** Lets the clogged links go on, and joins the cut ones. */
  heal(): void {
    this.cuts.clear();
    this.cloggedUntil.clear();
  }

  isCut(from: Address, to: Address): boolean {
    return this.cuts.size > 0 && this.cuts.has(from * ADDRESSES_MAX + to);
  }

  private breakStream(end: StreamEnd): void {
    end.isDead = true;
    end.peer.isDead = true;
    this.closeLater(end);
    this.closeLater(end.peer);
  }

  private closeLater(end: StreamEnd): void {
    const { rng, queue } = this.options;
    queue.after(1 + randomBelow(rng, NOTICE_MAX_MS), () => this.end(end));
  }

  private end(end: StreamEnd): void {
    if (!end.isOpen) return;
    end.isOpen = false;
    this.ends.get(end.address)?.delete(end);
    end.onClosed();
  }

  private register(end: StreamEnd): void {
    const ends = this.ends.get(end.address) ?? new Set<StreamEnd>();
    this.ends.set(end.address, ends);
    ends.add(end);
  }

  private delay(from: Address, to: Address): number {
    const { swarm, rng } = this.options;
    if (this.isCalm) return 1;
    const isLate = this.happens(swarm.straggleRate);
    const ms = 1 + randomBelow(rng, isLate ? swarm.straggleMaxMs : swarm.delayMaxMs);
    const until = this.cloggedUntil.get(from * ADDRESSES_MAX + to) ?? 0;
    return Math.max(ms, until - this.now);
  }

  private resendDelay(): number {
    let ms = 0;
    while (ms < NOTICE_MAX_MS && this.happens(this.options.swarm.lossRate)) ms += RESEND_MS;
    return ms;
  }

  private happens(rate: number): boolean {
    return !this.isCalm && rate > 0 && randomBelow(this.options.rng, 1000) < rate;
  }
}

/** One side of a stream. */
export class StreamEnd {
  readonly address: Address;
  private readonly network: Network;
  private other: StreamEnd | undefined;
  isOpen = true;
  /** Nothing that is on its way arrives any more. */
  isDead = false;
  /** When the last thing that was sent arrives. */
  arrival = 0;
  take: (message: StreamMessage) => void = () => undefined;
  onClosed: () => void = () => undefined;

  constructor(network: Network, address: Address) {
    this.network = network;
    this.address = address;
  }

  get peer(): StreamEnd {
    if (this.other === undefined) throw new Error('a stream has two ends');
    return this.other;
  }

  join(other: StreamEnd): void {
    this.other = other;
    other.other = this;
  }

  send(message: StreamMessage): void {
    if (this.isOpen && !this.isDead) this.network.carry(this, message);
  }

  /** Ends both directions; `onClosed` is not called here. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.network.closed(this);
  }
}
