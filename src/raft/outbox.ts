/**
 * The two outboxes: see `messages.ts` for which message waits for the disk. Answers to a leader's
 * appends are folded into one: a later one says all that an earlier one did.
 */
import {
  AFTER_PERSIST,
  type AppendReply,
  type Message,
  type MessageAfterPersist,
  type MessageAtOnce,
} from './messages.ts';

const WAITING_KINDS: ReadonlySet<Message['kind']> = new Set(AFTER_PERSIST);

export class Outbox {
  private atOnce: MessageAtOnce[] = [];
  private afterPersist: MessageAfterPersist[] = [];

  get length(): number {
    return this.atOnce.length + this.afterPersist.length;
  }

  get hasAtOnce(): boolean {
    return this.atOnce.length > 0;
  }

  get hasAfterPersist(): boolean {
    return this.afterPersist.length > 0;
  }

  put(message: Message): void {
    if (!this.mustWait(message)) this.atOnce.push(message);
    else if (!this.tryFold(message)) this.afterPersist.push(message);
  }

  takeAtOnce(): MessageAtOnce[] {
    const messages = this.atOnce;
    this.atOnce = [];
    return messages;
  }

  takeAfterPersist(): MessageAfterPersist[] {
    const messages = this.afterPersist;
    this.afterPersist = [];
    return messages;
  }

  private mustWait(message: Message): message is MessageAfterPersist {
    return WAITING_KINDS.has(message.kind);
  }

  private tryFold(message: MessageAfterPersist): boolean {
    const last = this.afterPersist.at(-1);
    if (message.kind !== 'append.reply' || last?.kind !== 'append.reply') return false;
    if (!isAcceptance(message) || !isAcceptance(last)) return false;
    if (message.to !== last.to || message.term !== last.term) return false;
    const isNewer = message.outcome.match >= last.outcome.match;
    if (isNewer) this.afterPersist[this.afterPersist.length - 1] = message;
    return true;
  }
}

type Acceptance = AppendReply & { readonly outcome: { readonly kind: 'accepted' } };

function isAcceptance(reply: AppendReply): reply is Acceptance {
  return reply.outcome.kind === 'accepted';
}
