/** The commands that scenarios of the orchestrator are written in. */
import type { NodeId, NodeSpec, Revision, ServiceId, Task } from '../../src/model/index.ts';
import {
  networkCreate,
  nodeRegister,
  serviceCreate,
  serviceSpec,
} from '../store/cluster-fixture.ts';
import { serviceOptions } from '../store/scenario-options.ts';
import { table, type ScenarioCommand, type ScenarioRunner } from '../store/scenario.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

type Options = ScenarioCommand['options'];

/** Three nodes and the interpreter of commands on them. Time starts at zero. */
export function clusterScript(): ScenarioRunner {
  const cluster = new SimulatedCluster(3);
  cluster.nowMs = 0;
  return ({ words, options }) => {
    const [verb = '', name = '', argument = ''] = words;
    const done = perform(cluster, { words: [verb, name, argument], options });
    return done ?? [];
  };
}

function perform(
  cluster: SimulatedCluster,
  { words: [verb = '', name = '', argument = ''], options }: ScenarioCommand,
): readonly string[] | undefined {
  switch (verb) {
    case 'network':
      cluster.apply(networkCreate(name, options['subnet'] ? [{ Subnet: options['subnet'] }] : []));
      return undefined;
    case 'service':
      cluster.apply(serviceCreate(name, serviceOptions(options), cluster.nowMs));
      return settled(cluster, name);
    case 'update':
      update(cluster, name, options);
      return settled(cluster, name);
    case 'service-rm':
      cluster.apply({
        type: 'service.remove',
        atMs: cluster.nowMs,
        id: `svc-${name}` as ServiceId,
      });
      return settled(cluster, name);
    case 'join':
      cluster.apply(nodeRegister(Number(name), nodeOptions(options)));
      cluster.settle();
      return undefined;
    case 'leave':
      cluster.apply({
        type: 'node.remove',
        atMs: cluster.nowMs,
        id: name as NodeId,
        isForced: true,
      });
      cluster.settle();
      return undefined;
    case 'down':
    case 'up':
      nodeState(cluster, name as NodeId, verb === 'up' ? 'ready' : 'down');
      return undefined;
    case 'active':
    case 'pause':
    case 'drain':
      nodeUpdate(cluster, name as NodeId, { Availability: verb });
      return undefined;
    case 'label':
      nodeUpdate(cluster, name as NodeId, { Labels: options });
      return undefined;
    case 'freeze':
      cluster.frozen.add(name as NodeId);
      return undefined;
    case 'thaw':
      cluster.frozen.delete(name as NodeId);
      cluster.settle();
      return undefined;
    case 'broken':
      cluster.broken.add(name);
      return undefined;
    case 'end':
      end(cluster, name, argument as 'failed');
      return undefined;
    case 'advance':
      cluster.advance(Number(name) * 1000);
      return [`at ${cluster.nowMs / 1000} s`];
    case 'wake':
      return [cluster.wakeAtMs === undefined ? 'never' : `at ${cluster.wakeAtMs / 1000} s`];
    case 'ps':
      return processes(cluster.tasks(name));
    default:
      throw new Error(`no such command: ${verb}`);
  }
}

function settled(cluster: SimulatedCluster, name: string): readonly string[] {
  cluster.settle();
  return processes(cluster.tasks(name));
}

function update(cluster: SimulatedCluster, name: string, options: Options): void {
  const id = `svc-${name}` as ServiceId;
  cluster.apply({
    type: 'service.update',
    atMs: cluster.nowMs,
    id,
    version: cluster.store.services.get(id)?.meta.revision ?? (0 as Revision),
    spec: serviceSpec(name, serviceOptions(options)),
  });
}

function nodeOptions(options: Options): Parameters<typeof nodeRegister>[1] {
  return {
    ...(options['images'] && { images: options['images'].split(',') }),
    ...(options['role'] === 'manager' && { role: 'manager' as const }),
    ...(options['memory'] && { memoryBytes: Number(options['memory']) * 1024 ** 3 }),
    ...(options['arch'] && { architecture: options['arch'] }),
  };
}

function nodeState(cluster: SimulatedCluster, id: NodeId, state: 'ready' | 'down'): void {
  cluster.apply({ type: 'node.state', atMs: cluster.nowMs, id, state, message: '' });
  cluster.settle();
}

function nodeUpdate(cluster: SimulatedCluster, id: NodeId, change: Partial<NodeSpec>): void {
  const node = cluster.store.nodes.get(id);
  if (node === undefined) throw new Error(`no such node: ${id}`);
  cluster.apply({
    type: 'node.update',
    atMs: cluster.nowMs,
    id,
    version: node.meta.revision,
    spec: { ...node.spec, ...change },
  });
  cluster.settle();
}

/** `end web.2 failed`: the wanted task of the slot (or node) ends by itself. */
function end(cluster: SimulatedCluster, place: string, state: 'failed' | 'complete'): void {
  const [service = '', slot = ''] = place.split('.');
  const task = cluster
    .running(service)
    .find((running) => String(running.slot) === slot || running.nodeId === slot);
  if (task === undefined) throw new Error(`no running task ${place}`);
  cluster.report(task.id, { state });
  cluster.settle();
}

/** Slot, node, wanted and actual state, version, what it waits for; newest first within a slot. */
function processes(tasks: readonly Task[]): readonly string[] {
  const newestFirst = tasks.toReversed();
  const rows = newestFirst
    .toSorted((one, other) => one.slot - other.slot || globalOrder(one, other))
    .map((task) => [
      task.slot === 0 ? 'global' : `slot ${task.slot}`,
      task.nodeId ?? '-',
      `${task.status.state}/${task.desiredState}`,
      `v${task.specVersion}`,
      `created ${task.meta.createdAtMs / 1000} s`,
      task.startAfterMs === undefined ? '' : `starts ${task.startAfterMs / 1000} s`,
      task.status.error ?? '',
    ]);
  return table(rows);
}

/** Tasks of a global service are listed by node. */
function globalOrder(one: Task, other: Task): number {
  return one.slot === 0 ? (one.nodeId ?? '').localeCompare(other.nodeId ?? '') : 0;
}
