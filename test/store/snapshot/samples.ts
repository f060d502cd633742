/** States by name whose snapshots are pinned in `vectors/`, and what fuzzing starts from. */
import type { NodeId, Revision, ServiceId, TaskId } from '../../../src/model/index.ts';
import { Store, type Command, type NewTask } from '../../../src/store/index.ts';
import {
  applyAll,
  clusterStore,
  networkCreate,
  nodeRegister,
  port,
  serviceCreate,
  serviceSpec,
} from '../cluster-fixture.ts';

const nothing = { creates: [], places: [], desires: [], statuses: [], removes: [] };

export function tasksChange(change: Partial<Extract<Command, { type: 'tasks.change' }>>): Command {
  return { atMs: 3, ...nothing, ...change, type: 'tasks.change' };
}

/** Task `id` of a service as the service is. */
export function newTask(
  store: Store,
  id: string,
  { service, ...rest }: Partial<NewTask> & { readonly service: string },
): NewTask {
  const { id: serviceId, spec, specVersion } = store.services.byName(service)[0] ?? missing();
  const task = { slot: 1, nodeId: 'n1' as NodeId, desiredState: 'running' as const };
  return { ...task, id: id as TaskId, serviceId, spec: spec.TaskTemplate, specVersion, ...rest };
}

function missing(): never {
  throw new Error('the sample has no such service');
}

/** Rows of every kind in most of the states they can have, and numbers that were given back. */
function everything(): Store {
  const store = clusterStore(3);
  const web = { networks: ['front', 'back'], ports: [port(80, 8080), port(53, 5353, 'host')] };
  applyAll(
    store,
    nodeRegister(4, { role: 'manager', images: ['own:1'] }),
    { type: 'node.state', atMs: 2, id: 'n3' as NodeId, state: 'down', message: 'silent' },
    { type: 'node.remove', atMs: 2, id: 'n3' as NodeId, isForced: false },
    networkCreate('front', [{ Subnet: '10.9.0.0/24', IPRange: '10.9.0.64/26' }]),
    networkCreate('back', [{ Subnet: '10.8.0.0/28' }, { Subnet: '10.8.1.0/28' }]),
    serviceCreate('web', web, 3),
    serviceCreate('names', { networks: ['back'], mode: 'dnsrr', isGlobal: true }, 3),
    serviceCreate('open', { ports: [port(1)] }, 3),
    serviceCreate('gone', { networks: ['front'] }, 3),
  );
  const creates = [
    newTask(store, 'old', { service: 'web' }),
    newTask(store, 'ends', { service: 'gone', slot: 2 }),
    newTask(store, 'named', { service: 'names', slot: 0, nodeId: 'n2' as NodeId }),
    newTask(store, 'late', { service: 'open', desiredState: 'ready', startAfterMs: 9_000 }),
  ];
  applyAll(store, tasksChange({ creates }), {
    type: 'service.update',
    atMs: 4,
    id: 'svc-web' as ServiceId,
    version: store.services.get('svc-web' as ServiceId)?.meta.revision ?? (0 as Revision),
    spec: serviceSpec('web', { ...web, image: 'two' }),
  });
  const waits = placeless(newTask(store, 'waits', { service: 'web', reason: 'no place' }));
  const status = { state: 'running' as const, atMs: 5, message: 'started', containerId: 'c0ffee' };
  const failed = { ...status, state: 'failed' as const, error: 'käputt', exitCode: 1 };
  applyAll(
    store,
    tasksChange({ creates: [newTask(store, 'new', { service: 'web', slot: 2 }), waits] }),
    { type: 'service.remove', atMs: 6, id: 'svc-gone' as ServiceId },
    tasksChange({ desires: [{ id: 'ends' as TaskId, desiredState: 'remove' }] }),
    {
      type: 'tasks.report',
      atMs: 7,
      nodeId: 'n1' as NodeId,
      statuses: [{ id: id('new'), status }],
    },
    {
      type: 'tasks.report',
      atMs: 8,
      nodeId: 'n1' as NodeId,
      statuses: [{ id: id('old'), status: failed }],
    },
  );
  return store;
}

function placeless(task: NewTask): NewTask {
  const { id: taskId, serviceId, slot, desiredState, spec, specVersion, reason = '' } = task;
  return { id: taskId, serviceId, slot, desiredState, spec, specVersion, reason };
}

const id = (name: string): TaskId => name as TaskId;

export const SAMPLES: Readonly<Record<string, () => Store>> = {
  empty: () => new Store(),
  begun: () => clusterStore(1),
  everything,
};

/** A cluster whose one service has `count` tasks, spread over four nodes. */
export function storeWithTasks(count: number): Store {
  const store = clusterStore(4);
  const wide = [{ Subnet: '10.64.0.0/12' }];
  applyAll(store, networkCreate('wide', wide), serviceCreate('web', { networks: ['wide'] }));
  const creates = Array.from({ length: count }, (_, at) => {
    const nodeId = `n${(at % 4) + 1}` as NodeId;
    return newTask(store, `t${at}`, { service: 'web', slot: at + 1, nodeId });
  });
  applyAll(store, tasksChange({ creates }));
  return store;
}
