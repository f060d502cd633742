/**
 * What is done with each group of a service once it is inspected: retire, replace, promote, place.
 */
import { isTerminal, type Service, type Task } from '../model/index.ts';
import type { Decision } from './decision.ts';
import { isRunning, type Group, type Inspection } from './group.ts';
import type { PlacementOutcome } from './placement/placer.ts';
import { endedByItself, restartDelayMs } from './restart.ts';

const NS_PER_MS = 1e6;

export function reconcileGroups(
  decision: Decision,
  service: Service,
  inspections: readonly Inspection[],
): void {
  for (const { retired } of inspections) for (const task of retired) retire(decision, task);
  updateGroups(decision, service, inspections);
  for (const inspection of inspections) {
    if (inspection.standing === 'vacant') fill(decision, service, inspection);
    for (const task of inspection.survivors) {
      promote(decision, inspection.group, task);
      placePending(decision, service, task);
    }
  }
}

/** Tells a task to stop; one that never had a place goes altogether. */
export function retire(decision: Decision, task: Task): void {
  decision.desire(task, task.nodeId === undefined ? 'remove' : 'shutdown');
}

/**
 * Rolling update: at most `Parallelism` groups at a time are between their old and their new task,
 * and `Delay` passes after each. A new version that does not come up therefore stops the update
 * where it is.
 */
function updateGroups(
  decision: Decision,
  service: Service,
  inspections: readonly Inspection[],
): void {
  const { Parallelism = 1, Delay = 0, Order } = service.spec.UpdateConfig ?? {};
  for (const { standing, survivors } of inspections) {
    if (standing !== 'steady') continue;
    for (const task of survivors)
      if (task.specVersion !== service.specVersion) retire(decision, task);
  }
  const dirty = inspections.filter(({ standing }) => standing === 'dirty');
  if (dirty.length === 0) return;
  const underWay = inspections.filter(
    ({ standing }) => standing === 'starting' || standing === 'vacant',
  );
  const budget = (Parallelism === 0 ? dirty.length : Parallelism) - underWay.length;
  if (budget <= 0 || waitsForDelay(decision, service, { inspections, delayMs: Delay / NS_PER_MS }))
    return;
  // What does not run anyway loses nothing by being first.
  dirty.sort((one, other) => Number(isServing(one)) - Number(isServing(other)));
  for (const inspection of dirty.slice(0, budget)) {
    if (Order === 'start-first') startBeside(decision, service, inspection);
    else replace(decision, service, inspection);
  }
}

function waitsForDelay(
  decision: Decision,
  service: Service,
  { inspections, delayMs }: { inspections: readonly Inspection[]; delayMs: number },
): boolean {
  const finished = inspections.flatMap(({ survivors }) =>
    survivors
      .filter((task) => task.specVersion === service.specVersion && isRunning(task))
      .map((task) => task.meta.updatedAtMs),
  );
  if (finished.length === 0 || delayMs === 0) return false;
  return decision.waitsUntil(finished.reduce((last, atMs) => Math.max(last, atMs)) + delayMs);
}

function isServing({ survivors }: Inspection): boolean {
  return survivors.some(isRunning);
}

/** Stop first: the new task is prepared beside the old one and starts when that has ended. */
function replace(decision: Decision, service: Service, inspection: Inspection): void {
  for (const task of inspection.survivors) retire(decision, task);
  const mustWait = inspection.survivors.some((task) => task.nodeId !== undefined);
  createTask(decision, service, {
    group: inspection.group,
    desiredState: mustWait ? 'ready' : 'running',
  });
}

/** Start first: the old task goes when the new one runs. */
function startBeside(decision: Decision, service: Service, { group }: Inspection): void {
  createTask(decision, service, { group, desiredState: 'running' });
}

/**
 * Puts the next task into a group that has none: after the restart delay if the last one ended by
 * itself.
 */
function fill(decision: Decision, service: Service, inspection: Inspection): void {
  const { group, newest } = inspection;
  const isRestart =
    newest !== undefined &&
    endedByItself(newest) &&
    newest.specVersion === service.specVersion &&
    isOnUsableNode(decision, newest);
  if (isRestart) {
    const startAfterMs = Math.ceil(newest.meta.updatedAtMs + restartDelayMs(newest, group.tasks));
    if (startAfterMs > decision.nowMs) {
      createTask(decision, service, { group, desiredState: 'ready', startAfterMs });
      return;
    }
  }
  const mustWait = group.tasks.some((task) => isStopping(decision, task));
  createTask(decision, service, { group, desiredState: mustWait ? 'ready' : 'running' });
}

/** Ready -> running, once its delay has passed and the task before it has ended. */
function promote(decision: Decision, group: Group, task: Task): void {
  if (decision.desiredOf(task) !== 'ready') return;
  if (task.startAfterMs !== undefined && decision.waitsUntil(task.startAfterMs)) return;
  if (group.tasks.some((other) => other !== task && isStopping(decision, other))) return;
  decision.desire(task, 'running');
}

/** Whether the task is to end and may still run. On a node that is down nobody can wait for it. */
function isStopping(decision: Decision, task: Task): boolean {
  if (decision.isWanted(task) || isTerminal(task.status.state)) return false;
  const node = decision.nodeOf(task);
  return node !== undefined && node.state !== 'down';
}

function isOnUsableNode(decision: Decision, task: Task): boolean {
  const node = decision.nodeOf(task);
  return node?.state === 'ready' && node.spec.Availability !== 'drain';
}

function createTask(
  decision: Decision,
  service: Service,
  task: {
    readonly group: Group;
    readonly desiredState: Task['desiredState'];
    readonly startAfterMs?: number;
  },
): void {
  if (!decision.canCreate) return;
  const { group, desiredState, startAfterMs } = task;
  const outcome = findPlace(decision, service, group);
  // A task of a global service is its node's or nobody's: it comes into being when it has room
  // there.
  if (group.nodeId !== undefined && 'reason' in outcome) return;
  decision.create(service, {
    slot: group.slot,
    desiredState,
    ...outcome,
    ...(startAfterMs !== undefined && { startAfterMs }),
  });
}

/** A task that found no place gets one as soon as there is one; until then it says why not. */
function placePending(decision: Decision, service: Service, task: Task): void {
  if (task.nodeId !== undefined || !decision.isWanted(task)) return;
  const outcome = findPlace(decision, service, { slot: task.slot, tasks: [] });
  if ('nodeId' in outcome) decision.place(task, outcome.nodeId);
  else if (task.status.error !== outcome.reason)
    decision.setStatus(task, {
      ...task.status,
      atMs: decision.nowMs,
      error: outcome.reason,
    });
}

function findPlace(decision: Decision, service: Service, group: Group): PlacementOutcome {
  const outcome = freePlace(decision, service, group);
  if ('reason' in outcome) return outcome;
  const reason = decision.promiseAddresses(service);
  return reason === undefined ? outcome : { reason };
}

function freePlace(decision: Decision, service: Service, { nodeId }: Group): PlacementOutcome {
  const placer = decision.placerFor(service);
  if (nodeId === undefined) return placer.choose();
  const load = decision.loads.get(nodeId);
  return load === undefined ? { reason: 'no suitable node' } : placer.chooseOnly(load);
}
