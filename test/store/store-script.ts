/** The commands that scenarios of the store are written in. */
import type {
  NetworkId,
  NodeId,
  Revision,
  ServiceId,
  TaskId,
  TaskStatus,
  ViewRow,
} from '../../src/model/index.ts';
import { Store, viewRows, type Command, type NewTask } from '../../src/store/index.ts';
import {
  clusterCreate,
  networkCreate,
  nodeRegister,
  serviceCreate,
  serviceSpec,
} from './cluster-fixture.ts';
import { serviceOptions } from './scenario-options.ts';
import { table, type ScenarioCommand, type ScenarioRunner } from './scenario.ts';
import { restored, snapshotOf } from './snapshot/snapshots.ts';

/** A fresh store and the interpreter of commands on it. */
export function storeScript(): ScenarioRunner {
  let store = new Store();
  return ({ words, options }) => {
    const [verb = '', ...names] = words;
    if (verb === 'show') return show(store, names, options);
    if (verb === 'restart') {
      store = restored(snapshotOf(store));
      return [`revision ${store.revision}`];
    }
    const outcome = store.apply(commandOf(store, { words, options }));
    if (outcome.ok) return [`revision ${outcome.revision}`];
    return [`refused: ${outcome.refusal.code}: ${outcome.refusal.message}`];
  };
}

function commandOf(store: Store, { words, options }: ScenarioCommand): Command {
  const [verb = '', name = '', argument = ''] = words;
  const atMs = 2;
  switch (verb) {
    case 'cluster':
      return clusterCreate({
        ...(options['pools'] && { addressPools: options['pools'].split(',') }),
        ...(options['bits'] && { subnetBits: Number(options['bits']) }),
      });
    case 'node':
      return nodeRegister(Number(name), {
        role: options['role'] === 'manager' ? 'manager' : 'worker',
      });
    case 'node-state':
      return {
        type: 'node.state',
        atMs,
        id: name as NodeId,
        state: argument as 'down',
        message: '',
      };
    case 'node-rm':
      return { type: 'node.remove', atMs, id: name as NodeId, isForced: argument === 'force' };
    case 'network':
      return networkCreate(name, networkConfig(options), {
        Ingress: options['ingress'] === 'yes',
      });
    case 'network-rm':
      return { type: 'network.remove', atMs, id: name as NetworkId };
    case 'service':
      return serviceCreate(name, serviceOptions(options), atMs);
    case 'update':
      return updateOf(store, name, options);
    case 'service-rm':
      return { type: 'service.remove', atMs, id: `svc-${name}` as ServiceId };
    case 'task':
      return taskCreate(store, name, argument);
    case 'desire':
      return tasksChange({ desires: [{ id: name as TaskId, desiredState: argument as 'ready' }] });
    case 'report':
      return report(store, name as TaskId, argument as 'running');
    case 'task-rm':
      return tasksChange({ removes: [name as TaskId] });
    default:
      throw new Error(`no such command: ${verb}`);
  }
}

function networkConfig(options: ScenarioCommand['options']) {
  const { subnet, range, gateway } = options;
  if (!subnet) return [];
  return subnet.split(',').map((Subnet) => ({
    Subnet,
    ...(range && { IPRange: range }),
    ...(gateway && { Gateway: gateway }),
  }));
}

function updateOf(store: Store, name: string, options: ScenarioCommand['options']): Command {
  const id = `svc-${name}` as ServiceId;
  const version = store.services.get(id)?.meta.revision ?? 0;
  return {
    type: 'service.update',
    atMs: 3,
    id,
    version: (options['version'] ? Number(options['version']) : version) as Revision,
    spec: serviceSpec(options['rename'] ?? name, serviceOptions(options)),
  };
}

/** `task web.1 n1` makes the task whose id is `web.1`; without a node it stays pending. */
function taskCreate(store: Store, id: string, nodeId: string): Command {
  const [serviceName = '', slot = ''] = id.split('.');
  const service = store.services.byName(serviceName)[0];
  const create: NewTask = {
    id: id as TaskId,
    serviceId: (service?.id ?? 'gone') as ServiceId,
    slot: Number(slot),
    ...(nodeId ? { nodeId: nodeId as NodeId } : { reason: 'no suitable node' }),
    desiredState: 'running',
    spec: service?.spec.TaskTemplate ?? { ContainerSpec: { Image: 'none' } },
    specVersion: service?.specVersion ?? 1,
  };
  return tasksChange({ creates: [create] });
}

type TasksChange = Extract<Command, { type: 'tasks.change' }>;

function tasksChange(part: Partial<TasksChange>): Command {
  const nothing = { creates: [], places: [], desires: [], statuses: [], removes: [] };
  return { type: 'tasks.change', atMs: 4, ...nothing, ...part };
}

function report(store: Store, id: TaskId, state: TaskStatus['state']): Command {
  const nodeId = store.tasks.get(id)?.nodeId ?? ('none' as NodeId);
  const status = { state, atMs: 5, message: state };
  return { type: 'tasks.report', atMs: 5, nodeId, statuses: [{ id, status }] };
}

function show(
  store: Store,
  [what = '', name = '']: readonly string[],
  options: ScenarioCommand['options'],
): readonly string[] {
  switch (what) {
    case 'networks':
      return table(
        [...store.networks.values()].flatMap(({ id, spec, subnets }) =>
          subnets.map((subnet) => [
            spec.Name,
            subnet.prefix,
            `gateway ${subnet.gateway}`,
            `vni ${subnet.vni}`,
            `free ${store.freeAddresses(id)}`,
          ]),
        ),
      );
    case 'nodes':
      return table(
        [...store.nodes.values()].map((node) => [node.id, `index ${node.index}`, node.state]),
      );
    case 'services':
      return table(
        [...store.services.values()].map(({ spec, specVersion, virtualIps, ports }) => [
          spec.Name,
          `version ${specVersion}`,
          virtualIps.map((vip) => `${vip.networkId}=${vip.address}`).join(' ') || '-',
          ports
            .map((p) => `${p.PublishedPort}:${p.TargetPort}/${p.Protocol}/${p.PublishMode}`)
            .join(' ') || '-',
        ]),
      );
    case 'tasks':
      return table(
        [...store.tasks.values()].map((task) => [
          task.id,
          task.nodeId ?? '-',
          `${task.status.state}/${task.desiredState}`,
          task.attachments.map((at) => `${at.networkId}=${at.address}`).join(' ') || '-',
          task.status.error ?? '',
        ]),
      );
    case 'view':
      return table(viewOf(store, name as NodeId, options['kinds']?.split(',') ?? []));
    default:
      throw new Error(`nothing to show: ${what}`);
  }
}

function viewOf(store: Store, nodeId: NodeId, kinds: readonly string[]): readonly string[][] {
  return [...viewRows(store, nodeId)]
    .filter(([, { row }]) => kinds.length === 0 || kinds.includes(row.kind))
    .map(([key, { revision, row }]) => [key, `@${revision}`, summary(row)]);
}

function summary(row: ViewRow): string {
  switch (row.kind) {
    case 'peer':
      return `${row.vtep} ${row.isUp ? 'up' : 'down'}`;
    case 'network':
      return row.subnets.map((subnet) => subnet.prefix).join(' ');
    case 'service':
      return row.virtualIps.map((vip) => vip.address).join(' ');
    case 'endpoint': {
      const where = row.attachments.map((at) => `${at.networkId}=${at.address}`).join(' ');
      return `${where} ${row.isServing ? 'serving' : 'not serving'}`;
    }
    case 'assignment':
      return row.task.desiredState;
    case 'settings':
      return String(row.dataPathPort);
  }
}
