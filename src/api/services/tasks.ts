/** `tasks`: list and inspect. */
import type { Task } from '../../model/index.ts';
import { taskName } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import type { Backend } from '../backend.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { json, param } from '../http/exchange.ts';
import type { Filters } from '../http/filters.ts';
import { parseFilters } from '../http/filters.ts';
import { badRequest } from '../http/errors.ts';
import { findOne, managerOf } from '../swarm/access.ts';
import { taskDocument } from './service-documents.ts';

const FILTERS = [
  'desired-state',
  'id',
  'label',
  'name',
  'node',
  'runtime',
  'service',
  '_up-to-date',
];
const DESIRED_STATES = [
  ...['new', 'allocated', 'pending', 'assigned', 'accepted', 'preparing', 'ready', 'starting'],
  ...['running', 'complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned'],
];

export function taskRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: '/tasks', handle: (exchange) => list(backend, exchange) },
    { method: 'GET', path: '/tasks/:id', handle: (exchange) => inspect(backend, exchange) },
  ];
}

/** Finds a task by id, name or prefix of its id; throws `ApiError`. */
export function findTask(backend: Backend, reference: string): Task {
  return findOne('task', reference, managerOf(backend).store.tasks);
}

function inspect(backend: Backend, exchange: Exchange): Reply {
  const task = findTask(backend, param(exchange, 'id'));
  return json(taskDocument(task, managerOf(backend).store));
}

function list(backend: Backend, exchange: Exchange): Reply {
  const { store } = managerOf(backend);
  const filters = resolveReferences(parseFilters(exchange.query, FILTERS), store);
  const tasks = candidates(store, filters).filter((task) => isAdmitted(task, filters, store));
  return json(tasks.map((task) => taskDocument(task, store)));
}

interface TaskFilters {
  readonly filters: Filters;
  readonly serviceIds: ReadonlySet<string> | undefined;
  readonly nodeIds: ReadonlySet<string> | undefined;
}

/** Services and nodes may be filtered on by name; what is not found matches nothing. */
function resolveReferences(filters: Filters, store: Store): TaskFilters {
  const states = filters.get('desired-state').filter((state) => !DESIRED_STATES.includes(state));
  if (states.length > 0) throw badRequest(`invalid filter 'desired-state=${states.join(',')}'`);
  const ids = (
    key: string,
    lookup: (reference: string) => readonly { readonly id: string }[],
  ): ReadonlySet<string> | undefined =>
    filters.has(key)
      ? new Set(filters.get(key).flatMap((reference) => lookup(reference).map(({ id }) => id)))
      : undefined;
  return {
    filters,
    // A removed service's tasks are still found by its id.
    serviceIds: ids('service', (reference) => [
      { id: reference },
      ...store.services.lookup(reference),
    ]),
    nodeIds: ids('node', (reference) => store.nodes.lookup(reference)),
  };
}

function candidates(store: Store, { serviceIds }: TaskFilters): readonly Task[] {
  if (!serviceIds) return [...store.tasks.values()];
  return [...serviceIds].flatMap((id) => store.tasksByService(id as Task['serviceId']));
}

function isAdmitted(task: Task, known: TaskFilters, store: Store): boolean {
  const { filters, nodeIds } = known;
  const isUpToDate = filters.boolean('_up-to-date');
  return (
    (!nodeIds || (task.nodeId !== undefined && nodeIds.has(task.nodeId))) &&
    filters.admits('id', (wanted) => task.id.startsWith(wanted)) &&
    filters.admits('name', (wanted) => isNamed(task, wanted)) &&
    filters.admits('desired-state', (wanted) => task.desiredState === wanted) &&
    filters.admits('runtime', (wanted) => wanted === '' || wanted === 'container') &&
    filters.admitsLabels('label', task.spec.ContainerSpec.Labels) &&
    (isUpToDate === undefined ||
      isUpToDate === (store.services.get(task.serviceId)?.specVersion === task.specVersion))
  );
}

function isNamed(task: Task, wanted: string): boolean {
  return taskName(task).startsWith(wanted) || task.serviceName.startsWith(wanted);
}
