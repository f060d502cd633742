/**
 * Small clusters written down: nodes, networks, services and tasks, and the view that one node
 * has of them.
 */
import { ipv4, macOfIpv4 } from '../../../src/base/index.ts';
import type { LocalPlan } from '../../../src/dataplane/index.ts';
import type {
  Attachment,
  EndpointRow,
  NetworkId,
  NetworkRow,
  NodeId,
  NodeIndex,
  NodeView,
  PeerRow,
  PublishedPort,
  Revision,
  ServiceId,
  ServiceRow,
  Task,
  TaskId,
  Vni,
} from '../../../src/model/index.ts';

/**
 * Networks are numbered; the one numbered 0 is ingress. Number n is 10.(base).n.0/24 with VNI vni
 * + n.
 */
export interface TestNetwork {
  readonly number: number;
  readonly isInternal?: boolean;
  readonly mtu?: number;
}

export interface TestService {
  readonly number: number;
  /** Networks it has a VIP on. */
  readonly networks: readonly number[];
  readonly ports?: readonly PublishedPort[];
}

/** Task n has address .(10 + n) on each of its networks, and 172.18.0.(10 + n) on `hawser_gw`. */
export interface TestTask {
  readonly number: number;
  readonly service: number;
  readonly node: number;
  readonly networks: readonly number[];
  readonly hostPorts?: readonly PublishedPort[];
  readonly isServing?: boolean;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly resolverPorts?: { readonly udp: number; readonly tcp: number };
}

export interface TestCluster {
  /** Underlay addresses; node n is the n-th, from 1. */
  readonly vteps: readonly string[];
  readonly networks: readonly TestNetwork[];
  readonly services: readonly TestService[];
  readonly tasks: readonly TestTask[];
  readonly vni?: number;
  /** UDP port of the data path. */
  readonly dataPathPort?: number;
}

export function nodeId(number: number): NodeId {
  return pad('node', number) as NodeId;
}

export function networkId(number: number): NetworkId {
  return pad('net', number) as NetworkId;
}

export function serviceId(number: number): ServiceId {
  return pad('svc', number) as ServiceId;
}

export function taskId(number: number): TaskId {
  return pad('tsk', number) as TaskId;
}

export function sandboxOf(task: number): string {
  return `t-${taskId(task).slice(0, 12)}`;
}

export function overlayOf(network: number): string {
  return `n-${networkId(network).slice(0, 12)}`;
}

export function address(network: number, host: number): string {
  return `10.99.${network}.${host}`;
}

export function vipOf(service: number, network: number): string {
  return address(network, 200 + service);
}

/** `ingress 8080 80 udp`: mode, published port, target port and, unless it is tcp, protocol. */
export function port(text: string): PublishedPort {
  const [mode, published, target, protocol = 'tcp'] = text.split(' ');
  return {
    Protocol: protocol as PublishedPort['Protocol'],
    TargetPort: Number(target),
    PublishedPort: Number(published),
    PublishMode: mode as PublishedPort['PublishMode'],
  };
}

export function viewOf(cluster: TestCluster, node: number): NodeView {
  return {
    selfId: nodeId(node),
    revision: 1 as Revision,
    settings: { kind: 'settings', dataPathPort: cluster.dataPathPort ?? 4789 },
    peers: byKey(cluster.vteps.map(peerRow), (row) => row.nodeId),
    networks: byKey(
      cluster.networks.map((network) => networkRow(network, cluster.vni ?? 4096)),
      (row) => row.networkId,
    ),
    services: byKey(cluster.services.map(serviceRow), (row) => row.serviceId),
    endpoints: byKey(cluster.tasks.map(endpointRow), (row) => row.taskId),
    assignments: byKey(
      cluster.tasks
        .filter((task) => task.node === node)
        .map((task) => ({ kind: 'assignment' as const, task: taskOf(task), labels: {} })),
      (row) => row.task.id,
    ),
  };
}

export function localOf(cluster: TestCluster, node: number): LocalPlan {
  return {
    sandboxes: cluster.tasks
      .filter((task) => task.node === node)
      .map((task) => ({
        taskId: taskId(task.number),
        namespace: sandboxOf(task.number),
        gatewayAddress: `172.18.0.${10 + task.number}`,
        ...(task.resolverPorts === undefined ? {} : { resolverPorts: task.resolverPorts }),
      })),
    gateway: { prefix: '172.18.0.0/16', address: '172.18.0.1', ingressAddress: '172.18.0.2' },
  };
}

function peerRow(vtep: string, at: number): PeerRow {
  const index = (at + 1) as NodeIndex;
  return { kind: 'peer', nodeId: nodeId(index), index, vtep, isUp: true };
}

function networkRow({ number, isInternal = false, mtu }: TestNetwork, vni: number): NetworkRow {
  return {
    kind: 'network',
    networkId: networkId(number),
    name: number === 0 ? 'ingress' : `network${number}`,
    subnets: [
      { prefix: `10.99.${number}.0/24`, gateway: address(number, 1), vni: (vni + number) as Vni },
    ],
    isInternal,
    isIngress: number === 0,
    ...(mtu === undefined ? {} : { mtu }),
  };
}

function serviceRow({ number, networks, ports = [] }: TestService): ServiceRow {
  return {
    kind: 'service',
    serviceId: serviceId(number),
    name: `service${number}`,
    isDnsRoundRobin: false,
    isGlobal: false,
    virtualIps: networks.map((network) => ({
      networkId: networkId(network),
      address: vipOf(number, network),
    })),
    ports,
    aliases: [],
  };
}

function attachmentsOf({ number, networks }: TestTask): Attachment[] {
  return networks.map((network) => ({
    networkId: networkId(network),
    address: address(network, 10 + number),
    mac: macOfIpv4(ipv4(address(network, 10 + number))),
    aliases: [],
  }));
}

function endpointRow(task: TestTask): EndpointRow {
  return {
    kind: 'endpoint',
    taskId: taskId(task.number),
    serviceId: serviceId(task.service),
    serviceName: `service${task.service}`,
    slot: task.number,
    nodeId: nodeId(task.node),
    hostname: `task${task.number}`,
    attachments: attachmentsOf(task),
    isServing: task.isServing ?? true,
  };
}

function taskOf(task: TestTask): Task {
  return {
    id: taskId(task.number),
    meta: { revision: 1 as Revision, createdAtMs: 0, updatedAtMs: 0 },
    serviceId: serviceId(task.service),
    serviceName: `service${task.service}`,
    slot: task.number,
    nodeId: nodeId(task.node),
    spec: {
      ContainerSpec: {
        Image: 'none',
        ...(task.sysctls === undefined ? {} : { Sysctls: task.sysctls }),
      },
    },
    specVersion: 1,
    desiredState: 'running',
    status: { state: 'running', atMs: 0, message: 'started' },
    attachments: attachmentsOf(task),
    hostPorts: task.hostPorts ?? [],
  };
}

/** 25 characters that differ in the first nine, as ids of the store do. */
function pad(word: string, number: number): string {
  return `${word}${String(number).padStart(5, '0')}`.padEnd(25, 'x');
}

function byKey<Key, Row>(rows: readonly Row[], key: (row: Row) => Key): Map<Key, Row> {
  return new Map(rows.map((row) => [key(row), row]));
}
