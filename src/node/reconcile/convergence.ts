/** Those who wait until the kernel is as planned. */
import type { NamespaceName } from '../../dataplane/index.ts';
import { ReconcileError, notConverged, type FailedObject } from './errors.ts';
import type { Timers } from './options.ts';

interface Waiter {
  readonly namespaces: readonly NamespaceName[];
  readonly resolve: () => void;
  readonly reject: (error: ReconcileError) => void;
  readonly cancel: () => void;
}

export interface ConvergenceSource {
  /** No names: everything that was ever planned. */
  isConverged(namespaces: readonly NamespaceName[]): boolean;
  failed(namespaces: readonly NamespaceName[]): FailedObject[];
}

export class ConvergenceWaiters {
  private readonly source: ConvergenceSource;
  private readonly timers: Timers;
  private readonly waiters = new Set<Waiter>();

  constructor(source: ConvergenceSource, timers: Timers) {
    this.source = source;
    this.timers = timers;
  }

  /** Resolves when converged; rejects with what the kernel refused after `deadlineMs`. */
  wait(namespaces: readonly NamespaceName[], deadlineMs: number): Promise<void> {
    if (this.source.isConverged(namespaces)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const cancel = this.timers.after(deadlineMs, () => {
        this.waiters.delete(waiter);
        reject(notConverged(namespaces, this.source.failed(namespaces)));
      });
      const waiter: Waiter = { namespaces, resolve, reject, cancel };
      this.waiters.add(waiter);
    });
  }

  check(): void {
    for (const waiter of this.waiters) {
      if (!this.source.isConverged(waiter.namespaces)) continue;
      this.end(waiter);
      waiter.resolve();
    }
  }

  close(): void {
    for (const waiter of this.waiters) {
      this.end(waiter);
      waiter.reject(new ReconcileError({ code: 'closed' }, 'the reconcile loop was closed'));
    }
  }

  private end(waiter: Waiter): void {
    this.waiters.delete(waiter);
    waiter.cancel();
  }
}
