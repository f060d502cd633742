/** What the reconcile loop is given: everything outside it comes in here. */
import type { Clock, Logger } from '../../base/index.ts';
import type { Kernel, NamespaceName } from '../../dataplane/index.ts';

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
  /** An object was found different from what had been put; `kind` is the object's. */
  repaired(kind: string): void;
  /** One pass took this long. */
  passed(seconds: number): void;
}

export interface NamespaceWatch {
  close(): void;
}

/** Tells when somebody, the loop itself included, changes a namespace. */
export type WatchNamespace = (
  namespace: NamespaceName,
  handlers: { readonly onChange: () => void; readonly onOverrun: () => void },
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
