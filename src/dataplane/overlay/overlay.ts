/**
 * One overlay network's namespace: a bridge, one VXLAN device per subnet, one port per local
 * endpoint.
 *
 * Nothing is learned. A local endpoint's MAC is pinned to its port; a remote one's is a row of
 * the VXLAN device that names the VTEP, beside a neighbour row from which the device answers ARP
 * itself. The bridge has the gateway's address on every node, under this node's own MAC, and the
 * address of each VIP: ARP and ping for them end here. What it routes to endpoints (translated
 * connections) finds them by neighbour rows of its own.
 */
import { macOfNodeIndex } from '../../base/index.ts';
import type { NetworkRow, PeerRow, VirtualIp } from '../../model/index.ts';
import type { EndpointPlug } from '../endpoint-index.ts';
import { ENDPOINT_PORT, TUNNEL_PORT, address, sysctl } from '../make.ts';
import { OVERLAY_BRIDGE, overlayPort, sandboxLink, vxlanLink } from '../names.ts';
import type { FdbObject, KernelObject, LinkObject, NeighbourObject } from '../objects.ts';
import {
  overlayMtu,
  subnetOf,
  subnetPlaces,
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
  sysctl('net/bridge/bridge-nf-call-ip6tables', 0),
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
  sysctl('net/ipv6/conf/all/disable_ipv6', 1),
  sysctl('net/ipv6/conf/default/disable_ipv6', 1),
];
/**
 * On the ingress network frames that cross the bridge pass netfilter's IP hooks, where replies
 * find the node that took the connection; on others only what is led up does.
 */
const INGRESS_FRAMES = sysctl('net/bridge/bridge-nf-call-iptables', 1);
const PLAIN_FRAMES = sysctl('net/bridge/bridge-nf-call-iptables', 0);
const BRIDGE_SYSCTLS: readonly KernelObject[] = [
  sysctl(`net/ipv4/conf/${OVERLAY_BRIDGE}/rp_filter`, 0),
  sysctl(`net/ipv4/conf/${OVERLAY_BRIDGE}/send_redirects`, 0),
  sysctl(`net/ipv4/conf/${OVERLAY_BRIDGE}/arp_ignore`, 0),
];

/** The rows of one remote endpoint, kept with what they were made from. */
interface RemoteRows {
  readonly link: string;
  readonly vtep: string;
  readonly rows: readonly [FdbObject, NeighbourObject, NeighbourObject];
}

export interface OverlayScene {
  readonly scene: Scene;
  readonly network: NetworkRow;
  readonly self: PeerRow;
}

/** Keeps rows between plans: an attachment that did not change has the same two objects. */
export class OverlayPlanner {
  private readonly remembered = new WeakMap<object, RemoteRows>();
  private readonly vips = new WeakMap<VirtualIp, KernelObject>();

  /** Everything but the nft tables. */
  objects({ scene, network, self }: OverlayScene): KernelObject[] {
    const places = subnetPlaces(network);
    const mtu = overlayMtu(network);
    const objects: KernelObject[] = [
      ...OVERLAY_SYSCTLS,
      network.isIngress ? INGRESS_FRAMES : PLAIN_FRAMES,
      ...BRIDGE_SYSCTLS,
      bridgeLink(self, mtu),
      ...places.map((place) =>
        vxlanDevice({ place, self, mtu, port: scene.view.settings.dataPathPort }),
      ),
      ...places.map(({ subnet, prefix }) => address(OVERLAY_BRIDGE, subnet.gateway, prefix.bits)),
    ];
    if (!network.isIngress) objects.push(...this.vipAddresses(scene, network));
    for (const plug of scene.plugs.get(network.networkId) ?? [])
      objects.push(...localEndpoint(plug, mtu));
    for (const plug of scene.endpoints.remote(network.networkId))
      objects.push(...this.remoteEndpoint(plug, scene, places));
    return objects;
  }

  private vipAddresses(scene: Scene, network: NetworkRow): KernelObject[] {
    const objects: KernelObject[] = [];
    for (const service of scene.services.get(network.networkId) ?? [])
      for (const vip of service.virtualIps) {
        if (vip.networkId !== network.networkId) continue;
        const object = this.vips.get(vip) ?? address(OVERLAY_BRIDGE, vip.address, 32);
        this.vips.set(vip, object);
        objects.push(object);
      }
    return objects;
  }

  private remoteEndpoint(
    { endpoint, attachment }: EndpointPlug,
    scene: Scene,
    places: readonly SubnetPlace[],
  ): readonly KernelObject[] {
    const vtep = scene.view.peers.get(endpoint.nodeId)?.vtep;
    const place = subnetOf(places, attachment.address);
    if (vtep === undefined || place === undefined) return [];
    const link = vxlanLink(place.index);
    const known = this.remembered.get(attachment);
    if (known?.link === link && known.vtep === vtep) return known.rows;
    const { mac, address: plain } = attachment;
    const rows = [
      { kind: 'fdb', link, mac, owner: 'self', vtep },
      { kind: 'neighbour', link, address: plain, mac },
      { kind: 'neighbour', link: OVERLAY_BRIDGE, address: plain, mac },
    ] as const;
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

function vxlanDevice({ place, self, mtu, port }: VxlanDevice): LinkObject {
  return {
    kind: 'link',
    type: 'vxlan',
    name: vxlanLink(place.index),
    vni: place.subnet.vni,
    udpPort: port,
    local: self.vtep,
    isUp: true,
    mtu,
    master: OVERLAY_BRIDGE,
    port: TUNNEL_PORT,
  };
}

function localEndpoint({ place, attachment, index }: Plug, mtu: number): KernelObject[] {
  const name = overlayPort(place.task.id);
  return [
    {
      kind: 'link',
      type: 'veth',
      name,
      peerNamespace: place.sandbox.namespace,
      peerName: sandboxLink(index),
      isUp: true,
      mtu,
      master: OVERLAY_BRIDGE,
      port: ENDPOINT_PORT,
    },
    { kind: 'fdb', link: name, mac: attachment.mac, owner: 'master' },
    {
      kind: 'neighbour',
      link: OVERLAY_BRIDGE,
      address: attachment.address,
      mac: attachment.mac,
    },
  ];
}
