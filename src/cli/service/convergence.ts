/** Waiting until a service is what its spec asks for, saying how far it is. */
import { setTimeout as delay } from 'node:timers/promises';
import { objectPath, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { filterQuery } from '../parse/words.ts';
import type { NodeDocument, ServiceDocument, TaskDocument } from '../api/documents.ts';

const POLL_MS = 200;

interface Progress {
  readonly running: number;
  readonly wanted: number;
  /** Of the newest task that failed. */
  readonly error?: string;
}

export interface WaitFlags {
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/**
 * Prints `overall progress: 1 out of 3 tasks` as it changes, until the service converged. Does not
 * wait with `--detach`, prints nothing with `--quiet`.
 */
export async function waitForConvergence(
  context: CliContext,
  service: string,
  flags: WaitFlags,
): Promise<void> {
  if (flags.detach === true) return;
  const say = (line: string): void => {
    if (flags.quiet !== true) context.print(line);
  };
  let shown = '';
  for (;;) {
    const progress = await progressOf(context, service);
    const { running, wanted, error } = progress;
    const text = `overall progress: ${running} out of ${wanted} tasks`;
    const line = error === undefined ? text : `${text} (${error})`;
    if (line !== shown) say(line);
    shown = line;
    if (running === wanted) break;
    await delay(POLL_MS);
  }
  say(`verify: Service ${service} converged`);
}

async function progressOf(context: CliContext, reference: string): Promise<Progress> {
  const service = await context.get<ServiceDocument>(objectPath('services', reference));
  if (service.UpdateStatus?.State === 'paused') {
    throw new CliError(
      { code: 'failed' },
      `the update of ${service.Spec.Name} paused: ${service.UpdateStatus.Message}`,
    );
  }
  const query = filterQuery([`service=${service.ID}`]);
  const tasks = await context.get<TaskDocument[]>('/tasks', query);
  const current = tasks.filter((task) => task.DesiredState === 'running');
  const error = [...tasks]
    .sort((a, b) => b.UpdatedAt.localeCompare(a.UpdatedAt))
    .find((task) => (task.Status.Err ?? '') !== '')?.Status.Err;
  const running = current.filter((task) => task.Status.State === 'running').length;
  const wanted = await wantedTasks(context, service);
  return { running, wanted, ...(error === undefined || running >= wanted ? {} : { error }) };
}

async function wantedTasks(context: CliContext, service: ServiceDocument): Promise<number> {
  const { Mode } = service.Spec;
  if ('Replicated' in Mode) return Mode.Replicated.Replicas;
  const nodes = await context.get<NodeDocument[]>('/nodes');
  const eligible = nodes.filter(
    ({ Status, Spec }) => Status.State === 'ready' && Spec.Availability === 'active',
  );
  return eligible.length;
}
