/** One seed, from the first event to the last check. */
import { Convergence } from './convergence.ts';
import { Violation } from './engine/violation.ts';
import { Storm } from './storm.ts';
import type { Swarm } from './swarm.ts';
import { World, type Stats } from './world.ts';

export interface Summary extends Readonly<Stats> {
  readonly seed: number;
  /** Equal for equal runs. */
  readonly hash: string;
  readonly nodes: number;
  readonly events: number;
  readonly entries: number;
  readonly terms: number;
  readonly operations: number;
  /** Histories whose check was given up. */
  readonly undecided: number;
  /** Virtual time from the end of all faults to rest. */
  readonly restAfterMs: number;
}

export interface Failure {
  readonly seed: number;
  readonly hash: string;
  readonly checker: string;
  readonly what: string;
  readonly stack: string;
  readonly nodes: string;
  readonly swarm: Swarm;
  readonly lastEvents: readonly string[];
}

export type Outcome =
  | { readonly kind: 'passed'; readonly summary: Summary }
  | { readonly kind: 'failed'; readonly failure: Failure };

export function runSeed(seed: number, overrides: Partial<Swarm> = {}): Outcome {
  const world = new World(seed, overrides);
  const convergence = new Convergence(world);
  try {
    const restAfterMs = live(world, convergence);
    return { kind: 'passed', summary: summaryOf(seed, world, restAfterMs) };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(seed, world, error) };
  }
}

function live(world: World, convergence: Convergence): number {
  world.start();
  new Storm(world).begin();
  world.queue.runUntil(world.swarm.stormMs);
  world.calm();
  for (const customer of world.customers) customer.isDone = true;
  world.operator.restoreNodes();
  const restAfterMs = convergence.await();
  convergence.check();
  return restAfterMs;
}

function summaryOf(seed: number, world: World, restAfterMs: number): Summary {
  const { trace, checks, stats, swarm } = world;
  return {
    seed,
    hash: trace.hash,
    nodes: swarm.nodes,
    events: trace.count,
    entries: checks.raft.commitIndex,
    terms: checks.raft.leaderships,
    operations: checks.history.operations,
    undecided: checks.history.undecided,
    restAfterMs,
    ...stats,
  };
}

function failureOf(seed: number, world: World, error: unknown): Failure {
  return {
    seed,
    hash: world.trace.hash,
    // Whatever else is thrown comes from an assertion inside the system.
    checker: error instanceof Violation ? error.checker : 'assertions',
    what: error instanceof Error ? error.message : String(error),
    stack: error instanceof Error ? (error.stack ?? '') : '',
    nodes: new Convergence(world).describe(),
    swarm: world.swarm,
    lastEvents: world.trace.last,
  };
}

/** All of it for a person, with the command that shows it again. */
export function textOfFailure(failure: Failure): string {
  const { seed, hash, checker, what, nodes, swarm, lastEvents, stack } = failure;
  return [
    `seed ${seed} failed: ${checker}: ${what}`,
    `again: make sim SEED=${seed} (events hash to ${hash})`,
    `swarm: ${JSON.stringify(swarm)}`,
    'the last events, in virtual milliseconds:',
    ...lastEvents.map((line) => `  ${line}`),
    'nodes:',
    nodes,
    stack,
  ].join('\n');
}
