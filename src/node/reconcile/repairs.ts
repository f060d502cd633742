/** Tells operators what somebody else had changed. */
import type { Logger } from '../../base/index.ts';
import {
  describeDrift,
  type KernelObject,
  type NamespaceName,
  type ObjectKey,
} from '../../dataplane/index.ts';
import type { ReconcileMetrics } from './options.ts';

/** Something that is not as it had been put. One of `found` and `wanted` is there. */
export interface Drift {
  readonly key: ObjectKey;
  readonly found: KernelObject | undefined;
  readonly wanted: KernelObject | undefined;
}

/** Drifts that a log line spells out; all are counted. */
const TOLD_MAX = 8;

export class Repairs {
  private readonly logger: Logger;
  private readonly metrics: ReconcileMetrics | undefined;

  constructor(logger: Logger, metrics: ReconcileMetrics | undefined) {
    this.logger = logger;
    this.metrics = metrics;
  }

  /** Objects of a namespace are about to be repaired. */
  tell(namespace: NamespaceName, drifts: readonly Drift[]): void {
    if (drifts.length === 0) return;
    const kinds: Record<string, number> = {};
    for (const { found, wanted } of drifts) {
      const kind = (wanted ?? found)?.kind ?? 'unknown';
      this.metrics?.repaired(kind);
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    const told = drifts.slice(0, TOLD_MAX);
    const found = told.map(({ key, ...both }) => describeDrift(key, both.found, both.wanted));
    const more = drifts.length - told.length;
    const fields = { namespace, kinds, found, ...(more > 0 ? { more } : {}) };
    this.logger.info(fields, 'the kernel differs from what was put there; repairing');
  }

  /** A namespace is about to be put back in its place, or made anew. */
  tellGone(namespace: NamespaceName): void {
    this.metrics?.repaired('namespace');
    this.logger.info({ namespace }, 'a namespace was taken away; repairing');
  }
}
