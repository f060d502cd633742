import type { NodeId, Service, Task } from '../../model/index.ts';
import { CREATES_MAX, type Decision } from '../decision.ts';
import { inspect, isRunning, isWanted, type Group, type Inspection } from './group.ts';
import { isEligible } from '../placement/filters.ts';
import { paced, pacedMap } from './paced.ts';
import { reconcileGroups } from './reconcile.ts';

/** Brings a replicated service to its number of slots, each with one task. */
export function* reconcileReplicated(
  decision: Decision,
  service: Service,
  replicas: number,
): Generator<void, readonly Group[]> {
  const tasks = decision.store.tasksByService(service.id);
  const mayStay = stayRule(decision, service);
  if (yield* isAtRest(service, tasks, { replicas, mayStay })) return [];
  const groups = yield* slotsOf(tasks);
  const all = yield* pacedMap(groups, (group) => inspect(decision, service, { group, mayStay }));
  const kept = yield* dropSurplus(decision, all, replicas);
  const missing = newSlots(groups, replicas - kept.length).map((group) =>
    inspect(decision, service, { group, mayStay }),
  );
  yield* reconcileGroups(decision, service, [...kept, ...missing]);
  return kept.map(({ group }) => group);
}

/**
 * Whether there is nothing to do and no history to keep short, which is how most services are most
 * of the time.
 */
function* isAtRest(
  service: Service,
  tasks: readonly Task[],
  { replicas, mayStay }: { replicas: number; mayStay: (task: Task) => boolean },
): Generator<void, boolean> {
  if (tasks.length !== replicas) return false;
  const slots = new Set<number>();
  yield* paced(tasks, (task) => {
    const isCurrent = task.specVersion === service.specVersion;
    if (isCurrent && isRunning(task) && mayStay(task)) slots.add(task.slot);
  });
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

function* slotsOf(tasks: readonly Task[]): Generator<void, readonly Group[]> {
  const slots = new Map<number, Task[]>();
  yield* paced(tasks, (task) => {
    if (task.desiredState === 'remove') return;
    const slot = slots.get(task.slot);
    if (slot === undefined) slots.set(task.slot, [task]);
    else slot.push(task);
  });
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

/**
 * Scaling down: slots that do not run go first, then those on the node that has most of them. More
 * than one command changes go the next time.
 */
function* dropSurplus(
  decision: Decision,
  inspections: readonly Inspection[],
  replicas: number,
): Generator<void, readonly Inspection[]> {
  const surplus = inspections.length - replicas;
  if (surplus <= 0) return inspections;
  const order = yield* removalOrder(inspections, surplus);
  const dropped = new Set(order);
  yield* paced(dropped, ({ group }) => {
    if (decision.isFull) return;
    for (const task of group.tasks) decision.desire(task, 'remove');
  });
  return inspections.filter((inspection) => !dropped.has(inspection));
}

/** The first `count` that are to go. */
function* removalOrder(
  inspections: readonly Inspection[],
  count: number,
): Generator<void, readonly Inspection[]> {
  const bySlot = (one: Inspection, other: Inspection): number => one.group.slot - other.group.slot;
  const crowd = new Map<NodeId, number>();
  const idle: Inspection[] = [];
  /** The n-th slot on its node goes before every (n-1)-th one. */
  const ranks: Inspection[][] = [];
  yield* paced([...inspections].sort(bySlot), (inspection) => {
    const { nodeId } = inspection.survivors.find(isRunning) ?? {};
    if (nodeId === undefined) {
      idle.push(inspection);
      return;
    }
    const rank = crowd.get(nodeId) ?? 0;
    crowd.set(nodeId, rank + 1);
    (ranks[rank] ??= []).push(inspection);
  });
  idle.reverse().sort((one, other) => Number(hasWanted(one)) - Number(hasWanted(other)));
  const order = idle.slice(0, count);
  for (let rank = ranks.length - 1; rank >= 0 && order.length < count; rank -= 1)
    order.push(...(ranks[rank] ?? []).toReversed().slice(0, count - order.length));
  return order;
}

function hasWanted({ group }: Inspection): boolean {
  return group.tasks.some(isWanted);
}
