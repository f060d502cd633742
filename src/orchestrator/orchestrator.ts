import type { Rng } from '../base/index.ts';
import type { Service } from '../model/index.ts';
import type { Command, Store } from '../store/index.ts';
import { Attention } from './attention.ts';
import { Decision } from './decision.ts';
import { reconcileGlobal } from './global.ts';
import { reapHistory, reapTasks } from './reap.ts';
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
 * nothing left to do.
 *
 * It watches the store, so that a decision looks only at services that may need something. That
 * saves time and decides nothing: an orchestrator that begins, looks at all of them, and comes to
 * the same decision.
 */
export class Orchestrator {
  private readonly store: Store;
  private readonly attention: Attention;

  constructor(store: Store) {
    this.store = store;
    this.attention = new Attention(store);
  }

  /**
   * Steps of about a service each, and at their end the decision. Commands may be applied between
   * them: what then no longer fits is passed over by the store, and decided again. `nowMs` is wall
   * clock time, because delays must survive a change of leader.
   */
  *decide(nowMs: number, rng: Rng): Generator<void, DecideOutcome> {
    const { store, attention } = this;
    yield* attention.survey();
    const { occupancy } = attention;
    if (occupancy === undefined) return { wakeAtMs: nowMs };
    const decision = new Decision({ store, occupancy, nowMs, rng });
    for (const look of this.looks(decision)) {
      if (decision.isFull) break;
      decision.beginLook();
      look();
      yield;
      // The whole state was replaced.
      if (attention.occupancy !== occupancy) return { wakeAtMs: nowMs };
    }
    const command = decision.command();
    const { wakeAtMs } = decision;
    return { ...(command && { command }), ...(wakeAtMs !== undefined && { wakeAtMs }) };
  }

  /** Stops watching the store. */
  close(): void {
    this.attention.close();
  }

  /** A look at each service that is not quiet, and then at each that is gone but for tasks. */
  private *looks(decision: Decision): Generator<() => void, void> {
    const { store, attention } = this;
    for (const service of store.services.values()) {
      if (attention.isQuiet(service.id)) continue;
      yield () => {
        look(decision, service);
        if (decision.isQuiet) attention.rest(service);
      };
    }
    for (const id of attention.remnants()) {
      if (attention.isQuiet(id)) continue;
      yield () => {
        reapTasks(decision, store.tasksByService(id));
        if (decision.isQuiet) attention.restRemnant(id);
      };
    }
  }
}

/** A decision at once, by an orchestrator that begins and ends with it. */
export function decide(store: Store, nowMs: number, rng: Rng): DecideOutcome {
  const orchestrator = new Orchestrator(store);
  const steps = orchestrator.decide(nowMs, rng);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  orchestrator.close();
  return step.value;
}

function look(decision: Decision, service: Service): void {
  const { Mode } = service.spec;
  const groups =
    'Global' in Mode
      ? reconcileGlobal(decision, service)
      : reconcileReplicated(decision, service, Mode.Replicated.Replicas);
  reapHistory(decision, service, groups);
  reapTasks(decision, decision.store.tasksByService(service.id));
}
