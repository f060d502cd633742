/**
 * What a leader knows of one follower, and how it therefore speaks to it.
 *
 *                 accepted                      needs what is forgotten
 *      probe ------------------> replicate   probe, replicate --------> snapshot
 *        ^                           |                                     |
 *        +------- rejected ----------+        sent, failed, or caught up   |
 *        +-----------------------------------------------------------------+
 *
 * Probe: it is not known where the logs part; one append per heartbeat, to find out. Replicate:
 * they are equal; appends are sent ahead of their answers, within the window. Snapshot: nothing is
 * sent until the host's transfer has ended.
 */
import { assert } from '../../base/index.ts';
import { NO_INDEX, maxIndex, minIndex, nextIndex, type LogIndex } from '../types.ts';
import { Inflights } from './inflights.ts';

export type ProgressState =
  | { readonly kind: 'probe'; isWaiting: boolean }
  | { readonly kind: 'replicate'; readonly inflights: Inflights }
  | { readonly kind: 'snapshot'; readonly index: LogIndex };

export interface Window {
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
}

export class Progress {
  private readonly window: Window;
  private matchMark: LogIndex = NO_INDEX;
  private nextMark: LogIndex;
  private current: ProgressState = { kind: 'probe', isWaiting: false };
  /** The last commit index it was told. */
  private toldCommit: LogIndex = NO_INDEX;
  /** `match` when the last heartbeat was answered: if it stays, something was lost. */
  private matchAtHeartbeat: LogIndex = NO_INDEX;
  /** It said something since a quorum was last looked for. */
  isActive = true;
  /** An append is due even if there is nothing new to say. */
  mustSend = true;

  /** Invariant: `0 <= match < next <= lastIndex + 1`. */
  constructor(next: LogIndex, window: Window) {
    this.nextMark = next;
    this.window = window;
  }

  /** The follower's log is durable and equal through here. Never goes back. */
  get match(): LogIndex {
    return this.matchMark;
  }

  /** The next entry to send. */
  get next(): LogIndex {
    return this.nextMark;
  }

  get state(): ProgressState {
    return this.current;
  }

  get isPaused(): boolean {
    switch (this.current.kind) {
      case 'probe':
        return this.current.isWaiting;
      case 'replicate':
        return this.isWindowFull(this.current.inflights);
      case 'snapshot':
        return true;
    }
  }

  /** Whether an append may go, and would tell it something. */
  wantsAppend(lastIndex: LogIndex, commit: LogIndex): boolean {
    if (this.isPaused) return this.mustSend && this.current.kind === 'replicate';
    return this.mustSend || this.nextMark <= lastIndex || this.toldCommit < commit;
  }

  /** An append with these entries is on its way. */
  noteSent(sent: { readonly last: LogIndex; readonly bytes: number; readonly commit: LogIndex }) {
    this.mustSend = false;
    this.toldCommit = sent.commit;
    if (this.current.kind === 'probe') this.current.isWaiting = true;
    if (this.current.kind !== 'replicate' || sent.last < this.nextMark) return;
    this.current.inflights.add(sent.last, sent.bytes);
    this.nextMark = nextIndex(sent.last);
  }

  /**
   * An append was accepted through `match`. Probe -> Replicate, Snapshot -> Replicate once the log
   * goes on from there. Whether `match` moved.
   */
  noteAccepted(match: LogIndex, firstIndex: LogIndex): boolean {
    const hasMoved = match > this.matchMark;
    this.matchMark = maxIndex(this.matchMark, match);
    this.nextMark = maxIndex(this.nextMark, nextIndex(match));
    switch (this.current.kind) {
      case 'probe':
        // An older answer, from before the follower was probed, tells nothing about this probe.
        if (match === this.matchMark) this.becomeReplicate();
        break;
      case 'replicate':
        this.current.inflights.freeThrough(match);
        break;
      case 'snapshot':
        if (hasMoved && nextIndex(match) >= firstIndex) this.becomeReplicate();
        break;
    }
    return hasMoved;
  }

  /**
   * An append after `rejected` was refused; the logs are not equal after `hint`. Replicate ->
   * Probe. Whether that was news.
   */
  noteRejected(rejected: LogIndex, hint: LogIndex): boolean {
    // Late; or the follower lost what it acknowledged, and probing faster would not help.
    if (rejected <= this.matchMark) return false;
    switch (this.current.kind) {
      case 'probe':
        if (this.nextMark - 1 !== rejected) return false;
        this.nextMark = maxIndex(minIndex(rejected, nextIndex(hint)), nextIndex(this.matchMark));
        this.current.isWaiting = false;
        this.mustSend = true;
        return true;
      case 'replicate':
        this.becomeProbe(nextIndex(this.matchMark));
        return true;
      case 'snapshot':
        return false;
    }
  }

  /** A heartbeat was answered: a probe may be repeated, and a window that stands still is tried. */
  noteHeartbeat(lastIndex: LogIndex): void {
    this.isActive = true;
    if (this.current.kind === 'probe') this.current.isWaiting = false;
    const isStuck = this.matchMark === this.matchAtHeartbeat;
    this.matchAtHeartbeat = this.matchMark;
    if (this.matchMark < lastIndex && isStuck) this.mustSend = true;
  }

  /** The host could not deliver. Replicate -> Probe: what was sent ahead may be lost. */
  noteUnreachable(): void {
    if (this.current.kind === 'replicate') this.becomeProbe(nextIndex(this.matchMark));
  }

  /** Probe, Replicate -> Snapshot. */
  becomeSnapshot(index: LogIndex): void {
    this.mustSend = false;
    this.current = { kind: 'snapshot', index };
  }

  /** Snapshot -> Probe, after the host's transfer ended; the next answer says whether it helped. */
  noteSnapshotEnded(wasDelivered: boolean): void {
    if (this.current.kind !== 'snapshot') return;
    const reached = wasDelivered ? maxIndex(this.matchMark, this.current.index) : this.matchMark;
    this.nextMark = nextIndex(reached);
    this.awaitAnswer();
  }

  /** Any -> Probe, silent until it answers something, if only a heartbeat. */
  awaitAnswer(): void {
    this.mustSend = false;
    this.current = { kind: 'probe', isWaiting: true };
  }

  private becomeProbe(next: LogIndex): void {
    this.nextMark = next;
    this.current = { kind: 'probe', isWaiting: false };
    this.mustSend = true;
  }

  private becomeReplicate(): void {
    this.nextMark = nextIndex(this.matchMark);
    this.current = { kind: 'replicate', inflights: new Inflights() };
    assert(this.nextMark > this.matchMark, 'match < next');
  }

  private isWindowFull(inflights: Inflights): boolean {
    const { inflightMessagesMax, inflightBytesMax } = this.window;
    return inflights.count >= inflightMessagesMax || inflights.bytes >= inflightBytesMax;
  }
}
