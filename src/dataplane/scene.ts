/** The view and the node's own decisions, indexed by what the sub-rooms ask for. */
import { cidr, cidrContains, familyOfText, ip, type Cidr } from '../base/index.ts';
import { isTerminal } from '../model/index.ts';
import type {
  Attachment,
  NetworkId,
  NetworkRow,
  NodeView,
  PeerRow,
  ServiceRow,
  Subnet,
  Task,
  TaskId,
} from '../model/index.ts';
import { VXLAN_BYTES } from './make.ts';
import type { EndpointIndex } from './endpoint-index.ts';
import type { Gateway, LocalJoint, LocalPlan, LocalSandbox } from './local-plan.ts';
import { sandboxLink } from './names.ts';
import type { NamespaceName } from './objects.ts';

export interface PlanInput {
  readonly view: NodeView;
  readonly local: LocalPlan;
}

/** A sandbox with the task it is for. */
export interface Place {
  readonly sandbox: LocalSandbox;
  readonly task: Task;
}

/** An interface on one network, in a sandbox or in a namespace that was joined. */
export interface Plug {
  readonly taskId: TaskId;
  readonly namespace: NamespaceName;
  readonly link: string;
  readonly attachment: Attachment;
}

/** A joined namespace with the interfaces that are planned in it. */
export interface JointPlace {
  readonly joint: LocalJoint;
  readonly plugs: readonly Plug[];
}

export interface Scene {
  readonly view: NodeView;
  /** This node; absent while the view does not have it, and then there are no overlays. */
  readonly self: PeerRow | undefined;
  readonly gateway: Gateway;
  readonly advertisedLinks: readonly string[];
  readonly places: readonly Place[];
  readonly joints: readonly JointPlace[];
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
  const joints = jointsOf(view, local);
  return {
    view,
    self: view.peers.get(view.selfId),
    gateway: local.gateway,
    advertisedLinks: local.advertisedLinks,
    places,
    joints,
    plugs: byNetwork([...places.flatMap(plugsOf), ...joints.flatMap(({ plugs }) => plugs)]),
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

/** An attachment that its node does not have, or not any more, is not plugged in. */
function jointsOf(view: NodeView, local: LocalPlan): JointPlace[] {
  return local.joints.map((joint) => {
    const { namespace } = joint;
    const plugs = joint.legs.flatMap(({ taskId, link }) => {
      const task = view.assignments.get(taskId)?.task;
      if (task === undefined || isTerminal(task.status.state)) return [];
      return task.attachments.map((attachment) => ({ taskId, namespace, link, attachment }));
    });
    return { joint, plugs };
  });
}

export function plugsOf({ sandbox, task }: Place): Plug[] {
  const { namespace } = sandbox;
  return task.attachments.map((attachment, index) => ({
    taskId: task.id,
    namespace,
    link: sandboxLink(index),
    attachment,
  }));
}

function byNetwork(plugs: readonly Plug[]): Map<NetworkId, Plug[]> {
  const networks = new Map<NetworkId, Plug[]>();
  for (const plug of plugs) append(networks, plug.attachment.networkId, plug);
  return networks;
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
  readonly prefix: Cidr;
  readonly index: number;
}

export function subnetPlaces(network: NetworkRow): SubnetPlace[] {
  return network.subnets.map((subnet, index) => ({ subnet, prefix: cidr(subnet.prefix), index }));
}

/** Subnets with a tunnel of their own: those of IPv4. */
export function tunnelPlaces(network: NetworkRow): SubnetPlace[] {
  return subnetPlaces(network).filter(({ subnet }) => subnet.vni !== undefined);
}

export function hasIpv6(network: NetworkRow): boolean {
  return network.subnets.some(({ prefix }) => familyOfText(prefix) === 6);
}

/** The subnet that holds the address. */
export function subnetOf(places: readonly SubnetPlace[], address: string): SubnetPlace | undefined {
  if (places.length === 1) return places[0];
  const number = ip(address);
  return places.find((place) => cidrContains(place.prefix, number));
}

const MTU_UNDERLAY = 1500;

/**
 * MTU inside the network: that of the underlay less what VXLAN adds. The network's option says
 * what the underlay has, else the probes of paths, else it is the usual one.
 */
export function overlayMtu(network: NetworkRow, { view, self }: Scene): number {
  const underlay = network.mtu ?? view.settings.pathMtu ?? MTU_UNDERLAY;
  return underlay - VXLAN_BYTES[familyOfText(self?.vtep ?? '')];
}

/** The ingress network's row, while any port is published. */
export function ingressNetwork(view: NodeView): NetworkRow | undefined {
  for (const network of view.networks.values()) if (network.isIngress) return network;
  return undefined;
}
