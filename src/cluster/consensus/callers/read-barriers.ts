/**
 * Reads that must see everything committed before they were asked for (thesis, 6.4).
 *
 *     open --asked the core--> asked --index known--> confirmed --index applied--> resolved
 *       ^                        |
 *       +--- lost, silence <-----+
 *
 * All that wait share a question, and few questions are under way at a time: while one is answered,
 * others gather for the next.
 */
import type { LogIndex, ReadId, ReadOutcome } from '../../../raft/index.ts';
import type { ClusterError } from '../../errors.ts';
import type { DriverLimits } from '../options.ts';
import { busy, readTimeout } from '../refusals.ts';

/** More spreads the answers, less groups them. */
const QUESTIONS_MAX = 4;

interface Waiter {
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Question {
  readonly askedMs: number;
  readonly waiters: readonly Waiter[];
}

export interface ReadAsker {
  readIndex(id: ReadId): ReadOutcome;
}

export class ReadBarriers {
  private readonly limits: DriverLimits;
  private open: Waiter[] = [];
  private readonly asked = new Map<ReadId, Question>();
  private confirmed: { readonly index: LogIndex; readonly waiters: readonly Waiter[] }[] = [];
  private lastId = 0;
  private count = 0;

  constructor(limits: DriverLimits) {
    this.limits = limits;
  }

  get hasWork(): boolean {
    return this.open.length > 0 && this.asked.size < QUESTIONS_MAX;
  }

  /** Throws `ClusterError` busy when too many wait. */
  async add(nowMs: number): Promise<void> {
    if (this.count >= this.limits.readsMax) throw busy();
    this.count += 1;
    return new Promise<void>((resolve, reject) => {
      this.open.push({ deadlineMs: nowMs + this.limits.readMs, resolve, reject });
    });
  }

  flush(core: ReadAsker, nowMs: number): void {
    if (!this.hasWork) return;
    this.lastId += 1;
    const id = this.lastId as ReadId;
    if (core.readIndex(id).kind === 'refused') return;
    this.asked.set(id, { askedMs: nowMs, waiters: this.open });
    this.open = [];
  }

  /** Reads of this question may be served once `index` is applied. */
  confirm(id: ReadId, index: LogIndex): void {
    const question = this.asked.get(id);
    if (question === undefined) return;
    this.asked.delete(id);
    this.confirmed.push({ index, waiters: question.waiters });
  }

  lose(id: ReadId): void {
    const question = this.asked.get(id);
    if (question === undefined) return;
    this.asked.delete(id);
    this.open = [...question.waiters, ...this.open];
  }

  /** Answers may be lost; all are asked for again. */
  loseAll(): void {
    for (const id of [...this.asked.keys()]) this.lose(id);
  }

  resolveThrough(applied: LogIndex): void {
    if (this.confirmed.length === 0) return;
    const ready = this.confirmed.filter(({ index }) => index <= applied);
    if (ready.length === 0) return;
    this.confirmed = this.confirmed.filter(({ index }) => index > applied);
    for (const { waiters } of ready) {
      this.count -= waiters.length;
      for (const { resolve } of waiters) resolve();
    }
  }

  /** Asks again what is silent for too long; gives up what is past its deadline. */
  tick(nowMs: number): void {
    for (const [id, { askedMs }] of [...this.asked])
      if (nowMs - askedMs >= this.limits.retryMs) this.lose(id);
    const isLate = ({ deadlineMs }: Waiter): boolean => deadlineMs <= nowMs;
    const late = this.open.filter(isLate);
    if (late.length > 0) this.open = this.open.filter((waiter) => !isLate(waiter));
    for (const { index, waiters } of this.confirmed.splice(0)) {
      late.push(...waiters.filter(isLate));
      const rest = waiters.filter((waiter) => !isLate(waiter));
      if (rest.length > 0) this.confirmed.push({ index, waiters: rest });
    }
    this.reject(late, readTimeout());
  }

  /** Refuses those for whom no index is known. */
  refuseOpen(error: ClusterError): void {
    this.reject(this.open.splice(0), error);
  }

  close(error: ClusterError): void {
    this.loseAll();
    this.refuseOpen(error);
    for (const { waiters } of this.confirmed.splice(0)) this.reject(waiters, error);
  }

  private reject(waiters: readonly Waiter[], error: ClusterError): void {
    this.count -= waiters.length;
    for (const { reject } of waiters) reject(error);
  }
}
