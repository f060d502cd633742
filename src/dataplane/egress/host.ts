/**
 * The host's namespace: the bridge `hawser_gw`, and the table that joins it with the node's own
 * network.
 *
 * Out: tasks leave by masquerade. In: a published port, on any local address, is sent to the
 * ingress namespace or, in host mode, to its task; the source stays. Nothing else is forwarded to
 * a task, and tasks reach each other here only through what is published.
 *
 * A connection from the node to 127.0.0.1 cannot leave the node with that source, and is not to:
 * `route_localnet` would open the loopback network to every neighbour. Instead its packets get
 * the bridge's address where routing looks at them and their own back before the socket does, on
 * both ways, told apart by connection tracking:
 *   output -150      127.0.0.1 -> gateway as source, so that the translated packet may be routed
 *   output -100      destination translated (nat), packet routed to hawser_gw
 *   postrouting 100  source translated to the gateway (nat), which knows the way back
 *   prerouting -100  a reply's destination becomes 127.0.0.1 (nat)
 *   prerouting -90   and the gateway's again, so that it may be routed
 *   input 100        its source becomes what the client connected to (nat)
 *   input 110        its destination becomes what the client's socket is bound to
 */
import { cidr4, ipv4, macOfIpv4 } from '../../base/index.ts';
import { ingressPorts } from '../ingress/namespace.ts';
import { GATEWAY_PORT, PRIORITY, address, baseChain, sysctl } from '../make.ts';
import {
  GATEWAY_BRIDGE,
  INGRESS_HOST_LINK,
  INGRESS_LEG,
  NFT_TABLE,
  gatewayPort,
  overlayNamespace,
  sandboxLink,
} from '../names.ts';
import type { KernelObject, LinkObject, NftChain, NftTableObject } from '../objects.ts';
import { ingressNetwork, type Place, type Scene } from '../scene.ts';
import { gatewayUse } from './use.ts';

const LOCAL_PORTS = 'fib daddr type local meta l4proto { tcp, udp, sctp } goto published';

/** Nothing at all while no task is here and no port is published. */
export function hostObjects(scene: Scene): KernelObject[] {
  const network = scene.self === undefined ? undefined : ingressNetwork(scene.view);
  if (network === undefined && scene.places.length === 0) return [];
  const { gateway } = scene;
  const objects: KernelObject[] = [
    sysctl('net/ipv4/ip_forward', 1),
    {
      kind: 'link',
      type: 'bridge',
      name: GATEWAY_BRIDGE,
      isUp: true,
      mac: macOfIpv4(ipv4(gateway.address)),
    },
    address(GATEWAY_BRIDGE, gateway.address, cidr4(gateway.prefix).bits),
  ];
  if (network !== undefined)
    objects.push(
      gatewayLink(INGRESS_HOST_LINK, {
        namespace: overlayNamespace(network.networkId),
        link: INGRESS_LEG,
      }),
    );
  for (const place of scene.places)
    if (gatewayUse(scene.view, place.task) !== 'none') objects.push(sandboxLeg(place));
  return [...objects, hostTable(scene, network !== undefined), isolationTable(scene)];
}

function sandboxLeg({ sandbox, task }: Place): LinkObject {
  return gatewayLink(gatewayPort(task.id), {
    namespace: sandbox.namespace,
    link: sandboxLink(task.attachments.length),
  });
}

function gatewayLink(
  name: string,
  peer: { readonly namespace: string; readonly link: string },
): LinkObject {
  return {
    kind: 'link',
    type: 'veth',
    name,
    peerNamespace: peer.namespace,
    peerName: peer.link,
    isUp: true,
    master: GATEWAY_BRIDGE,
    port: GATEWAY_PORT,
  };
}

const PORT_TYPE = 'inet_proto . inet_service';

function hostTable(scene: Scene, hasIngress: boolean): NftTableObject {
  const ingress = hasIngress ? [...ingressPorts(scene).keys()] : [];
  const hostPorts = hostPortTargets(scene);
  const local = new Set([...ingress, ...hostPorts.keys()]);
  const internal = scene.places
    .filter(({ task }) => gatewayUse(scene.view, task) === 'ports')
    .map(({ sandbox }) => sandbox.gatewayAddress);
  return {
    kind: 'nft-table',
    family: 'inet',
    name: NFT_TABLE,
    sets: [
      { name: 'ingress_ports', type: PORT_TYPE, elements: ingress },
      { name: 'local_ports', type: PORT_TYPE, elements: [...local] },
      { name: 'no_egress', type: 'ipv4_addr', elements: internal },
    ],
    maps: [
      { name: 'host_ports', type: `${PORT_TYPE} : ipv4_addr . inet_service`, elements: hostPorts },
    ],
    chains: [
      ...tunnelChains(scene),
      ...(local.size > 0 ? publishChains(scene) : []),
      postroutingChain(scene),
      forwardChain(),
    ],
  };
}

/** Host-mode ports of local tasks; the task with the first id has a port that two ask for. */
function hostPortTargets(scene: Scene): Map<string, string> {
  const targets = new Map<string, string>();
  const places = [...scene.places].sort((one, other) => (one.task.id < other.task.id ? -1 : 1));
  for (const { task, sandbox } of places)
    for (const port of task.hostPorts) {
      const key = `${port.Protocol} . ${port.PublishedPort}`;
      if (!targets.has(key)) targets.set(key, `${sandbox.gatewayAddress} . ${port.TargetPort}`);
    }
  return targets;
}

/** The tunnel's own packets are translated by nobody, so the host spares itself tracking them. */
function tunnelChains({ view, self }: Scene): NftChain[] {
  if (self === undefined) return [];
  const tunnel = `udp dport ${view.settings.dataPathPort}`;
  return [
    baseChain(
      'tunnel_in',
      ['filter', 'prerouting', PRIORITY.raw],
      [`ip daddr ${self.vtep} ${tunnel} notrack`],
    ),
    baseChain(
      'tunnel_out',
      ['filter', 'output', PRIORITY.raw],
      [`ip saddr ${self.vtep} ${tunnel} notrack`],
    ),
  ];
}

/** While nothing is published here, no packet of the host pays for it. */
function publishChains(scene: Scene): NftChain[] {
  return [
    {
      name: 'published',
      rules: [
        `meta l4proto . th dport @ingress_ports dnat ip to ${scene.gateway.ingressAddress}`,
        'dnat ip to meta l4proto . th dport map @host_ports',
      ],
    },
    baseChain('prerouting', ['nat', 'prerouting', PRIORITY.dstnat], [LOCAL_PORTS]),
    baseChain('output', ['nat', 'output', PRIORITY.dstnat], [LOCAL_PORTS]),
    ...loopbackChains(scene),
  ];
}

function postroutingChain({ gateway }: Scene): NftChain {
  const { prefix } = gateway;
  const toGateway = `snat ip to ${gateway.address}`;
  return baseChain(
    'postrouting',
    ['nat', 'postrouting', PRIORITY.srcnat],
    [
      `oifname "${GATEWAY_BRIDGE}" ct original ip saddr 127.0.0.0/8 ${toGateway}`,
      // A task that uses a published port of its own node: its address means nothing elsewhere.
      `oifname "${GATEWAY_BRIDGE}" ip saddr ${prefix} ct status dnat ${toGateway}`,
      `oifname != "${GATEWAY_BRIDGE}" ip saddr ${prefix} masquerade`,
    ],
  );
}

function loopbackChains({ gateway }: Scene): NftChain[] {
  const isLoopback = 'oifname "lo" ip saddr 127.0.0.0/8 ip daddr 127.0.0.0/8';
  const toGateway = `ip saddr set ${gateway.address}`;
  return [
    baseChain(
      'loopback_out',
      ['filter', 'output', PRIORITY.afterConntrack],
      [
        `${isLoopback} ct direction original ct status dnat ` +
          `ct reply ip saddr ${gateway.prefix} ${toGateway} accept`,
        `${isLoopback} ct state new ct status ! dnat ` +
          `meta l4proto . th dport @local_ports ${toGateway}`,
      ],
    ),
    baseChain(
      'loopback_routing',
      ['filter', 'prerouting', PRIORITY.afterDstnat],
      [
        `iifname "${GATEWAY_BRIDGE}" ip daddr 127.0.0.0/8 ct direction reply ` +
          `ct original ip saddr 127.0.0.0/8 ip daddr set ${gateway.address}`,
      ],
    ),
    baseChain(
      'loopback_in',
      ['filter', 'input', PRIORITY.afterSrcnat],
      [
        `iifname "${GATEWAY_BRIDGE}" ip saddr 127.0.0.0/8 ct original ip saddr 127.0.0.0/8 ` +
          'ip daddr set ct original ip saddr',
      ],
    ),
  ];
}

function forwardChain(): NftChain {
  return baseChain(
    'forward',
    ['filter', 'forward', PRIORITY.filter],
    [
      `iifname "${GATEWAY_BRIDGE}" ip saddr @no_egress ct direction original drop`,
      `oifname "${GATEWAY_BRIDGE}" ct state established,related accept`,
      `oifname "${GATEWAY_BRIDGE}" ct status dnat accept`,
      `oifname "${GATEWAY_BRIDGE}" drop`,
    ],
  );
}

/**
 * Ports of the bridge talk to the bridge and not to each other. Isolated ports would do it, too,
 * but where br_netfilter is on (a Docker Engine's host) a translated frame is bridged from port
 * to port, and that has to pass.
 */
function isolationTable({ gateway }: Scene): NftTableObject {
  const isPort = 'iifname "hawser*"';
  return {
    kind: 'nft-table',
    family: 'bridge',
    name: NFT_TABLE,
    sets: [],
    maps: [],
    chains: [
      baseChain(
        'prerouting',
        ['filter', 'prerouting', PRIORITY.raw],
        [
          `${isPort} ether daddr ${macOfIpv4(ipv4(gateway.address))} accept`,
          `${isPort} arp daddr ip ${gateway.address} accept`,
          `${isPort} drop`,
        ],
      ),
    ],
  };
}
