/** A cluster as large as the store is made for. */
import type { NodeId, ServiceId, Task, TaskId, NetworkId } from '../../src/model/index.ts';
import { parseClusterSpec, parseNetworkSpec, parseServiceSpec } from '../../src/model/index.ts';
import { Store, type Command, type NewTask } from '../../src/store/index.ts';

export const NODES = 100;
export const SERVICES = 10_000;
export const TASKS = 100_000;
/** Stacks of ten services each have a network of their own. */
const SERVICES_PER_NETWORK = 10;
const TASKS_PER_SERVICE = TASKS / SERVICES;
const AT_MS = 1_700_000_000_000;

export const NOTHING = { creates: [], places: [], desires: [], statuses: [], removes: [] };

/** Services with all their tasks running, spread over the nodes. */
export function largeStore(): Store {
  const store = new Store();
  applyTo(store, clusterCreate());
  for (let at = 0; at < NODES; at += 1) applyTo(store, nodeRegister(at));
  for (let at = 0; at < SERVICES; at += 1) {
    if (at % SERVICES_PER_NETWORK === 0) applyTo(store, networkCreate(networkOf(at)));
    applyTo(store, serviceCreate(at));
    applyTo(store, { type: 'tasks.change', atMs: AT_MS, ...NOTHING, creates: tasksOf(store, at) });
  }
  for (const task of [...store.tasks.values()]) applyTo(store, report(task, 'running'));
  return store;
}

export function report(task: Task, state: Task['status']['state']): Command {
  const containerId = task.id.repeat(3).slice(0, 64);
  const status = { state, atMs: AT_MS, message: 'started', containerId };
  const nodeId = task.nodeId as NodeId;
  return { type: 'tasks.report', atMs: AT_MS, nodeId, statuses: [{ id: task.id, status }] };
}

export function applyTo(store: Store, command: Command): void {
  const outcome = store.apply(command);
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}

export function serviceId(at: number): ServiceId {
  return idOf('s', at) as ServiceId;
}

export function nodeId(at: number): NodeId {
  return idOf('n', at) as NodeId;
}

export function nodeRegister(at: number): Command {
  const address = `198.18.1.${at + 1}`;
  const description = {
    hostname: `worker${at}`,
    architecture: 'x86_64',
    os: 'linux',
    nanoCpus: 64e9,
    memoryBytes: 2 ** 38,
    engineVersion: '0',
    images: [],
  };
  const node = { id: nodeId(at), role: 'worker', description, address, vtep: address } as const;
  return { type: 'node.register', atMs: AT_MS, ...node };
}

function clusterCreate(): Command {
  return {
    type: 'cluster.create',
    atMs: AT_MS,
    cluster: {
      id: idOf('c', 0) as Extract<Command, { type: 'cluster.create' }>['cluster']['id'],
      spec: parseClusterSpec({}),
      addressPools: ['10.0.0.0/8'],
      subnetBits: 24,
      dataPathPort: 4789,
      caCertificatePem: '',
      caKeyPem: '',
      joinSecrets: { worker: '', manager: '' },
    },
    ingressId: idOf('i', 0) as NetworkId,
  };
}

function networkCreate(id: NetworkId): Command {
  const spec = parseNetworkSpec({ Name: `stack-${id}`, Driver: 'overlay' });
  return { type: 'network.create', atMs: AT_MS, id, spec };
}

function serviceCreate(at: number): Command {
  const spec = parseServiceSpec({
    Name: `service${at}`,
    Labels: { 'com.docker.stack.namespace': `stack${at}` },
    TaskTemplate: {
      ContainerSpec: { Image: 'registry.example.org/team/service:1.2.3', Args: ['serve'] },
      Networks: [{ Target: networkOf(at), Aliases: [`service${at}`] }],
    },
    Mode: { Replicated: { Replicas: TASKS_PER_SERVICE } },
  });
  return { type: 'service.create', atMs: AT_MS, id: serviceId(at), spec };
}

function tasksOf(store: Store, at: number): NewTask[] {
  const service = store.services.get(serviceId(at));
  if (service === undefined) throw new Error('the service was created');
  return Array.from({ length: TASKS_PER_SERVICE }, (_, slot) => {
    const number = at * TASKS_PER_SERVICE + slot;
    return {
      id: idOf('t', number) as TaskId,
      serviceId: service.id,
      slot: slot + 1,
      // Neighbouring services are on other nodes, so that a node has not all networks.
      nodeId: nodeId((number * 7 + at) % NODES),
      desiredState: 'running',
      spec: service.spec.TaskTemplate,
      specVersion: service.specVersion,
    };
  });
}

function networkOf(at: number): NetworkId {
  return idOf('w', Math.floor(at / SERVICES_PER_NETWORK)) as NetworkId;
}

/** 25 characters, as ids have them. */
function idOf(kind: string, number: number): string {
  return kind + String(number).padStart(24, '0');
}
