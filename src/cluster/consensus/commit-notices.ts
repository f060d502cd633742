/**
 * Appends without entries only tell a follower how far the log is committed. The next append with
 * entries tells it too, so they wait a little for one: under load that saves two messages and an
 * answer for each round. A follower on which somebody waits (for the outcome of a command, for a
 * read) is told at once.
 */
import type { Message, PeerId } from '../../raft/index.ts';
import type { Pace } from './ports.ts';

/** How much later a follower on which nobody waits applies an entry, at most. */
const HOLD_MS = 5;
/** After it passed something on, somebody is taken to wait on a follower for so long. */
const EAGER_MS = 1000;

interface Held {
  readonly message: Message;
  readonly sinceMs: number;
}

export class CommitNotices {
  private readonly send: (message: Message) => void;
  private readonly pace: Pace;
  private readonly held = new Map<PeerId, Held>();
  private readonly eagerUntilMs = new Map<PeerId, number>();
  private stopTimer: (() => void) | undefined;

  constructor(send: (message: Message) => void, pace: Pace) {
    this.send = send;
    this.pace = pace;
  }

  /** Sends a message, or holds it if it is only a notice. */
  pass(message: Message, nowMs: number): void {
    if (message.kind !== 'append.request') {
      this.send(message);
      return;
    }
    const { to, entries } = message;
    const isEager = nowMs < (this.eagerUntilMs.get(to) ?? 0);
    if (entries.length === 0 && !isEager) {
      // A follower that is told of ever more hears it all the same.
      const sinceMs = this.held.get(to)?.sinceMs ?? nowMs;
      this.held.set(to, { message, sinceMs });
      this.stopTimer ??= this.pace.after(HOLD_MS, () => this.release());
      return;
    }
    this.held.delete(to);
    this.send(message);
  }

  /** Hears what a follower says: whether somebody waits there. */
  noteReceived({ kind, from }: Message, nowMs: number): void {
    if (kind !== 'proposal.forward' && kind !== 'read.request') return;
    this.eagerUntilMs.set(from, nowMs + EAGER_MS);
    const notice = this.held.get(from);
    this.held.delete(from);
    if (notice !== undefined) this.send(notice.message);
  }

  close(): void {
    this.stopTimer?.();
    this.held.clear();
  }

  private release(): void {
    this.stopTimer = undefined;
    const nowMs = this.pace.monotonicMs();
    for (const [to, { message, sinceMs }] of this.held) {
      if (nowMs - sinceMs < HOLD_MS - 1) continue;
      this.held.delete(to);
      this.send(message);
    }
    if (this.held.size > 0) this.stopTimer = this.pace.after(HOLD_MS, () => this.release());
  }
}
