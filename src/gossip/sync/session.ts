import type { NodeId } from '../../model/index.ts';
import type { Incarnation, Message } from '../wire/messages.ts';

/** Why a push/pull is made, which decides what its end means. */
export type SyncPurpose = 'join' | 'periodic' | 'reconnect' | 'answer';

/** Answers that wait for room in the stream; a peer that asks for more without reading ends it. */
const PENDING_MAX = 1024;

/**
 * One side of a push/pull (see sync.ts): what it has to say, and how far both have got. It ends
 * when neither side has anything to say to what it has heard: each `sync.done` tells how much that
 * was, so nothing said late is overlooked.
 */
export class SyncSession {
  readonly purpose: SyncPurpose;
  /** `undefined` until its hello is heard. */
  peer: NodeId | undefined;
  /** Whether the stream has room for a frame. */
  isWritable = false;
  hasBegunRows = false;
  /** The own incarnation that the peer was told. */
  toldIncarnation: Incarnation | undefined;
  private sources: Iterator<Message>[] = [];
  private readonly pending: Message[] = [];
  private said: number;
  private heard = 0;
  private doneSaidAt = -1;
  private doneHeardAt = -1;

  /** `said` messages were sent when the stream was opened. */
  constructor(purpose: SyncPurpose, said: number) {
    this.purpose = purpose;
    this.said = said;
  }

  /** Whether the peer has everything, and this side too. */
  get isOver(): boolean {
    return this.doneHeardAt === this.said && this.doneSaidAt === this.heard && !this.hasMore;
  }

  /** Whether the peer has nothing to say to what it has heard. */
  get isPeerDone(): boolean {
    return this.doneHeardAt >= 0;
  }

  /** Whether there is something to say, other than that there is nothing. */
  get hasMore(): boolean {
    return this.pending.length > 0 || this.sources.length > 0;
  }

  /** To be said when what was added before is. Made only as there is room for it. */
  add(source: Iterator<Message>): void {
    this.sources.push(source);
  }

  /** To be said next. Whether there was room. */
  tryAnswer(message: Message): boolean {
    if (this.pending.length >= PENDING_MAX) return false;
    this.pending.push(message);
    return true;
  }

  /** The next to say; given back with `unsay` when it does not fit. */
  next(): Message | undefined {
    const message = this.pending.shift() ?? this.nextFromSources();
    if (message !== undefined) this.said += 1;
    return message;
  }

  unsay(message: Message): void {
    this.pending.unshift(message);
    this.said -= 1;
  }

  noteHeard(): void {
    this.heard += 1;
  }

  noteDoneHeard(count: number): void {
    this.doneHeardAt = count;
  }

  /** The end of this side's words, if it has heard the other and not told it yet. */
  takeDone(): Message | undefined {
    if (this.hasMore || this.heard === 0 || this.doneSaidAt === this.heard) return undefined;
    this.doneSaidAt = this.heard;
    return { kind: 'sync.done', heard: this.heard };
  }

  private nextFromSources(): Message | undefined {
    for (;;) {
      const source = this.sources[0];
      if (source === undefined) return undefined;
      const step = source.next();
      if (step.done !== true) return step.value;
      this.sources.shift();
    }
  }
}
