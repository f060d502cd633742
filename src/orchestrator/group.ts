import { isTerminal, type NodeId, type Service, type Task } from '../model/index.ts';
import type { Decision } from './decision.ts';
import { endedByItself, wantsRestart } from './restart.ts';

/**
 * Tasks that follow each other in one place: a slot of a replicated service, a node of a global
 * one.
 */
export interface Group {
  /** 0 for global services. */
  readonly slot: number;
  /** Set for global services: where the group lives. */
  readonly nodeId?: NodeId;
  /** Oldest first, without those on their way to removal. */
  readonly tasks: readonly Task[];
}

/**
 * How a group stands once what must go is gone:
 * `steady`: a task of the service's current version runs. `starting`: it is on its way. `dirty`:
 * only tasks of older versions are left. `vacant`: a task is due. `settled`: the last task ended,
 * and the restart policy wants no other.
 */
export type Standing = 'steady' | 'starting' | 'dirty' | 'vacant' | 'settled';

export interface Inspection {
  readonly group: Group;
  readonly standing: Standing;
  /** Wanted tasks that may stay. */
  readonly survivors: readonly Task[];
  /** Wanted tasks that ended or lost their place. */
  readonly retired: readonly Task[];
  readonly newest: Task | undefined;
}

export function isWanted(task: Task): boolean {
  return task.desiredState === 'ready' || task.desiredState === 'running';
}

export function isRunning(task: Task): boolean {
  return task.desiredState === 'running' && task.status.state === 'running';
}

/** Sorts out a group. `mayStay` says whether a task that has not ended may go on where it is. */
export function inspect(
  decision: Decision,
  service: Service,
  options: { readonly group: Group; readonly mayStay: (task: Task) => boolean },
): Inspection {
  const { group, mayStay } = options;
  const wanted = group.tasks.filter(isWanted);
  const stays = (task: Task): boolean => !isTerminal(task.status.state) && mayStay(task);
  const staying = wanted.filter(stays);
  const extra = duplicates(service, staying);
  const survivors = staying.filter((task) => !extra.includes(task));
  const retired = wanted.filter((task) => !survivors.includes(task));
  const newest = group.tasks.at(-1);
  const sorted = { group, survivors, retired, newest };
  const current = survivors.filter((task) => task.specVersion === service.specVersion);
  if (current.some(isRunning)) return { ...sorted, standing: 'steady' };
  if (current.length > 0) return { ...sorted, standing: 'starting' };
  if (newest?.specVersion === service.specVersion && hasEndedForGood(newest, group, decision))
    return { ...sorted, standing: 'settled' };
  const isDirty = survivors.length > 0 && newest?.specVersion !== service.specVersion;
  return { ...sorted, standing: isDirty ? 'dirty' : 'vacant' };
}

/**
 * What a group has too much of. Two leaders in a row may both have filled it, and updates that
 * overtake each other leave old tasks of several versions: of the current ones and of the older
 * ones one each stays, a running one if there is one.
 */
function duplicates(service: Service, staying: readonly Task[]): readonly Task[] {
  const isCurrent = (task: Task): boolean => task.specVersion === service.specVersion;
  const current = staying.filter(isCurrent);
  const older = staying.filter((task) => !isCurrent(task));
  const keepers = [current, older].map((tasks) => tasks.find(isRunning) ?? tasks[0]);
  return staying.filter((task) => !keepers.includes(task));
}

function hasEndedForGood(newest: Task, group: Group, { nowMs }: Decision): boolean {
  return endedByItself(newest) && !wantsRestart(newest, group.tasks, nowMs);
}
