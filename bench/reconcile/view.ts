/** The view of one node in a cluster of a given size, made anew for each change. */
import { ipv4, formatIpv4, ipv4FromNumber, macOfIpv4 } from '../../src/base/index.ts';
import type { LocalPlan } from '../../src/dataplane/index.ts';
import type {
  Attachment,
  EndpointRow,
  NetworkId,
  NetworkRow,
  NodeId,
  NodeIndex,
  NodeView,
  PeerRow,
  Revision,
  ServiceId,
  ServiceRow,
  TaskId,
  Vni,
} from '../../src/model/index.ts';

const NODES = 50;
const FIRST_ENDPOINT = ipv4('10.0.1.0');
const FIRST_VIP = ipv4('10.0.192.0');
const NETWORK = 'netbench0001xxxxxxxxxxxxx' as NetworkId;
const INGRESS = 'netbench0000xxxxxxxxxxxxx' as NetworkId;
export const BENCH_OVERLAY = `n-${NETWORK.slice(0, 12)}`;

export interface Size {
  /** This node's number. */
  readonly self: number;
  readonly endpoints: number;
  readonly services: number;
  /** Distinguishes the networks of runs that share a machine. */
  readonly vni: number;
}

/** Rows stay the same objects, as in a node that holds its view. */
export class BenchView {
  private readonly size: Size;
  private readonly endpoints = new Map<TaskId, EndpointRow>();
  private readonly services = new Map<ServiceId, ServiceRow>();
  private readonly peers = new Map<NodeId, PeerRow>();
  private readonly networks: ReadonlyMap<NetworkId, NetworkRow>;

  constructor(size: Size) {
    this.size = size;
    for (let at = 1; at <= NODES; at += 1) {
      const vtep = at === size.self ? '127.0.0.1' : `198.18.0.${at}`;
      const nodeId = nodeIdOf(at);
      this.peers.set(nodeId, { kind: 'peer', nodeId, index: at as NodeIndex, vtep, isUp: true });
    }
    for (let at = 0; at < size.services; at += 1) {
      const row = serviceRow(at);
      this.services.set(row.serviceId, row);
    }
    this.networks = new Map(
      [networkRow(INGRESS, size.vni), networkRow(NETWORK, size.vni + 1)].map((row) => [
        row.networkId,
        row,
      ]),
    );
    // The first is this node's own, so that the network is here.
    for (let at = 0; at <= size.endpoints; at += 1) this.add(at);
  }

  get view(): NodeView {
    const { size } = this;
    return {
      selfId: nodeIdOf(size.self),
      revision: 1 as Revision,
      settings: { kind: 'settings', dataPathPort: 4789 },
      peers: this.peers,
      networks: this.networks,
      services: this.services,
      endpoints: new Map(this.endpoints),
      assignments: new Map([[taskId(0), { kind: 'assignment', task: ownTask(), labels: {} }]]),
    };
  }

  get local(): LocalPlan {
    const sandbox = { taskId: taskId(0), namespace: 't-bench', gatewayAddress: '172.18.0.10' };
    return {
      sandboxes: [sandbox],
      joints: [],
      advertisedLinks: [],
      gateway: { prefix: '172.18.0.0/16', address: '172.18.0.1', ingressAddress: '172.18.0.2' },
    };
  }

  add(at: number): void {
    const row = this.endpointRow(at);
    this.endpoints.set(row.taskId, row);
  }

  remove(at: number): void {
    this.endpoints.delete(taskId(at));
  }

  private endpointRow(at: number): EndpointRow {
    const service = at % Math.max(1, this.size.services);
    // The own one apart, they are on other nodes.
    const node = at === 0 ? this.size.self : 4 + (at % (NODES - 4));
    return {
      kind: 'endpoint',
      taskId: taskId(at),
      serviceId: serviceId(service),
      serviceName: `service${service}`,
      slot: at,
      nodeId: nodeIdOf(node),
      hostname: `task${at}`,
      attachments: [attachment(at)],
      isServing: true,
    };
  }
}

function attachment(at: number): Attachment {
  const address = ipv4FromNumber(FIRST_ENDPOINT + at);
  const mac = macOfIpv4(address);
  return { networkId: NETWORK, address: formatIpv4(address), mac, aliases: [] };
}

function serviceRow(at: number): ServiceRow {
  return {
    kind: 'service',
    serviceId: serviceId(at),
    name: `service${at}`,
    isDnsRoundRobin: false,
    isGlobal: false,
    virtualIps: [{ networkId: NETWORK, address: formatIpv4(ipv4FromNumber(FIRST_VIP + at)) }],
    ports: [],
    aliases: [],
  };
}

function networkRow(networkId: NetworkId, vni: number): NetworkRow {
  const isIngress = networkId === INGRESS;
  const [prefix, gateway] = isIngress
    ? ['10.255.0.0/24', '10.255.0.1']
    : ['10.0.0.0/16', '10.0.0.1'];
  return {
    kind: 'network',
    networkId,
    name: networkId,
    subnets: [{ prefix, gateway, vni: vni as Vni }],
    isInternal: false,
    isIngress,
  };
}

function ownTask(): never {
  return {
    id: taskId(0),
    meta: { revision: 1, createdAtMs: 0, updatedAtMs: 0 },
    serviceId: serviceId(0),
    serviceName: 'service0',
    slot: 0,
    spec: { ContainerSpec: { Image: 'none' } },
    specVersion: 1,
    desiredState: 'running',
    status: { state: 'running', atMs: 0, message: 'started' },
    attachments: [attachment(0)],
    hostPorts: [],
  } as never;
}

function taskId(at: number): TaskId {
  return `tsk${String(at).padStart(6, '0')}`.padEnd(25, 'x') as TaskId;
}

function serviceId(at: number): ServiceId {
  return `svc${String(at).padStart(6, '0')}`.padEnd(25, 'x') as ServiceId;
}

function nodeIdOf(at: number): NodeId {
  return `nod${String(at).padStart(6, '0')}`.padEnd(25, 'x') as NodeId;
}
