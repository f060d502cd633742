import type { Rng } from '../base/index.ts';
import type { Command, Store } from '../store/index.ts';
import { Decision } from './decision.ts';
import { reconcileGlobal } from './global.ts';
import { reapEnding, reapHistory } from './reap.ts';
import { reconcileReplicated } from './replicated.ts';

export interface DecideOutcome {
  /** What to propose. Absent when tasks are as the services want them. */
  readonly command?: Extract<Command, { type: 'tasks.change' }>;
  /** When to decide again although nothing changed: a delay ends then. */
  readonly wakeAtMs?: number;
}

/**
 * Compares services with tasks and says what to change. Asked again after every change of the store
 * and at `wakeAtMs`; a command that the store took makes the next answer differ, until there is
 * nothing left to do. `nowMs` is wall clock time, because delays must survive a change of leader.
 */
export function decide(store: Store, nowMs: number, rng: Rng): DecideOutcome {
  const decision = new Decision(store, nowMs, rng);
  for (const service of store.services.values()) {
    const { Mode } = service.spec;
    const groups =
      'Global' in Mode
        ? reconcileGlobal(decision, service)
        : reconcileReplicated(decision, service, Mode.Replicated.Replicas);
    reapHistory(decision, service, groups);
  }
  reapEnding(decision);
  const command = decision.command();
  const { wakeAtMs } = decision;
  return { ...(command && { command }), ...(wakeAtMs !== undefined && { wakeAtMs }) };
}
