/** The way to one peer: its links, and what waits while one is made. */
import { randomBelow, type Rng } from '../../../base/index.ts';
import type { Message, PeerId } from '../../../raft/index.ts';
import type { LinkLimits } from './limits.ts';
import type { PeerLink } from './peer-link.ts';

export class Route {
  readonly peer: PeerId;
  private readonly limits: LinkLimits;
  /** Open ones; the newest last. */
  private links: PeerLink[] = [];
  private waiting: Message[] = [];
  private isDialling = false;
  private nextDialMs = 0;
  private delayMs = 0;
  /** It was told that what is sent here gets lost. */
  isMissed = false;

  constructor(peer: PeerId, limits: LinkLimits) {
    this.peer = peer;
    this.limits = limits;
  }

  get current(): PeerLink | undefined {
    return this.links.at(-1);
  }

  get all(): readonly PeerLink[] {
    return this.links;
  }

  /** Nothing is known of it that must be kept. */
  isIdle(nowMs: number): boolean {
    return this.links.length === 0 && !this.isDialling && nowMs >= this.nextDialMs;
  }

  /** Keeps a message for the link that is being made, if there is room. */
  keep(message: Message): boolean {
    if (!this.isDialling || this.waiting.length >= this.limits.dialQueueMax) return false;
    this.waiting.push(message);
    return true;
  }

  /** Whether the caller is to dial. */
  tryBeginDial(nowMs: number): boolean {
    if (this.isDialling || nowMs < this.nextDialMs) return false;
    this.isDialling = true;
    return true;
  }

  /** The next attempt is made after a while, longer each time, and not when others make theirs. */
  noteDialFailed(nowMs: number, rng: Rng): void {
    const { reconnectMinMs, reconnectMaxMs } = this.limits;
    this.isDialling = false;
    this.waiting = [];
    this.delayMs = Math.min(Math.max(this.delayMs * 2, reconnectMinMs), reconnectMaxMs);
    this.nextDialMs = nowMs + this.delayMs / 2 + randomBelow(rng, Math.ceil(this.delayMs / 2));
  }

  /** A link is open; gives back what waited for it. */
  add(link: PeerLink, isDialled: boolean): readonly Message[] {
    // A peer that dials again has lost what it dialled before.
    for (const older of this.links.filter(({ isDialler }) => isDialler === link.isDialler))
      older.close('another connection took its place');
    this.links.push(link);
    this.isMissed = false;
    if (isDialled) this.isDialling = false;
    this.delayMs = 0;
    this.nextDialMs = 0;
    return this.waiting.splice(0);
  }

  /** Whether it was the one that is used. */
  remove(link: PeerLink): boolean {
    const wasCurrent = this.current === link;
    this.links = this.links.filter((each) => each !== link);
    return wasCurrent;
  }

  /** Of two connections, one dialled by each side, the one that `self` gives up. */
  surplus(self: PeerId): PeerLink | undefined {
    if (this.links.length < 2 || self > this.peer) return undefined;
    return this.links.find(({ isDialler }) => !isDialler);
  }
}
