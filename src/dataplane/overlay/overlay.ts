/**
 * One overlay network's namespace: a bridge, one VXLAN device per subnet, one port per local
 * endpoint.
 *
 * Nothing is learned. A local endpoint's MAC is pinned to its port; a remote one's is a row of
 * the VXLAN device that names the VTEP, beside neighbour rows from which the device answers ARP
 * and neighbour solicitations itself, and drops those that it cannot answer: none is flooded to
 * other nodes. The bridge has the gateway's address on every node, under this node's own MAC, and
 * the address of each VIP: what asks for them, and ping, ends here. What it routes to endpoints
 * (translated connections) finds them by neighbour rows of its own.
 */
import { ADDRESS_BITS, familyOfText, macOfNodeIndex } from '../../base/index.ts';
import {
  addressesOf,
  type Attachment,
  type NetworkRow,
  type NodeId,
  type PeerRow,
  type VirtualIp,
} from '../../model/index.ts';
import type { EndpointPlug } from '../endpoint-index.ts';
import { ENDPOINT_PORT, TUNNEL_PORT, address, sysctl } from '../make.ts';
import { OVERLAY_BRIDGE, overlayPort, vxlanLink } from '../names.ts';
import type { FdbObject, KernelObject, LinkObject, NeighbourObject } from '../objects.ts';
import {
  hasIpv6,
  overlayMtu,
  subnetOf,
  subnetPlaces,
  tunnelPlaces,
  type Plug,
  type Scene,
  type SubnetPlace,
} from '../scene.ts';

/**
 * Kernel settings of a namespace that bridges and routes for others; a new one inherits the
 * machine's.
 */
const OVERLAY_SYSCTLS: readonly KernelObject[] = [
  sysctl('net/ipv4/ip_forward', 1),
  sysctl('net/bridge/bridge-nf-call-arptables', 0),
  // Clients' addresses arrive by one link and are answered by another; nobody is told of a
  // shorter way.
  sysctl('net/ipv4/conf/all/rp_filter', 0),
  sysctl('net/ipv4/conf/default/rp_filter', 0),
  sysctl('net/ipv4/conf/all/send_redirects', 0),
  sysctl('net/ipv4/conf/default/send_redirects', 0),
  // The bridge answers ARP and ping for the gateway and for every VIP.
  sysctl('net/ipv4/conf/all/arp_ignore', 0),
  sysctl('net/ipv4/conf/default/arp_ignore', 0),
  sysctl('net/ipv4/conf/all/arp_filter', 0),
  sysctl('net/ipv4/icmp_echo_ignore_all', 0),
  // Only the bridge and tunnels know IPv6, and only where the network has it.
  sysctl('net/ipv6/conf/default/disable_ipv6', 1),
];
const WITHOUT_IPV6: readonly KernelObject[] = [sysctl('net/ipv6/conf/all/disable_ipv6', 1)];
/** Before those above: what is written to `all` becomes the default as well. */
const WITH_IPV6: readonly KernelObject[] = [
  sysctl('net/ipv6/conf/all/disable_ipv6', 0),
  sysctl('net/ipv6/conf/all/forwarding', 1),
  sysctl('net/ipv6/icmp/echo_ignore_all', 0),
  // Without a link-local address the bridge tells nobody of a shorter way, which IPv6 has no
  // setting for, and has no group to report.
  sysctl('net/ipv6/conf/default/addr_gen_mode', 1),
];
/**
 * On the ingress network frames that cross the bridge pass netfilter's IP hooks, where replies
 * find the node that took the connection; on others only what is led up does.
 */
const INGRESS_FRAMES = bridgeFrames(1);
const PLAIN_FRAMES = bridgeFrames(0);
const BRIDGE_SYSCTLS: readonly KernelObject[] = [
  sysctl(`net/ipv4/conf/${OVERLAY_BRIDGE}/rp_filter`, 0),
  sysctl(`net/ipv4/conf/${OVERLAY_BRIDGE}/send_redirects`, 0),
  sysctl(`net/ipv4/conf/${OVERLAY_BRIDGE}/arp_ignore`, 0),
];

/** The rows of one remote endpoint, kept with what they were made from. */
interface RemoteRows {
  readonly link: string;
  readonly vtep: string;
  readonly rows: readonly KernelObject[];
}

export interface OverlayScene {
  readonly scene: Scene;
  readonly network: NetworkRow;
  readonly self: PeerRow;
}

/** Keeps rows between plans: an attachment that did not change has the same two objects. */
export class OverlayPlanner {
  private readonly remembered = new WeakMap<object, RemoteRows>();
  private readonly rows = new WeakMap<
    readonly EndpointPlug[],
    { readonly ways: string; readonly rows: readonly KernelObject[] }
  >();
  private readonly vteps = new WeakMap<ReadonlyMap<NodeId, PeerRow>, string>();
  private readonly vips = new WeakMap<VirtualIp, readonly KernelObject[]>();

  /** Everything but the nft tables and the rows of remote endpoints. */
  objects({ scene, network, self }: OverlayScene): KernelObject[] {
    const tunnels = tunnelPlaces(network);
    const mtu = overlayMtu(network, scene);
    const objects: KernelObject[] = [
      ...(hasIpv6(network) ? withIpv6(tunnels) : WITHOUT_IPV6),
      ...OVERLAY_SYSCTLS,
      ...(network.isIngress ? INGRESS_FRAMES : PLAIN_FRAMES),
      ...BRIDGE_SYSCTLS,
      bridgeLink(self, mtu),
      ...tunnels.flatMap((place) =>
        vxlanDevice({ place, self, mtu, port: scene.view.settings.dataPathPort }),
      ),
      ...subnetPlaces(network).map(({ subnet, prefix }) =>
        address(OVERLAY_BRIDGE, subnet.gateway, prefix.bits),
      ),
    ];
    if (!network.isIngress) objects.push(...this.vipAddresses(scene, network));
    for (const plug of scene.plugs.get(network.networkId) ?? [])
      objects.push(...localEndpoint(plug, mtu));
    return objects;
  }

  /** Rows that lead to endpoints of other nodes; the same list while they are the same. */
  remoteRows({ scene, network }: OverlayScene): readonly KernelObject[] {
    const plugs = scene.endpoints.remote(network.networkId);
    const tunnels = tunnelPlaces(network);
    const ways = `${this.vtepsOf(scene.view.peers)} ${JSON.stringify(network.subnets)}`;
    const known = this.rows.get(plugs);
    if (known?.ways === ways) return known.rows;
    const rows: KernelObject[] = [];
    for (const plug of plugs)
      for (const row of this.remoteEndpoint(plug, scene, tunnels)) rows.push(row);
    this.rows.set(plugs, { ways, rows });
    return rows;
  }

  /** All that rows are made from beside endpoints and subnets. */
  private vtepsOf(peers: ReadonlyMap<NodeId, PeerRow>): string {
    const known = this.vteps.get(peers);
    if (known !== undefined) return known;
    const text = [...peers.values()].map(({ nodeId, vtep }) => `${nodeId} ${vtep}`).join();
    this.vteps.set(peers, text);
    return text;
  }

  private vipAddresses(scene: Scene, network: NetworkRow): KernelObject[] {
    const objects: KernelObject[] = [];
    for (const service of scene.services.get(network.networkId) ?? [])
      for (const vip of service.virtualIps) {
        if (vip.networkId !== network.networkId) continue;
        const own = this.vips.get(vip) ?? addressesOf(vip).map(hostAddress);
        this.vips.set(vip, own);
        objects.push(...own);
      }
    return objects;
  }

  private remoteEndpoint(
    { endpoint, attachment }: EndpointPlug,
    scene: Scene,
    tunnels: readonly SubnetPlace[],
  ): readonly KernelObject[] {
    const vtep = scene.view.peers.get(endpoint.nodeId)?.vtep;
    const place = subnetOf(tunnels, attachment.address);
    if (vtep === undefined || place === undefined) return [];
    const link = vxlanLink(place.index);
    const known = this.remembered.get(attachment);
    if (known?.link === link && known.vtep === vtep) return known.rows;
    const fdb: FdbObject = { kind: 'fdb', link, mac: attachment.mac, owner: 'self', vtep };
    const rows = [fdb, ...neighbours(link, attachment), ...neighbours(OVERLAY_BRIDGE, attachment)];
    this.remembered.set(attachment, { link, vtep, rows });
    return rows;
  }
}

function bridgeLink(self: PeerRow, mtu: number): LinkObject {
  const mac = macOfNodeIndex(self.index);
  return { kind: 'link', type: 'bridge', name: OVERLAY_BRIDGE, isUp: true, mac, mtu };
}

interface VxlanDevice {
  readonly place: SubnetPlace;
  readonly self: PeerRow;
  readonly mtu: number;
  readonly port: number;
}

function vxlanDevice({ place, self, mtu, port }: VxlanDevice): LinkObject[] {
  const { vni } = place.subnet;
  if (vni === undefined) return [];
  const device: LinkObject = {
    kind: 'link',
    type: 'vxlan',
    name: vxlanLink(place.index),
    vni,
    udpPort: port,
    local: self.vtep,
    isUp: true,
    mtu,
    master: OVERLAY_BRIDGE,
    port: TUNNEL_PORT,
  };
  return [device];
}

function localEndpoint({ taskId, namespace, link, attachment }: Plug, mtu: number): KernelObject[] {
  const name = overlayPort(taskId);
  return [
    {
      kind: 'link',
      type: 'veth',
      name,
      peerNamespace: namespace,
      peerName: link,
      isUp: true,
      mtu,
      master: OVERLAY_BRIDGE,
      port: ENDPOINT_PORT,
    },
    { kind: 'fdb', link: name, mac: attachment.mac, owner: 'master' },
    ...neighbours(OVERLAY_BRIDGE, attachment),
  ];
}

function neighbours(link: string, attachment: Attachment): NeighbourObject[] {
  const { mac } = attachment;
  return addressesOf(attachment).map((plain) => ({ kind: 'neighbour', link, address: plain, mac }));
}

function hostAddress(plain: string): KernelObject {
  return address(OVERLAY_BRIDGE, plain, ADDRESS_BITS[familyOfText(plain)]);
}

/** The bridge answers for itself, a tunnel from its neighbour rows, which it has only with IPv6. */
function withIpv6(tunnels: readonly SubnetPlace[]): readonly KernelObject[] {
  const links = [OVERLAY_BRIDGE, ...tunnels.map(({ index }) => vxlanLink(index))];
  return [
    ...WITH_IPV6,
    ...links.flatMap((link) => [
      sysctl(`net/ipv6/conf/${link}/addr_gen_mode`, 1),
      sysctl(`net/ipv6/conf/${link}/accept_dad`, 0),
      sysctl(`net/ipv6/conf/${link}/accept_ra`, 0),
      sysctl(`net/ipv6/conf/${link}/disable_ipv6`, 0),
    ]),
  ];
}

function bridgeFrames(isPassed: 0 | 1): readonly KernelObject[] {
  return [
    sysctl('net/bridge/bridge-nf-call-iptables', isPassed),
    sysctl('net/bridge/bridge-nf-call-ip6tables', isPassed),
  ];
}
