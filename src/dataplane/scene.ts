/** The view and the node's own decisions, indexed by what the sub-rooms ask for. */
import { cidr4, cidr4Contains, ipv4, type Cidr4 } from '../base/index.ts';
import type {
  Attachment,
  NetworkId,
  NetworkRow,
  NodeView,
  PeerRow,
  ServiceRow,
  Subnet,
  Task,
} from '../model/index.ts';
import type { EndpointIndex } from './endpoint-index.ts';
import type { Gateway, LocalPlan, LocalSandbox } from './local-plan.ts';

export interface PlanInput {
  readonly view: NodeView;
  readonly local: LocalPlan;
}

/** A sandbox with the task it is for. */
export interface Place {
  readonly sandbox: LocalSandbox;
  readonly task: Task;
}

/** A sandbox's interface on one network; `index` numbers it in the sandbox. */
export interface Plug {
  readonly place: Place;
  readonly attachment: Attachment;
  readonly index: number;
}

export interface Scene {
  readonly view: NodeView;
  /** This node; absent while the view does not have it, and then there are no overlays. */
  readonly self: PeerRow | undefined;
  readonly gateway: Gateway;
  readonly places: readonly Place[];
  /** Local interfaces of each network. */
  readonly plugs: ReadonlyMap<NetworkId, readonly Plug[]>;
  readonly endpoints: EndpointIndex;
  /** Services with a VIP, by its network. */
  readonly services: ReadonlyMap<NetworkId, readonly ServiceRow[]>;
}

/** `endpoints` is brought up to date with the view. */
export function sceneOf({ view, local }: PlanInput, endpoints: EndpointIndex): Scene {
  endpoints.update(view);
  const places = placesOf(view, local);
  return {
    view,
    self: view.peers.get(view.selfId),
    gateway: local.gateway,
    places,
    plugs: plugsOf(places),
    endpoints,
    services: servicesOf(view),
  };
}

/** A sandbox without an assignment has nothing to be attached to. */
function placesOf(view: NodeView, local: LocalPlan): Place[] {
  return local.sandboxes.flatMap((sandbox) => {
    const task = view.assignments.get(sandbox.taskId)?.task;
    return task === undefined ? [] : [{ sandbox, task }];
  });
}

function plugsOf(places: readonly Place[]): Map<NetworkId, Plug[]> {
  const plugs = new Map<NetworkId, Plug[]>();
  for (const place of places)
    for (const [index, attachment] of place.task.attachments.entries())
      append(plugs, attachment.networkId, { place, attachment, index });
  return plugs;
}

function servicesOf(view: NodeView): Map<NetworkId, ServiceRow[]> {
  const services = new Map<NetworkId, ServiceRow[]>();
  for (const service of view.services.values())
    for (const { networkId } of service.virtualIps) append(services, networkId, service);
  return services;
}

function append<Key, Item>(lists: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** A network's subnets as numbers. */
export interface SubnetPlace {
  readonly subnet: Subnet;
  readonly prefix: Cidr4;
  readonly index: number;
}

export function subnetPlaces(network: NetworkRow): SubnetPlace[] {
  return network.subnets.map((subnet, index) => ({ subnet, prefix: cidr4(subnet.prefix), index }));
}

/** The subnet that holds the address. */
export function subnetOf(places: readonly SubnetPlace[], address: string): SubnetPlace | undefined {
  if (places.length === 1) return places[0];
  const number = ipv4(address);
  return places.find((place) => cidr4Contains(place.prefix, number));
}

const MTU_UNDERLAY = 1500;
/** Outer Ethernet, IPv4, UDP and VXLAN headers. */
const VXLAN_BYTES = 50;

/**
 * MTU inside the network: the network's option, which speaks of the underlay, less what VXLAN
 * adds.
 */
export function overlayMtu(network: NetworkRow): number {
  return (network.mtu ?? MTU_UNDERLAY) - VXLAN_BYTES;
}

/** The ingress network's row, while any port is published. */
export function ingressNetwork(view: NodeView): NetworkRow | undefined {
  for (const network of view.networks.values()) if (network.isIngress) return network;
  return undefined;
}
