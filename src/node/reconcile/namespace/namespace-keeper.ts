/**
 * What the loop keeps about one namespace beside its objects: whether it is there, when it was
 * looked at, who watches.
 */
import { NamespaceState } from './namespace-state.ts';
import type { KernelEvent, KernelFailure, NamespaceName } from '../../../dataplane/index.ts';
import { retryDelayMs, type FailedObject } from '../errors.ts';
import type { NamespaceWatch } from '../options.ts';
import type { Drift } from '../repairs.ts';

/**
 * Between two looks at one namespace: long enough that looking costs a twentieth, and never a
 * second.
 */
const LOOK_GAP_MIN_MS = 250;
const LOOK_GAP_MAX_MS = 900;
const LOOK_COST_SHARE = 20;
/** Between two glances at what no event tells of, so that it, too, is repaired within a second. */
const GLANCE_GAP_MS = 400;
/** Events kept while nobody can take them; beyond it they are one that says to look. */
const EVENTS_MAX = 200_000;

export class NamespaceKeeper {
  readonly state: NamespaceState;
  /** Known to exist. */
  exists = false;
  watch: NamespaceWatch | undefined;
  /** Whether it may hold something else than believed. */
  private isSuspect = false;
  private events: KernelEvent[] = [];
  private glancedAtMs = Number.NEGATIVE_INFINITY;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private lookCostMs = 0;
  private failure: FailedObject | undefined;

  constructor(name: NamespaceName) {
    this.state = new NamespaceState(name);
  }

  get name(): NamespaceName {
    return this.state.name;
  }

  /** It may hold something else than believed. */
  suspect(): void {
    this.isSuspect = true;
  }

  /** Keeps events until they are taken. */
  note(events: readonly KernelEvent[]): void {
    if (this.events.length + events.length > EVENTS_MAX) this.events = [{ event: 'unclear' }];
    else for (const event of events) this.events.push(event);
  }

  /**
   * Takes over what events have told until now; returns what somebody else changed. Own changes
   * must be settled: then an event that is not as believed is somebody else's.
   */
  takeEvents(): Drift[] {
    this.watch?.drain();
    const { events } = this;
    if (events.length === 0) return [];
    this.events = [];
    const { drifts, isLookDue } = this.state.hear(events);
    if (isLookDue) this.isSuspect = true;
    return drifts;
  }

  /** What comes from here on is not in what is about to be observed. */
  looking(): void {
    this.watch?.drain();
    this.events = [];
    this.isSuspect = false;
  }

  looked(startedMs: number, nowMs: number): void {
    this.lookCostMs = nowMs - startedMs;
    this.lookedAtMs = nowMs;
    this.glancedAtMs = nowMs;
  }

  glanced(nowMs: number): void {
    this.glancedAtMs = nowMs;
  }

  /** It is not the namespace that was looked at. */
  lost(): void {
    this.exists = false;
    this.state.forget();
    this.events = [];
    this.closeWatch();
  }

  /** When it should be looked at, by monotonic clock. */
  lookDueMs(resyncMs: number): number {
    if (!this.state.isObserved) return Number.NEGATIVE_INFINITY;
    if (!this.isSuspect) return this.lookedAtMs + resyncMs;
    const gap = Math.max(LOOK_GAP_MIN_MS, this.lookCostMs * LOOK_COST_SHARE);
    return this.lookedAtMs + Math.min(LOOK_GAP_MAX_MS, gap);
  }

  /** When its settings, and whether it is in its place, should be read. */
  get glanceDueMs(): number {
    return this.glancedAtMs + GLANCE_GAP_MS;
  }

  succeed(): void {
    this.failure = undefined;
  }

  fail(error: KernelFailure, nowMs: number): number {
    const attempts = (this.failure?.attempts ?? 0) + 1;
    const nextRetryMs = nowMs + retryDelayMs(attempts);
    this.failure = { namespace: this.name, error, attempts, nextRetryMs };
    return attempts;
  }

  /** When the namespace as a whole may be tried again. */
  get retryMs(): number {
    return this.failure?.nextRetryMs ?? Number.NEGATIVE_INFINITY;
  }

  failed(): FailedObject[] {
    return [...(this.failure === undefined ? [] : [this.failure]), ...this.state.failed()];
  }

  closeWatch(): void {
    this.watch?.close();
    this.watch = undefined;
  }
}
