/**
 * Whether and when an ended task is followed by another. Everything is read off the tasks that are
 * kept of its place.
 */
import { isTerminal, type RestartPolicy, type Task } from '../model/index.ts';

const NS_PER_MS = 1e6;

/** Docker's default of `--restart-delay`. */
export const RESTART_DELAY_MS = 5_000;

/** A task that ends this soon after it could start counts as crashed at once. */
const SHORT_LIFE_MS = 10_000;

/** So many crashes in a row are met with the plain delay; each further one doubles it. */
const CRASHES_AT_PLAIN_DELAY = 2;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;

/** Whether the task ended by itself rather than because it was told to. */
export function endedByItself(task: Task): boolean {
  const { state } = task.status;
  return state === 'complete' || state === 'failed' || state === 'rejected';
}

/**
 * Whether the policy wants another task after `last` ended. `tasks` are those kept of the same
 * place, oldest first; the history keeps as many as `MaxAttempts` needs.
 */
export function wantsRestart(last: Task, tasks: readonly Task[], nowMs: number): boolean {
  const policy = last.spec.RestartPolicy ?? {};
  if (policy.Condition === 'none') return false;
  if (policy.Condition === 'on-failure' && last.status.state === 'complete') return false;
  const attemptsMax = policy.MaxAttempts ?? 0;
  if (attemptsMax === 0) return true;
  const windowMs = (policy.Window ?? 0) / NS_PER_MS;
  const ended = tasks.filter(
    (task) =>
      task.specVersion === last.specVersion &&
      endedByItself(task) &&
      (windowMs === 0 || endedAtMs(task) > nowMs - windowMs),
  );
  return ended.length <= attemptsMax;
}

/**
 * How long to wait before the task after `last`: the policy's delay, doubled for each further crash
 * in a row.
 */
export function restartDelayMs(last: Task, tasks: readonly Task[]): number {
  const plainMs = policyDelayMs(last.spec.RestartPolicy);
  const crashes = crashesInARow(last, tasks);
  if (crashes <= CRASHES_AT_PLAIN_DELAY) return plainMs;
  const previousMs = Math.max(0, (last.startAfterMs ?? 0) - last.meta.createdAtMs);
  const doubledMs = Math.max(2 * previousMs, BACKOFF_FIRST_MS);
  return Math.max(plainMs, Math.min(doubledMs, BACKOFF_MAX_MS));
}

/** How many ended tasks of a place must be kept for the policy's sake. */
export function historyForRestarts(policy: RestartPolicy | undefined): number {
  const attemptsMax = policy?.MaxAttempts ?? 0;
  return attemptsMax > 0 ? attemptsMax + 1 : 0;
}

export function policyDelayMs(policy: RestartPolicy | undefined): number {
  return policy?.Delay === undefined ? RESTART_DELAY_MS : policy.Delay / NS_PER_MS;
}

/** When the cluster learnt of it: nodes' own clocks are not compared with a manager's. */
function endedAtMs(task: Task): number {
  return task.meta.updatedAtMs;
}

function crashesInARow(last: Task, tasks: readonly Task[]): number {
  let crashes = 0;
  for (const task of tasks.toReversed()) {
    if (task.specVersion !== last.specVersion || !isTerminal(task.status.state)) continue;
    const couldStartMs = task.startAfterMs ?? task.meta.createdAtMs;
    if (!endedByItself(task) || endedAtMs(task) - couldStartMs >= SHORT_LIFE_MS) break;
    crashes += 1;
  }
  return crashes;
}
