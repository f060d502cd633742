/**
 * The ingress network's namespace: where a connection to a published port of this node becomes
 * one to a task.
 *
 * In: the host sends published ports to this namespace's leg on `hawser_gw`; they are balanced by
 * port, the client's address stays, and the frame leaves by the bridge with this node's MAC as
 * its source. Back: on the task's node the connection carries, as its mark, the number of the
 * node whose MAC brought it. A reply that the task sends to its gateway gets that node's MAC as
 * its destination instead and is bridged there, where the connection is known and is undone. No
 * address is given up, and no node needs a route per node.
 */
import { cidr4, macOfIpv4, macOfNodeIndex, ipv4 } from '../../base/index.ts';
import type { NetworkRow, PeerRow, PublishedPort, ServiceRow } from '../../model/index.ts';
import type { BackendLists, Balancer, Balancing, Frontend } from '../balancer/balancer.ts';
import { PRIORITY, address, baseChain, route, sysctl } from '../make.ts';
import { INGRESS_LEG, NFT_TABLE, OVERLAY_BRIDGE, vxlanLink } from '../names.ts';
import type { KernelObject, NftTableObject } from '../objects.ts';
import type { Scene } from '../scene.ts';

/**
 * What the ingress namespace has beside an overlay's: the leg, the way to the other nodes, and
 * the tables.
 */
export function ingressObjects(
  scene: Scene,
  network: NetworkRow,
  { balancer, backends }: Balancing,
): KernelObject[] {
  const peers = otherPeers(scene);
  return [
    ...legObjects(scene),
    ...peers.map((peer): KernelObject => ({
      kind: 'fdb',
      owner: 'self',
      link: vxlanLink(0),
      mac: macOfNodeIndex(peer.index),
      vtep: peer.vtep,
    })),
    ingressTable(peers, balancer, ingressFrontends(scene, network, backends)),
    replyTable(peers),
  ];
}

/**
 * Ports published on the ingress network, with the service of each. The first service of a port
 * has it.
 */
export function ingressPorts(
  scene: Scene,
): ReadonlyMap<string, { readonly service: ServiceRow; readonly port: PublishedPort }> {
  const ports = new Map<string, { service: ServiceRow; port: PublishedPort }>();
  const services = [...scene.view.services.values()].sort((one, other) =>
    one.serviceId < other.serviceId ? -1 : 1,
  );
  for (const service of services)
    for (const port of service.ports) {
      const key = `${port.Protocol} . ${port.PublishedPort}`;
      if (port.PublishMode === 'ingress' && !ports.has(key)) ports.set(key, { service, port });
    }
  return ports;
}

function otherPeers(scene: Scene): PeerRow[] {
  return [...scene.view.peers.values()].filter((peer) => peer.nodeId !== scene.view.selfId);
}

function legObjects({ gateway }: Scene): KernelObject[] {
  return [
    {
      kind: 'link',
      type: 'veth-peer',
      name: INGRESS_LEG,
      isUp: true,
      mac: macOfIpv4(ipv4(gateway.ingressAddress)),
    },
    sysctl(`net/ipv4/conf/${INGRESS_LEG}/rp_filter`, 0),
    address(INGRESS_LEG, gateway.ingressAddress, cidr4(gateway.prefix).bits),
    route({ link: INGRESS_LEG, via: gateway.address }),
  ];
}

function ingressFrontends(scene: Scene, network: NetworkRow, lists: BackendLists): Frontend[] {
  return [...ingressPorts(scene).values()].map(({ service, port }) => {
    const plugs = scene.endpoints.serving(service.serviceId, network.networkId);
    return {
      kind: 'port',
      id: `${port.Protocol}-${port.PublishedPort}`,
      protocol: port.Protocol,
      port: port.PublishedPort,
      link: INGRESS_LEG,
      backends: lists.of(plugs, port.TargetPort),
    };
  });
}

function ingressTable(
  peers: readonly PeerRow[],
  balancer: Balancer,
  frontends: readonly Frontend[],
): NftTableObject {
  const { maps, chains, entry } = balancer.rules(frontends);
  const nodes = peers.map((peer) => [macOfNodeIndex(peer.index), String(peer.index)] as const);
  return {
    kind: 'nft-table',
    family: 'inet',
    name: NFT_TABLE,
    sets: [],
    maps: [...maps, { name: 'nodes', type: 'ether_addr : mark', elements: new Map(nodes) }],
    chains: [
      ...chains,
      baseChain(
        'marks',
        ['filter', 'prerouting', PRIORITY.afterConntrack],
        [
          `iifname "${OVERLAY_BRIDGE}" ct direction original ct mark set ether saddr map @nodes`,
          `iifname "${OVERLAY_BRIDGE}" ct direction reply ct mark != 0 meta mark set ct mark`,
        ],
      ),
      baseChain('prerouting', ['nat', 'prerouting', PRIORITY.dstnat], entry),
      // The leg lets in what was translated and lets out what answers it: tasks have another way
      // out.
      baseChain(
        'forward',
        ['filter', 'forward', PRIORITY.filter],
        [
          `iifname "${INGRESS_LEG}" ct state established,related accept`,
          `iifname "${INGRESS_LEG}" ct status dnat accept`,
          `iifname "${INGRESS_LEG}" drop`,
          `oifname "${INGRESS_LEG}" ct direction original drop`,
        ],
      ),
    ],
  };
}

/**
 * The mark has done its work with the MAC; kept, it would steer the outer packet in the host's
 * namespace.
 */
function replyTable(peers: readonly PeerRow[]): NftTableObject {
  const macs = peers.map((peer) => [String(peer.index), macOfNodeIndex(peer.index)] as const);
  return {
    kind: 'nft-table',
    family: 'bridge',
    name: NFT_TABLE,
    sets: [],
    maps: [{ name: 'nodes', type: 'mark : ether_addr', elements: new Map(macs) }],
    chains: [
      baseChain(
        'prerouting',
        ['filter', 'prerouting', PRIORITY.afterBridgeNetfilter],
        ['meta mark != 0 ether daddr set meta mark map @nodes meta mark set 0'],
      ),
    ],
  };
}
