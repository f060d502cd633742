/**
 * This process's commands, from the call to the outcome.
 *
 *     waiting --taken by the core--> under way --applied--> settled
 *                ^                       |
 *                +------ due again <-----+   leader changed, refused, connection lost, silence
 *
 * A command keeps its stamp through every attempt, so that the session table applies it once. When
 * none is under way the session begins anew with the next command: everything before is answered,
 * so a session that others forgot in a silent time costs nothing.
 */
import { randomId, type Rng } from '../../../base/index.ts';
import {
  SESSION_LIMITS,
  type ClientId,
  type Command,
  type LogIndex,
  type ProposalOutcome,
  type ProposalRefusal,
  type SessionStamp,
} from '../../../raft/index.ts';
import type { ClusterError } from '../../errors.ts';
import type { DriverLimits } from '../options.ts';
import type { ConsensusMetrics } from '../ports.ts';
import { busy, outcomeUnknown } from '../refusals.ts';

/** What goes into one call of the core, and so into one forwarded message. */
const BATCH_BYTES_MAX = 512 << 10;
const BATCH_COMMANDS_MAX = 1024;
const CLIENT_ID_LENGTH = 16;
const BUSY_RETRY_MS = 100;

interface Proposal<Outcome> {
  readonly data: Uint8Array;
  readonly sinceMs: number;
  readonly deadlineMs: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

interface Pending<Outcome> {
  readonly proposal: Proposal<Outcome>;
  readonly command: Command;
  /** Some core took it, so it may be applied without another attempt. */
  isSent: boolean;
  isDue: boolean;
  triedMs: number;
}

/** What became of a command when its entry was applied. */
export type Decision<Outcome> =
  | { readonly kind: 'applied'; readonly outcome: Outcome }
  /** The session table does not know it any more, so nobody can say. */
  | { readonly kind: 'unknown' };

export interface ProposalTaker {
  propose(commands: readonly Command[]): ProposalOutcome;
}

export interface DeskOptions {
  readonly rng: Rng;
  readonly limits: DriverLimits;
  readonly metrics: ConsensusMetrics;
}

export class ProposalDesk<Outcome> {
  private readonly limits: DriverLimits;
  private readonly metrics: ConsensusMetrics;
  private readonly client: ClientId;
  private waiting: Proposal<Outcome>[] = [];
  private waitingFrom = 0;
  /** By sequence, in order. */
  private readonly pending = new Map<number, Pending<Outcome>>();
  /** What the core is to be given next; some of it may have been decided meanwhile. */
  private due: Pending<Outcome>[] = [];
  private bytes = 0;
  private nextSequence = 1;
  private since = 0 as LogIndex;

  constructor({ rng, limits, metrics }: DeskOptions) {
    this.limits = limits;
    this.metrics = metrics;
    this.client = randomId(rng).slice(0, CLIENT_ID_LENGTH) as ClientId;
  }

  get size(): number {
    return this.waiting.length - this.waitingFrom + this.pending.size;
  }

  /** Whether `flush` has something for the core. */
  get hasWork(): boolean {
    return this.due.length > 0 || this.waitingFrom < this.waiting.length;
  }

  /** Throws `ClusterError` busy when the desk is full. */
  async add(data: Uint8Array, nowMs: number): Promise<Outcome> {
    const { proposalsMax, proposalBytesMax, proposeMs } = this.limits;
    if (this.size >= proposalsMax || this.bytes + data.length > proposalBytesMax) {
      this.metrics.countProposalRefused?.('busy');
      throw busy();
    }
    this.bytes += data.length;
    return new Promise<Outcome>((resolve, reject) => {
      const deadlineMs = nowMs + proposeMs;
      this.waiting.push({ data, sinceMs: nowMs, deadlineMs, resolve, reject });
    });
  }

  /** Gives the core everything that waits, as far as it takes it. */
  flush(core: ProposalTaker, at: { readonly nowMs: number; readonly applied: LogIndex }): void {
    while (this.hasWork) {
      this.stampWaiting(at.applied);
      const batch = this.firstDue();
      if (batch.length === 0) return;
      const outcome = core.propose(batch.map(({ command }) => command));
      if (outcome.kind === 'refused') return;
      this.due = this.due.slice(batch.length);
      for (const pending of batch) noteSent(pending, at.nowMs);
    }
  }

  /** The entry of a command of this or another client was applied. */
  settle(
    { client, sequence }: Pick<SessionStamp, 'client' | 'sequence'>,
    decision: Decision<Outcome>,
    nowMs: number,
  ): void {
    if (client !== this.client) return;
    const pending = this.pending.get(sequence);
    if (pending === undefined) return;
    if (decision.kind === 'unknown') {
      this.fail(pending, outcomeUnknown());
      return;
    }
    this.remove(pending);
    this.metrics.observeCommitSeconds?.((nowMs - pending.proposal.sinceMs) / 1000);
    pending.proposal.resolve(decision.outcome);
  }

  /** After a snapshot was installed: entries before it are not applied one by one. */
  settleFrom(decide: (stamp: SessionStamp) => Decision<Outcome> | undefined, nowMs: number): void {
    for (const { command } of [...this.pending.values()]) {
      const decision = decide(command.session);
      if (decision !== undefined) this.settle(command.session, decision, nowMs);
    }
  }

  /** The leader did not take these. They are tried again. */
  refuse(refusals: readonly ProposalRefusal[]): void {
    for (const { session, reason } of refusals) {
      const pending = this.pending.get(session.sequence);
      if (session.client !== this.client || pending === undefined) continue;
      // A full leader is asked a little later, so that it is not asked in a circle.
      if (reason === 'busy' || reason === 'transferring')
        pending.triedMs -= this.limits.retryMs - BUSY_RETRY_MS;
      else this.makeDue(pending);
    }
  }

  /** What was under way may be lost. */
  retryAll(): void {
    for (const pending of this.pending.values()) this.makeDue(pending);
  }

  /** Tries again what is silent for too long; gives up what is past its deadline. */
  tick(nowMs: number): void {
    for (const pending of [...this.pending.values()]) {
      if (nowMs >= pending.proposal.deadlineMs) {
        this.fail(pending, pending.isSent ? outcomeUnknown() : busy());
        continue;
      }
      if (pending.isDue || nowMs - pending.triedMs < this.limits.retryMs) continue;
      this.metrics.countProposalRetried?.();
      this.makeDue(pending);
    }
    while ((this.waiting[this.waitingFrom]?.deadlineMs ?? nowMs + 1) <= nowMs)
      this.failFirstWaiting(busy());
  }

  /** Refuses what no core has taken. What is under way may yet be decided. */
  refuseUnsent(error: ClusterError): void {
    while (this.waitingFrom < this.waiting.length) this.failFirstWaiting(error);
    for (const pending of [...this.pending.values()])
      if (!pending.isSent) this.fail(pending, error);
  }

  close(error: ClusterError): void {
    this.refuseUnsent(error);
    for (const pending of [...this.pending.values()]) this.fail(pending, outcomeUnknown());
  }

  private stampWaiting(applied: LogIndex): void {
    if (this.pending.size === 0) this.since = applied;
    let bytes = 0;
    for (let count = 0; count < BATCH_COMMANDS_MAX && bytes < BATCH_BYTES_MAX; count += 1) {
      const proposal = this.waiting[this.waitingFrom];
      if (proposal === undefined || this.isWindowFull()) return;
      this.shiftWaiting();
      bytes += proposal.data.length;
      this.stamp(proposal);
    }
  }

  private stamp(proposal: Proposal<Outcome>): void {
    const sequence = this.nextSequence;
    this.nextSequence += 1;
    const floor = this.lowestPending() ?? sequence;
    const session = { client: this.client, sequence, floor, since: this.since };
    const command = { data: proposal.data, session };
    const pending = { proposal, command, isSent: false, isDue: false, triedMs: 0 };
    this.pending.set(sequence, pending);
    this.makeDue(pending);
  }

  /** The session table keeps outcomes from the lowest sequence that is not answered on. */
  private isWindowFull(): boolean {
    const lowest = this.lowestPending() ?? this.nextSequence;
    return this.nextSequence - lowest >= SESSION_LIMITS.outcomesPerClientMax;
  }

  private lowestPending(): number | undefined {
    for (const sequence of this.pending.keys()) return sequence;
    return undefined;
  }

  /** From the beginning of what is due, which it cleans of what is decided. */
  private firstDue(): Pending<Outcome>[] {
    if (this.due.some(({ isDue }) => !isDue)) this.due = this.due.filter(({ isDue }) => isDue);
    let bytes = 0;
    let count = 0;
    for (const { command } of this.due) {
      if (count >= BATCH_COMMANDS_MAX || bytes >= BATCH_BYTES_MAX) break;
      count += 1;
      bytes += command.data.length;
    }
    return this.due.slice(0, count);
  }

  private makeDue(pending: Pending<Outcome>): void {
    if (pending.isDue) return;
    pending.isDue = true;
    this.due.push(pending);
  }

  private remove(pending: Pending<Outcome>): void {
    this.pending.delete(pending.command.session.sequence);
    this.bytes -= pending.command.data.length;
    pending.isDue = false;
  }

  private fail(pending: Pending<Outcome>, error: ClusterError): void {
    this.remove(pending);
    this.metrics.countProposalRefused?.(error.detail.code);
    pending.proposal.reject(error);
  }

  private failFirstWaiting(error: ClusterError): void {
    const proposal = this.shiftWaiting();
    if (proposal === undefined) return;
    this.bytes -= proposal.data.length;
    this.metrics.countProposalRefused?.(error.detail.code);
    proposal.reject(error);
  }

  private shiftWaiting(): Proposal<Outcome> | undefined {
    const proposal = this.waiting[this.waitingFrom];
    if (proposal === undefined) return undefined;
    this.waitingFrom += 1;
    if (this.waitingFrom === this.waiting.length) {
      this.waiting = [];
      this.waitingFrom = 0;
    }
    return proposal;
  }
}

function noteSent<Outcome>(pending: Pending<Outcome>, nowMs: number): void {
  pending.isSent = true;
  pending.isDue = false;
  pending.triedMs = nowMs;
}
