/** Random steps for the store: each makes a command out of the store as it is then. */
import fc from 'fast-check';
import {
  TASK_STATE_ORDER,
  type NetworkId,
  type NodeId,
  type Revision,
  type ServiceId,
  type TaskId,
} from '../../src/model/index.ts';
import { Store, type Command } from '../../src/store/index.ts';
import {
  applyAll,
  clusterCreate,
  networkCreate,
  nodeRegister,
  port,
  serviceCreate,
  serviceSpec,
  type ServiceOptions,
} from './cluster-fixture.ts';

const small = fc.integer({ min: 1, max: 4 });
const networkName = small.map((n) => `net${n}`);
const serviceName = small.map((n) => `s${n}`);
const nodeId = small.map((n) => `n${n}` as NodeId);
const taskId = fc.integer({ min: 1, max: 12 }).map((n) => `t${n}` as TaskId);

const options = fc.record(
  {
    networks: fc.uniqueArray(networkName, { maxLength: 2 }),
    ports: fc.array(
      fc
        .tuple(fc.constantFrom(0, 0, 8080, 30_001), small, fc.constantFrom('ingress', 'host'))
        .map(([published, target, mode]) => port(target, published, mode as 'ingress')),
      { maxLength: 2 },
    ),
    mode: fc.constantFrom('vip' as const, 'vip' as const, 'dnsrr' as const),
    replicas: small,
    image: fc.constantFrom('a', 'b'),
  },
  { requiredKeys: [] },
);

const config = fc.constantFrom(
  [],
  [],
  [{ Subnet: '10.0.2.0/29' }],
  [{ Subnet: '10.0.0.0/16' }],
  [{ Subnet: '192.168.0.0/28' }, { Subnet: '192.168.0.0/29' }],
  [{ Subnet: '172.16.0.0/30' }, { Subnet: '172.16.0.8/29', IPRange: '172.16.0.10/31' }],
  [{ Subnet: 'bad' }],
);

/** A step makes a command out of the store as it is then, so that versions can be right. */
export type Step = (store: Store) => Command;

const nothing = { creates: [], places: [], desires: [], statuses: [], removes: [] };

const createTasks = fc
  .tuple(taskId, serviceName, fc.option(nodeId, { nil: undefined }))
  .map(([id, name, node]): Step => {
    return (store) => {
      const service = store.services.byName(name)[0];
      const create = {
        id,
        serviceId: `svc-${name}` as ServiceId,
        slot: 1,
        ...(node && { nodeId: node }),
        desiredState: 'running' as const,
        spec: service?.spec.TaskTemplate ?? { ContainerSpec: { Image: 'gone' } },
        specVersion: service?.specVersion ?? 1,
      };
      return { type: 'tasks.change', atMs: 1, ...nothing, creates: [create] };
    };
  });

/** Ids of networks are never used twice, so only the first network of a name has its name as id. */
const createNetwork = fc.tuple(networkName, config).map(([name, ipam]): Step => {
  return (store) => {
    const id = `${name}-${store.revision}` as NetworkId;
    return { ...(networkCreate(name, ipam) as NetworkCreate), id };
  };
});

const removeNetwork = networkName.map((name): Step => {
  return (store) => ({ type: 'network.remove', atMs: 1, id: networkId(store, name) });
});

type NetworkCreate = Extract<Command, { type: 'network.create' }>;

function networkId(store: Store, name: string): NetworkId {
  return store.networks.byName(name)[0]?.id ?? (name as NetworkId);
}

/** The options with networks by id. */
function resolved(store: Store, chosen: ServiceOptions): ServiceOptions {
  return { ...chosen, networks: (chosen.networks ?? []).map((name) => networkId(store, name)) };
}

const createService = fc.tuple(serviceName, options).map(([name, chosen]): Step => {
  return (store) => serviceCreate(name, resolved(store, chosen));
});

const updateService = fc.tuple(serviceName, options).map(([name, changed]): Step => {
  return (store) => ({
    type: 'service.update',
    atMs: 2,
    id: `svc-${name}` as ServiceId,
    version: store.services.byName(name)[0]?.meta.revision ?? (0 as Revision),
    spec: serviceSpec(name, resolved(store, changed)),
  });
});

const fixed = (arbitrary: fc.Arbitrary<Command>): fc.Arbitrary<Step> =>
  arbitrary.map((command) => () => command);

const status = fc.constantFrom(...TASK_STATE_ORDER.slice(3)).map((state) => ({
  state,
  atMs: 3,
  message: state,
}));

const step: fc.Arbitrary<Step> = fc.oneof(
  fixed(small.map((n) => nodeRegister(n))),
  fixed(
    fc
      .tuple(nodeId, fc.constantFrom('ready' as const, 'down' as const))
      .map(([id, state]) => ({ type: 'node.state', atMs: 1, id, state, message: '' })),
  ),
  fixed(
    fc
      .tuple(nodeId, fc.boolean())
      .map(([id, isForced]) => ({ type: 'node.remove', atMs: 1, id, isForced })),
  ),
  createNetwork,
  removeNetwork,
  createService,
  updateService,
  fixed(
    serviceName.map((name) => ({
      type: 'service.remove',
      atMs: 1,
      id: `svc-${name}` as ServiceId,
    })),
  ),
  { weight: 8, arbitrary: createTasks },
  fixed(
    fc.tuple(taskId, nodeId).map(([id, node]) => ({
      type: 'tasks.change',
      atMs: 1,
      ...nothing,
      places: [{ id, nodeId: node }],
    })),
  ),
  fixed(
    fc
      .tuple(taskId, fc.constantFrom('running' as const, 'shutdown' as const, 'remove' as const))
      .map(([id, desiredState]) => ({
        type: 'tasks.change',
        atMs: 1,
        ...nothing,
        desires: [{ id, desiredState }],
      })),
  ),
  {
    weight: 3,
    arbitrary: fixed(
      fc.tuple(taskId, nodeId, status).map(([id, node, reported]) => ({
        type: 'tasks.report',
        atMs: 3,
        nodeId: node,
        statuses: [{ id, status: reported }],
      })),
    ),
  },
  fixed(taskId.map((id) => ({ type: 'tasks.change', atMs: 1, ...nothing, removes: [id] }))),
);

export const steps = fc.array(step, { minLength: 5, maxLength: 80, size: 'max' });

/** Something to work on, so that random commands meet more than refusals. */
export function started(): Store {
  const store = new Store();
  applyAll(
    store,
    clusterCreate(),
    nodeRegister(1),
    nodeRegister(2),
    nodeRegister(3),
    networkCreate('net1'),
    networkCreate('net2', [{ Subnet: '172.16.1.0/28' }]),
    serviceCreate('s1', { networks: ['net1', 'net2'], ports: [port(80, 8080)] }),
    serviceCreate('s2', { networks: ['net1'], ports: [port(80)] }),
    serviceCreate('s3', { networks: ['net2'] }),
  );
  return store;
}
