import type { NodeId, Service, Task } from '../model/index.ts';
import { CREATES_MAX, type Decision } from './decision.ts';
import { inspect, isRunning, isWanted, type Group, type Inspection } from './group.ts';
import { isEligible } from './placement/filters.ts';
import { reconcileGroups } from './reconcile.ts';

/** Brings a replicated service to its number of slots, each with one task. */
export function reconcileReplicated(
  decision: Decision,
  service: Service,
  replicas: number,
): readonly Group[] {
  const tasks = decision.store.tasksByService(service.id);
  const mayStay = stayRule(decision, service);
  if (isAtRest(service, tasks, { replicas, mayStay })) return [];
  const groups = slotsOf(tasks);
  const all = groups.map((group) => inspect(decision, service, { group, mayStay }));
  const kept = dropSurplus(decision, all, replicas);
  const missing = newSlots(groups, replicas - kept.length).map((group) =>
    inspect(decision, service, { group, mayStay }),
  );
  reconcileGroups(decision, service, [...kept, ...missing]);
  return kept.map(({ group }) => group);
}

/**
 * Whether there is nothing to do and no history to keep short, which is how most services are most
 * of the time.
 */
function isAtRest(
  service: Service,
  tasks: readonly Task[],
  { replicas, mayStay }: { replicas: number; mayStay: (task: Task) => boolean },
): boolean {
  if (tasks.length !== replicas) return false;
  const slots = new Set<number>();
  for (const task of tasks) {
    if (!isRunning(task) || task.specVersion !== service.specVersion || !mayStay(task))
      return false;
    slots.add(task.slot);
  }
  return slots.size === replicas;
}

/**
 * A task stays where it is until its node goes, is down or drained, or no longer fits the service.
 */
function stayRule(decision: Decision, service: Service): (task: Task) => boolean {
  const isEligibleNode = isEligible(service);
  return (task) => {
    if (task.nodeId === undefined) return true;
    const node = decision.nodeOf(task);
    if (node === undefined || node.state === 'down') return false;
    return node.spec.Availability !== 'drain' && isEligibleNode(node);
  };
}

function slotsOf(tasks: readonly Task[]): readonly Group[] {
  const slots = new Map<number, Task[]>();
  for (const task of tasks) {
    if (task.desiredState === 'remove') continue;
    const slot = slots.get(task.slot);
    if (slot === undefined) slots.set(task.slot, [task]);
    else slot.push(task);
  }
  return [...slots].map(([slot, ofSlot]) => ({ slot, tasks: ofSlot }));
}

/**
 * Lowest free numbers first. More than one command creates tasks for are not looked at: they are
 * there the next time.
 */
function newSlots(groups: readonly Group[], count: number): readonly Group[] {
  const used = new Set(groups.map(({ slot }) => slot));
  const created: Group[] = [];
  for (let slot = 1; created.length < Math.min(count, CREATES_MAX); slot += 1)
    if (!used.has(slot)) created.push({ slot, tasks: [] });
  return created;
}

/** Scaling down: slots that do not run go first, then those on the node that has most of them. */
function dropSurplus(
  decision: Decision,
  inspections: readonly Inspection[],
  replicas: number,
): readonly Inspection[] {
  const surplus = inspections.length - replicas;
  if (surplus <= 0) return inspections;
  const order = removalOrder(inspections);
  const dropped = new Set(order.slice(0, surplus));
  for (const { group } of dropped) for (const task of group.tasks) decision.desire(task, 'remove');
  return inspections.filter((inspection) => !dropped.has(inspection));
}

function removalOrder(inspections: readonly Inspection[]): readonly Inspection[] {
  const crowd = new Map<NodeId, number>();
  const ranked = [...inspections]
    .sort((one, other) => one.group.slot - other.group.slot)
    .map((inspection) => {
      const task = inspection.survivors.find(isRunning);
      if (task?.nodeId === undefined) return { inspection, rank: Infinity };
      // The n-th slot on its node goes before every (n-1)-th one.
      const rank = (crowd.get(task.nodeId) ?? 0) + 1;
      crowd.set(task.nodeId, rank);
      return { inspection, rank };
    });
  const bySlot = (one: Inspection, other: Inspection) => other.group.slot - one.group.slot;
  return ranked
    .sort((one, other) =>
      one.rank === other.rank
        ? Number(hasWanted(one.inspection)) - Number(hasWanted(other.inspection)) ||
          bySlot(one.inspection, other.inspection)
        : other.rank - one.rank,
    )
    .map(({ inspection }) => inspection);
}

function hasWanted({ group }: Inspection): boolean {
  return group.tasks.some(isWanted);
}
