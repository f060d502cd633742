/** Cleaning up: tasks that are done with leave the store, and history is kept to its limit. */
import { isTerminal, type Service, type Task } from '../model/index.ts';
import type { Decision } from './decision.ts';
import { isWanted, type Group } from './group.ts';
import { historyForRestarts } from './restart.ts';

/** How long a task on a node that is down counts as possibly running, as in swarmkit. */
export const ORPHAN_TIMEOUT_MS = 24 * 3_600_000;

/**
 * Gives up those tasks that nobody will report on any more, and removes those that are to be
 * removed and have ended. Tasks that a full decision has no room for come with the next one.
 */
export function reapTasks(decision: Decision, tasks: readonly Task[]): void {
  for (const task of tasks) {
    if (decision.isFull) return;
    const isHomeless = task.nodeId !== undefined && decision.nodeOf(task) === undefined;
    if (!isTerminal(task.status.state) && (isHomeless || isForgotten(decision, task)))
      orphan(decision, task);
    if (!decision.store.services.has(task.serviceId)) decision.desire(task, 'remove');
    if (decision.desiredOf(task) === 'remove' && hasEnded(task, isHomeless)) decision.remove(task);
  }
}

/**
 * Keeps of each group the newest tasks up to the cluster's limit, and what restart policies count
 * on.
 */
export function reapHistory(decision: Decision, service: Service, groups: readonly Group[]): void {
  const limit = decision.store.cluster?.spec.Orchestration.TaskHistoryRetentionLimit ?? 0;
  const forRestarts = historyForRestarts(service.spec.TaskTemplate.RestartPolicy);
  for (const { tasks } of groups) {
    const live = tasks.filter(isWanted).length;
    const ended = tasks.filter((task) => !isWanted(task) && isTerminal(task.status.state));
    const keep = Math.max(0, limit - live, forRestarts);
    for (const task of ended.slice(0, Math.max(0, ended.length - keep))) decision.remove(task);
  }
}

function hasEnded(task: Task, isHomeless: boolean): boolean {
  return task.nodeId === undefined || isHomeless || isTerminal(task.status.state);
}

function isForgotten(decision: Decision, task: Task): boolean {
  if (isWanted(task) || decision.nodeOf(task)?.state !== 'down') return false;
  return !decision.waitsUntil(task.meta.updatedAtMs + ORPHAN_TIMEOUT_MS);
}

function orphan(decision: Decision, task: Task): void {
  decision.setStatus(task, {
    ...task.status,
    state: 'orphaned',
    atMs: decision.nowMs,
    message: 'node is gone',
  });
}
