/** Networks as Docker shows them. */
import { createHash } from 'node:crypto';
import { cidr4Contains, ipv4, maskTo, tryParseInterface4 } from '../../base/index.ts';
import type {
  EndpointRow,
  Network,
  NetworkRow,
  NodeView,
  Subnet,
  Task,
} from '../../model/index.ts';
import { taskName } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import type { NodeFacts } from '../backend.ts';
import { ZERO_TIME, metaDocument, rfc3339 } from '../swarm/access.ts';

const VNI_LIST_OPTION = 'com.docker.network.driver.overlay.vxlanid_list';

/** What lists, filters and inspection need of any network; `document` is Docker's JSON. */
export interface ShownNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly scope: 'swarm' | 'local';
  readonly labels: Readonly<Record<string, string>>;
  readonly isInUse: boolean;
  readonly document: object;
}

/** A network of the cluster as a manager knows it. */
export function shownNetwork(network: Network, isInUse: boolean): ShownNetwork {
  const { spec } = network;
  return {
    id: network.id,
    name: spec.Name,
    driver: spec.Driver,
    scope: 'swarm',
    labels: spec.Labels,
    isInUse,
    document: {
      Name: spec.Name,
      Id: network.id,
      Created: rfc3339(network.meta.createdAtMs),
      Scope: 'swarm',
      Driver: spec.Driver,
      EnableIPv4: true,
      EnableIPv6: spec.EnableIPv6,
      IPAM: {
        Driver: spec.IPAM.Driver,
        Options: spec.IPAM.Options,
        Config: ipamConfig(network.subnets),
      },
      Internal: spec.Internal,
      Attachable: spec.Attachable,
      Ingress: spec.Ingress,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: {},
      Options: { ...spec.Options, ...vniOption(network.subnets) },
      Labels: spec.Labels,
    },
  };
}

/** A network of the cluster as a worker knows it: only those that it has. */
export function shownNetworkRow(row: NetworkRow): ShownNetwork {
  return {
    id: row.networkId,
    name: row.name,
    driver: 'overlay',
    scope: 'swarm',
    labels: {},
    isInUse: true,
    document: {
      Name: row.name,
      Id: row.networkId,
      Created: ZERO_TIME,
      Scope: 'swarm',
      Driver: 'overlay',
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: { Driver: 'default', Options: {}, Config: ipamConfig(row.subnets) },
      Internal: row.isInternal,
      Attachable: false,
      Ingress: row.isIngress,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: {},
      Options: vniOption(row.subnets),
      Labels: {},
    },
  };
}

/** The bridge that carries traffic to the outside, shown as the local network it is. */
export function shownGateway(gateway: NonNullable<NodeFacts['gateway']>): ShownNetwork {
  const id = createHash('sha256').update(gateway.name).digest('hex');
  return {
    id,
    name: gateway.name,
    driver: 'bridge',
    scope: 'local',
    labels: {},
    isInUse: true,
    document: {
      Name: gateway.name,
      Id: id,
      Created: ZERO_TIME,
      Scope: 'local',
      Driver: 'bridge',
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: {
        Driver: 'default',
        Options: {},
        Config: [{ Subnet: gateway.subnet, Gateway: gateway.address }],
      },
      Internal: false,
      Attachable: false,
      Ingress: false,
      ConfigFrom: { Network: '' },
      ConfigOnly: false,
      Containers: {},
      Options: { 'com.docker.network.bridge.name': gateway.name },
      Labels: {},
    },
  };
}

function ipamConfig(subnets: readonly Subnet[]): readonly object[] {
  return subnets.map((subnet) => ({
    Subnet: subnet.prefix,
    ...(subnet.ipRange === undefined ? {} : { IPRange: subnet.ipRange }),
    Gateway: subnet.gateway,
  }));
}

function vniOption(subnets: readonly Subnet[]): Readonly<Record<string, string>> {
  return { [VNI_LIST_OPTION]: subnets.map((subnet) => subnet.vni).join(',') };
}

/** `10.0.1.3` -> `10.0.1.3/24`, by the subnet that holds it. */
export function withPrefixLength(address: string, subnets: readonly Subnet[]): string {
  for (const { prefix } of subnets) {
    const parsed = tryParseInterface4(prefix);
    if (!parsed) continue;
    const base = maskTo(parsed.address, parsed.bits);
    if (cidr4Contains({ base, bits: parsed.bits }, ipv4(address)))
      return `${address}/${parsed.bits}`;
  }
  return `${address}/32`;
}

/** `Containers` of an inspected network: this node's own endpoints on it, by container id. */
export function containersDocument(networkId: string, view: NodeView | undefined): object {
  if (!view) return {};
  const rows = [...view.endpoints.values()].filter((row) => row.nodeId === view.selfId);
  return Object.fromEntries(rows.flatMap((row) => containerEntry(row, networkId, view)));
}

function containerEntry(
  row: EndpointRow,
  networkId: string,
  view: NodeView,
): readonly [string, object][] {
  const attachment = row.attachments.find((each) => each.networkId === networkId);
  if (!attachment) return [];
  const subnets = view.networks.get(attachment.networkId)?.subnets ?? [];
  const document = {
    Name: taskName({ ...row, id: row.taskId }),
    EndpointID: createHash('sha256').update(`${networkId}/${row.taskId}`).digest('hex'),
    MacAddress: attachment.mac,
    IPv4Address: withPrefixLength(attachment.address, subnets),
    IPv6Address: '',
  };
  return [[row.containerId ?? row.taskId, document]];
}

/** `Peers` of an inspected network: nodes that have a live task on it. */
export function peersDocument(network: Network, store: Store): readonly object[] {
  const nodeIds = new Set(liveTasksOn(network, store).flatMap((task) => task.nodeId ?? []));
  return [...nodeIds].flatMap((id) => {
    const node = store.nodes.get(id);
    return node ? [{ Name: node.id.slice(0, 12), IP: node.vtep }] : [];
  });
}

/** `Services` of a verbosely inspected network: VIP, ports and tasks by service name. */
export function servicesDocument(network: Network, store: Store): object {
  const document: Record<string, object> = {};
  for (const task of liveTasksOn(network, store)) {
    const service = store.services.get(task.serviceId);
    const known = document[task.serviceName] as { Tasks: object[] } | undefined;
    if (known) {
      known.Tasks.push(taskEntry(task, network, store));
      continue;
    }
    const vip = service?.virtualIps.find((each) => each.networkId === network.id);
    document[task.serviceName] = {
      VIP: vip?.address ?? '<nil>',
      Ports: network.spec.Ingress ? portTexts(service?.ports ?? []) : [],
      LocalLBIndex: 0,
      Tasks: [taskEntry(task, network, store)],
    };
  }
  return document;
}

function portTexts(
  ports: readonly { readonly TargetPort: number; readonly PublishedPort: number }[],
): readonly string[] {
  return ports.map((port) => `Target: ${port.TargetPort}, Publish: ${port.PublishedPort}`);
}

function taskEntry(task: Task, network: Network, store: Store): object {
  const attachment = task.attachments.find((each) => each.networkId === network.id);
  const node = task.nodeId === undefined ? undefined : store.nodes.get(task.nodeId);
  return {
    Name: taskName(task),
    EndpointID: createHash('sha256').update(`${network.id}/${task.id}`).digest('hex'),
    EndpointIP: attachment?.address ?? '',
    Info: { 'Host IP': node?.vtep ?? '' },
  };
}

function liveTasksOn(network: Network, store: Store): readonly Task[] {
  return [...store.tasks.values()].filter(
    (task) =>
      task.status.state === 'running' &&
      task.attachments.some((attachment) => attachment.networkId === network.id),
  );
}

/** The network of a task's attachment, as tasks carry it. */
export function attachedNetworkDocument(network: Network): object {
  const { spec } = network;
  return {
    ...metaDocument(network),
    Spec: {
      Name: spec.Name,
      Labels: spec.Labels,
      DriverConfiguration: { Name: spec.Driver, Options: spec.Options },
      Ingress: spec.Ingress,
      Internal: spec.Internal,
      Attachable: spec.Attachable,
      IPAMOptions: { Driver: { Name: spec.IPAM.Driver } },
      Scope: 'swarm',
    },
    DriverState: { Name: spec.Driver, Options: vniOption(network.subnets) },
    IPAMOptions: { Driver: { Name: spec.IPAM.Driver }, Configs: ipamConfig(network.subnets) },
  };
}
