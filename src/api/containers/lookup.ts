/** Containers of this node by id, name or prefix; and what they say of the task they run. */
import type { ContainerStatus, Runtime } from '../../runtime/index.ts';
import type { Task, TaskId } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { badRequest, conflict, notFound } from '../http/errors.ts';

export function containersOf(backend: Backend): readonly ContainerStatus[] {
  return backend.runtime?.list() ?? [];
}

/**
 * The container that `reference` names, and the runtime that has it. Throws `ApiError` in Docker's
 * words.
 */
export function findContainer(
  backend: Backend,
  reference: string,
): { readonly runtime: Runtime; readonly container: ContainerStatus } {
  const { runtime } = backend;
  const container = runtime && pick(runtime.list(), reference);
  if (!container) throw notFound(`No such container: ${reference}`);
  return { runtime, container };
}

function pick(all: readonly ContainerStatus[], reference: string): ContainerStatus | undefined {
  const name = reference.replace(/^\//, '');
  const exact =
    all.find(({ id }) => id === reference) ?? all.find(({ spec }) => spec.name === name);
  if (exact || reference === '') return exact;
  const started = all.filter(({ id }) => id.startsWith(reference));
  if (started.length > 1) {
    throw badRequest(`multiple IDs found with provided prefix: ${reference}`);
  }
  return started[0];
}

/** As `findContainer`; throws 409 as well when it does not run. */
export function findRunning(
  backend: Backend,
  reference: string,
): { readonly runtime: Runtime; readonly container: ContainerStatus } {
  const found = findContainer(backend, reference);
  if (found.container.state !== 'running') {
    throw conflict(`container ${found.container.id} is not running`);
  }
  return found;
}

/** The task that a container runs, as this node was told of it. */
export function taskOf(backend: Backend, container: ContainerStatus): Task | undefined {
  const id = container.spec.labels['com.docker.swarm.task.id'] as TaskId | undefined;
  return id === undefined ? undefined : backend.member.view?.assignments.get(id)?.task;
}
