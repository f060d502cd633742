/** What the reconcile loop is given: everything outside it comes in here. */
import type { Clock, Logger } from '../../base/index.ts';
import type { Kernel, KernelEvent, NamespaceName } from '../../dataplane/index.ts';

export interface Timers {
  /** Calls back once after `delayMs`; the result takes that back. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Timers that do not keep the process alive. */
export const SYSTEM_TIMERS: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export interface ReconcileMetrics {
  /** What had been put was found different; `kind` is the object's, or `namespace`. */
  repaired(kind: string): void;
  /** One pass took this long. */
  passed(seconds: number): void;
}

export interface NamespaceWatch {
  /** Tells at once of everything until now. */
  drain(): void;
  close(): void;
}

/** Tells what somebody, the loop itself included, changes in a namespace, in order. */
export type WatchNamespace = (
  namespace: NamespaceName,
  handlers: { readonly onEvents: (events: readonly KernelEvent[]) => void },
) => NamespaceWatch;

export interface ReconcilerOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: ReconcileMetrics;
  /** Absent: foreign changes are found when a namespace is looked at again, within `resyncMs`. */
  readonly watch?: WatchNamespace;
  readonly timers?: Timers;
  /** Every namespace is observed anew at least this often. Default 30 s. */
  readonly resyncMs?: number;
}
