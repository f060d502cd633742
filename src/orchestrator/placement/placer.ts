import { randomBelow, type Rng } from '../../base/index.ts';
import { nodeAttribute, type NodeId, type Service } from '../../model/index.ts';
import { filtersFor, type Filter } from './filters.ts';
import { nodesWithImage } from './images.ts';
import type { NodeLoad, NodeLoads } from './node-loads.ts';

/** This many recent failures of a service put a node behind all others for it. */
const FAILURES_MAX = 3;

/** Where a task goes, or why it cannot go anywhere, as `docker service ps` explains it. */
export type PlacementOutcome = { readonly nodeId: NodeId } | { readonly reason: string };

/**
 * Finds places for one service during one decision. Spread: of the nodes that fit, the one with the
 * fewest tasks of the service, then the fewest of all; ties are drawn. Before that come the
 * service's placement preferences, and nodes on which the service keeps failing come last.
 */
export class Placer {
  private readonly service: Service;
  private readonly rng: Rng;
  private readonly candidates: readonly NodeLoad[];
  private readonly filters: readonly Filter[];
  /** Set once there was no place: within one decision nodes only fill up. */
  private refusal: { readonly reason: string } | undefined;

  constructor(service: Service, loads: NodeLoads, rng: Rng) {
    this.service = service;
    this.rng = rng;
    this.candidates = nodesWithImage([...loads.values()], service.spec.TaskTemplate.ContainerSpec);
    this.filters = filtersFor(service);
  }

  choose(): PlacementOutcome {
    if (this.refusal !== undefined) return this.refusal;
    const failures = this.filters.map(() => 0);
    const fitting = this.candidates.filter((load) => {
      const failed = this.failedFilter(load);
      if (failed >= 0) failures[failed] = (failures[failed] ?? 0) + 1;
      return failed < 0;
    });
    if (fitting.length > 0) return { nodeId: best(this.service, fitting, this.rng).node.id };
    this.refusal = { reason: explain(this.filters, failures) };
    return this.refusal;
  }

  /** That one node, or why it does not fit. */
  chooseOnly(load: NodeLoad): PlacementOutcome {
    const failed = this.failedFilter(load);
    if (failed < 0) return { nodeId: load.node.id };
    const failures = this.filters.map((_, index) => (index === failed ? 1 : 0));
    return { reason: explain(this.filters, failures) };
  }

  private failedFilter(load: NodeLoad): number {
    return this.filters.findIndex((filter) => !filter.fits(load));
  }
}

function explain(filters: readonly Filter[], failures: readonly number[]): string {
  const reasons = filters
    .map((filter, index) => ({ filter, count: failures[index] ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count)
    .map(({ filter, count }) => filter.explain(count));
  return reasons.length === 0 ? 'no suitable node' : `no suitable node (${reasons.join('; ')})`;
}

function best(service: Service, fitting: readonly NodeLoad[], rng: Rng): NodeLoad {
  const rank = ranking(service, fitting);
  let chosen: { load: NodeLoad; rank: readonly number[] } | undefined;
  let ties = 1;
  for (const load of fitting) {
    const candidate = { load, rank: rank(load) };
    const order = chosen === undefined ? -1 : compare(candidate.rank, chosen.rank);
    ties = order === 0 ? ties + 1 : order < 0 ? 1 : ties;
    // Each of n equals ends up chosen with chance 1/n.
    if (order < 0 || (order === 0 && randomBelow(rng, ties) === 0)) chosen = candidate;
  }
  return (chosen as { load: NodeLoad }).load;
}

/** Smaller is better, the first difference decides. */
function ranking(
  service: Service,
  fitting: readonly NodeLoad[],
): (load: NodeLoad) => readonly number[] {
  const spreads = (service.spec.TaskTemplate.Placement?.Preferences ?? []).map(
    ({ Spread }) => Spread.SpreadDescriptor,
  );
  const branches = spreads.map((_, depth) =>
    branchCounts(service, fitting, spreads.slice(0, depth + 1)),
  );
  return (load) => [
    (load.failuresByService.get(service.id) ?? 0) >= FAILURES_MAX ? 1 : 0,
    ...branches.map(({ counts, branchOf }) => counts.get(branchOf(load)) ?? 0),
    load.activeByService.get(service.id) ?? 0,
    load.activeTasks,
  ];
}

interface BranchCounts {
  /** Tasks of the service per branch of the tree that the preferences make of the nodes. */
  readonly counts: ReadonlyMap<string, number>;
  readonly branchOf: (load: NodeLoad) => string;
}

function branchCounts(
  service: Service,
  fitting: readonly NodeLoad[],
  keys: readonly string[],
): BranchCounts {
  const branchOf = ({ node }: NodeLoad): string =>
    JSON.stringify(keys.map((key) => nodeAttribute(node, key) ?? ''));
  const counts = new Map<string, number>();
  for (const load of fitting) {
    const branch = branchOf(load);
    const active = load.activeByService.get(service.id) ?? 0;
    counts.set(branch, (counts.get(branch) ?? 0) + active);
  }
  return { counts, branchOf };
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (const [index, value] of one.entries()) {
    const difference = value - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
