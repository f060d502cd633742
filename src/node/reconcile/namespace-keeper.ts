/**
 * What the loop keeps about one namespace beside its objects: whether it is there, when it was
 * looked at, who watches.
 */
import { NamespaceState } from './namespace-state.ts';
import type { KernelFailure, NamespaceName } from '../../dataplane/index.ts';
import { retryDelayMs } from './backoff.ts';
import type { FailedObject } from './errors.ts';
import type { NamespaceWatch } from './options.ts';

/**
 * Between two looks at one namespace: long enough that looking costs a twentieth, and never a
 * second.
 */
const LOOK_GAP_MIN_MS = 250;
const LOOK_GAP_MAX_MS = 900;
const LOOK_COST_SHARE = 20;
/** Events of what the loop itself did arrive during it and this long after. */
const OWN_EVENTS_MS = 100;
/** Look after own changes, in case somebody else's came at the same time. */
const OWN_LOOK_MS = 5000;

export class NamespaceKeeper {
  readonly state: NamespaceState;
  /** Known to exist. */
  exists = false;
  watch: NamespaceWatch | undefined;
  /** Whether it was changed since the last look, and by whom. */
  private suspicion: 'none' | 'perhaps own' | 'foreign' = 'none';
  private isApplying = false;
  private appliedAtMs = Number.NEGATIVE_INFINITY;
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
    this.suspicion = 'foreign';
  }

  /**
   * It was changed, by the loop itself or by somebody else. Returns whether that makes a look due
   * earlier.
   */
  heard(nowMs: number): boolean {
    const isPerhapsOwn = this.isApplying || nowMs - this.appliedAtMs < OWN_EVENTS_MS;
    if (this.suspicion === 'foreign') return false;
    const isNews = !isPerhapsOwn || this.suspicion === 'none';
    this.suspicion = isPerhapsOwn ? 'perhaps own' : 'foreign';
    return isNews;
  }

  applying(): void {
    this.isApplying = true;
  }

  applied(nowMs: number): void {
    this.isApplying = false;
    this.appliedAtMs = nowMs;
  }

  looked(startedMs: number, nowMs: number): void {
    this.lookCostMs = nowMs - startedMs;
    this.lookedAtMs = nowMs;
    this.suspicion = 'none';
  }

  /** It is not the namespace that was looked at. */
  lost(): void {
    this.exists = false;
    this.state.forget();
    this.closeWatch();
  }

  /** When it should be looked at, by monotonic clock. */
  lookDueMs(resyncMs: number): number {
    if (!this.state.isObserved) return Number.NEGATIVE_INFINITY;
    if (this.suspicion === 'none') return this.lookedAtMs + resyncMs;
    if (this.suspicion === 'perhaps own') return this.lookedAtMs + Math.min(OWN_LOOK_MS, resyncMs);
    const gap = Math.max(LOOK_GAP_MIN_MS, this.lookCostMs * LOOK_COST_SHARE);
    return this.lookedAtMs + Math.min(LOOK_GAP_MAX_MS, gap);
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
