/**
 * What to do next for one task on this node, decided from what is wanted and what is. Pure, so that
 * a restart, a retry and a first start are one decision.
 *
 * ```
 *            prepare            start               (exit)
 *   nothing ---------> created ---------> running ----------> exited
 *      ^                  |                  | stop             |
 *      |     remove       v                  v      release     v
 *      +------------- exited <---------------+   (sandbox gone, container kept for its logs)
 * ```
 *
 * A view that is only remembered may be older than what was done before the agent ended: its tasks
 * are adopted as they are, none is begun, and what runs here without a task in it is left alone.
 */
import { isTerminal, type Task } from '../model/index.ts';
import type { ContainerStatus } from '../runtime/index.ts';

export type TaskStep =
  /** Nothing to do until something changes. */
  | { readonly do: 'wait'; readonly untilMs?: number }
  /** Make the sandbox, the network and the container. */
  | { readonly do: 'prepare' }
  | { readonly do: 'start' }
  | { readonly do: 'stop' }
  /** Give the sandbox back; the container stays for its logs. */
  | { readonly do: 'release' }
  /** Remove the container and what is left. */
  | { readonly do: 'remove' }
  /** The task is over and nothing of it is left here. */
  | { readonly do: 'forget' };

export interface TaskFacts {
  /** Absent when the task is assigned to this node no more. */
  readonly task: Task | undefined;
  readonly container: Pick<ContainerStatus, 'state'> | undefined;
  readonly hasSandbox: boolean;
  /** Whether the task is told by a view of an earlier run. */
  readonly isRemembered: boolean;
  /** Whether starting it failed for good, or its container ended: a task never runs twice. */
  readonly hasEnded: boolean;
}

export function nextTaskStep(facts: TaskFacts, nowMs: number): TaskStep {
  const step = stepByFacts(facts, nowMs);
  return facts.isRemembered && needsCertainty(step, facts) ? { do: 'wait' } : step;
}

/** What was taken from this node may be another's by now; what it was given may be unknown. */
function needsCertainty(step: TaskStep, { task }: TaskFacts): boolean {
  return task === undefined || step.do === 'prepare' || step.do === 'start';
}

function stepByFacts(facts: TaskFacts, nowMs: number): TaskStep {
  const { task, container, hasSandbox } = facts;
  const isOver = task === undefined || task.desiredState === 'remove';
  const isWanted = !isOver && task.desiredState !== 'shutdown';
  if (container?.state === 'running') return isWanted ? { do: 'wait' } : { do: 'stop' };
  if (isWanted && !facts.hasEnded && !isTerminal(task.status.state)) {
    if (container?.state !== 'exited') return stepTowardsRunning(facts, task, nowMs);
  }
  if (hasSandbox) return { do: 'release' };
  if (isOver) return container === undefined ? { do: 'forget' } : { do: 'remove' };
  return { do: 'wait' };
}

function stepTowardsRunning(facts: TaskFacts, task: Task, nowMs: number): TaskStep {
  if (facts.container === undefined || !facts.hasSandbox) return { do: 'prepare' };
  // `ready` tasks are prepared and wait for their predecessor to go.
  if (task.desiredState === 'ready') return { do: 'wait' };
  const startAfterMs = task.startAfterMs ?? 0;
  return nowMs < startAfterMs ? { do: 'wait', untilMs: startAfterMs } : { do: 'start' };
}
