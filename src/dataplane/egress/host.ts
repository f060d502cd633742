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
 * So it is with ::1, which the kernel neither routes nor takes off a wire.
 *
 * IPv6 is here while the ingress network or a task's has it.
 */
import { cidr, familyOfText, ipv4, macOfIpv4, type IpFamily } from '../../base/index.ts';
import type { NetworkRow } from '../../model/index.ts';
import { ingressPorts } from '../ingress/namespace.ts';
import { GATEWAY_PORT, PRIORITY, address, baseChain, clampChain, sysctl } from '../make.ts';
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
import type { Gateway } from '../local-plan.ts';
import { hasIpv6, ingressNetwork, type Place, type Scene } from '../scene.ts';
import { GATEWAY_PREFIX6, address6, gatewayAddress6, hasIpv6Leg, neighbour6 } from './gateway6.ts';
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
    address(GATEWAY_BRIDGE, gateway.address, cidr(gateway.prefix).bits),
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
  if (usesIpv6(scene)) objects.push(...bridgeIpv6(scene));
  return [...objects, hostTable(scene, network), isolationTable(scene, network !== undefined)];
}

function usesIpv6(scene: Scene): boolean {
  return hasIpv6Ingress(scene) || places6(scene).length > 0;
}

function hasIpv6Ingress(scene: Scene): boolean {
  const network = scene.self === undefined ? undefined : ingressNetwork(scene.view);
  return network !== undefined && hasIpv6(network);
}

/** Tasks with an IPv6 address on the bridge. */
function places6(scene: Scene): readonly Place[] {
  return scene.places.filter(
    ({ task }) => hasIpv6Leg(task) && gatewayUse(scene.view, task) !== 'none',
  );
}

/** The bridge's address, its neighbours, and forwarding without the loss of what routers tell. */
function bridgeIpv6(scene: Scene): KernelObject[] {
  const { gateway, advertisedLinks } = scene;
  const legs = places6(scene).map(({ sandbox }) => sandbox.gatewayAddress);
  if (hasIpv6Ingress(scene)) legs.push(gateway.ingressAddress);
  return [
    ...advertisedLinks.map((link) => sysctl(`net/ipv6/conf/${link}/accept_ra`, 2)),
    sysctl('net/ipv6/conf/all/forwarding', 1),
    ...address6(GATEWAY_BRIDGE, gateway.address),
    ...legs.map((plain) => neighbour6(GATEWAY_BRIDGE, plain)),
  ];
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

function hostTable(scene: Scene, network: NetworkRow | undefined): NftTableObject {
  const ingress = network === undefined ? [] : [...ingressPorts(scene).keys()];
  const own = familiesOf(scene).map((family) => ({
    ...FAMILIES[family],
    targets: hostPortTargets(scene, family),
  }));
  const local = new Set([...ingress, ...own.flatMap(({ targets }) => [...targets.keys()])]);
  return {
    kind: 'nft-table',
    family: 'inet',
    name: NFT_TABLE,
    sets: [
      { name: 'ingress_ports', type: PORT_TYPE, elements: ingress },
      { name: 'local_ports', type: PORT_TYPE, elements: [...local] },
      ...own.map(({ closed, type, onBridge }) => ({
        name: closed,
        type,
        elements: internalTasks(scene).map(onBridge),
      })),
    ],
    maps: own.map(({ ports, type, targets }) => ({
      name: ports,
      type: `${PORT_TYPE} : ${type} . inet_service`,
      elements: targets,
    })),
    chains: [
      ...tunnelChains(scene),
      ...(local.size > 0 ? publishChains(scene) : []),
      postroutingChain(scene),
      forwardChain(scene),
      clampChain(GATEWAY_BRIDGE),
    ],
  };
}

/** Addresses of tasks that are on the bridge for their ports alone. */
function internalTasks(scene: Scene): readonly string[] {
  return scene.places
    .filter(({ task }) => gatewayUse(scene.view, task) === 'ports')
    .map(({ sandbox }) => sandbox.gatewayAddress);
}

/** What the host's table writes for each family; `onBridge` is the address beside an IPv4 one. */
const FAMILIES = {
  4: {
    ip: 'ip',
    type: 'ipv4_addr',
    closed: 'no_egress',
    ports: 'host_ports',
    loopback: '127.0.0.0/8',
    onBridge: (plain: string): string => plain,
    prefixOf: ({ prefix }: Gateway): string => prefix,
  },
  6: {
    ip: 'ip6',
    type: 'ipv6_addr',
    closed: 'no_egress6',
    ports: 'host_ports6',
    loopback: '::1',
    onBridge: gatewayAddress6,
    prefixOf: (): string => GATEWAY_PREFIX6,
  },
} as const;

function familiesOf(scene: Scene): readonly IpFamily[] {
  return usesIpv6(scene) ? [4, 6] : [4];
}

/** Host-mode ports of local tasks; the task with the first id has a port that two ask for. */
function hostPortTargets(scene: Scene, family: IpFamily): Map<string, string> {
  const targets = new Map<string, string>();
  const { onBridge } = FAMILIES[family];
  const places = (family === 4 ? [...scene.places] : [...places6(scene)]).sort((one, other) =>
    one.task.id < other.task.id ? -1 : 1,
  );
  for (const { task, sandbox } of places)
    for (const port of task.hostPorts) {
      const key = `${port.Protocol} . ${port.PublishedPort}`;
      const target = `${onBridge(sandbox.gatewayAddress)} . ${port.TargetPort}`;
      if (!targets.has(key)) targets.set(key, target);
    }
  return targets;
}

/** The tunnel's own packets are translated by nobody, so the host spares itself tracking them. */
function tunnelChains({ view, self }: Scene): NftChain[] {
  if (self === undefined) return [];
  const tunnel = `udp dport ${view.settings.dataPathPort}`;
  const { ip } = FAMILIES[familyOfText(self.vtep)];
  return [
    baseChain(
      'tunnel_in',
      ['filter', 'prerouting', PRIORITY.raw],
      [`${ip} daddr ${self.vtep} ${tunnel} notrack`],
    ),
    baseChain(
      'tunnel_out',
      ['filter', 'output', PRIORITY.raw],
      [`${ip} saddr ${self.vtep} ${tunnel} notrack`],
    ),
  ];
}

/** While nothing is published here, no packet of the host pays for it. */
function publishChains(scene: Scene): NftChain[] {
  return [
    {
      name: 'published',
      rules: familiesOf(scene).flatMap((family) => publishRules(scene, family)),
    },
    baseChain('prerouting', ['nat', 'prerouting', PRIORITY.dstnat], [LOCAL_PORTS]),
    baseChain('output', ['nat', 'output', PRIORITY.dstnat], [LOCAL_PORTS]),
    ...loopbackChains(scene),
  ];
}

function publishRules(scene: Scene, family: IpFamily): string[] {
  const { ip, ports, onBridge } = FAMILIES[family];
  const toHost = `dnat ${ip} to meta l4proto . th dport map @${ports}`;
  if (family === 6 && !hasIpv6Ingress(scene)) return [toHost];
  const target = onBridge(scene.gateway.ingressAddress);
  return [`meta l4proto . th dport @ingress_ports dnat ${ip} to ${target}`, toHost];
}

function postroutingChain(scene: Scene): NftChain {
  const { gateway } = scene;
  const rules = familiesOf(scene).flatMap((family) => {
    const { ip, loopback, onBridge, prefixOf } = FAMILIES[family];
    const prefix = prefixOf(gateway);
    const toGateway = `snat ${ip} to ${onBridge(gateway.address)}`;
    return [
      `oifname "${GATEWAY_BRIDGE}" ct original ${ip} saddr ${loopback} ${toGateway}`,
      // A task that uses a published port of its own node: its address means nothing elsewhere.
      `oifname "${GATEWAY_BRIDGE}" ${ip} saddr ${prefix} ct status dnat ${toGateway}`,
      `oifname != "${GATEWAY_BRIDGE}" ${ip} saddr ${prefix} masquerade`,
    ];
  });
  return baseChain('postrouting', ['nat', 'postrouting', PRIORITY.srcnat], rules);
}

function loopbackChains(scene: Scene): NftChain[] {
  const rules = familiesOf(scene).map((family) => loopbackRules(scene, family));
  return [
    baseChain(
      'loopback_out',
      ['filter', 'output', PRIORITY.afterConntrack],
      rules.flatMap(({ out }) => out),
    ),
    baseChain(
      'loopback_routing',
      ['filter', 'prerouting', PRIORITY.afterDstnat],
      rules.map(({ routing }) => routing),
    ),
    baseChain(
      'loopback_in',
      ['filter', 'input', PRIORITY.afterSrcnat],
      rules.map(({ back }) => back),
    ),
  ];
}

function loopbackRules(
  { gateway }: Scene,
  family: IpFamily,
): { readonly out: readonly string[]; readonly routing: string; readonly back: string } {
  const { ip, loopback, onBridge, prefixOf } = FAMILIES[family];
  const address = onBridge(gateway.address);
  const isLoopback = `oifname "lo" ${ip} saddr ${loopback} ${ip} daddr ${loopback}`;
  const isClient = `ct original ${ip} saddr ${loopback}`;
  const toGateway = `${ip} saddr set ${address}`;
  // There is one address ::1, so which one the client has need not be asked.
  const toClient = family === 4 ? 'ip daddr set ct original ip saddr' : 'ip6 daddr set ::1';
  return {
    out: [
      `${isLoopback} ct direction original ct status dnat ` +
        `ct reply ${ip} saddr ${prefixOf(gateway)} ${toGateway} accept`,
      `${isLoopback} ct state new ct status ! dnat ` +
        `meta l4proto . th dport @local_ports ${toGateway}`,
    ],
    routing:
      `iifname "${GATEWAY_BRIDGE}" ${ip} daddr ${loopback} ct direction reply ` +
      `${isClient} ${ip} daddr set ${address}`,
    back: `iifname "${GATEWAY_BRIDGE}" ${ip} saddr ${loopback} ${isClient} ${toClient}`,
  };
}

function forwardChain(scene: Scene): NftChain {
  const closed = familiesOf(scene).map((family) => FAMILIES[family]);
  return baseChain(
    'forward',
    ['filter', 'forward', PRIORITY.filter],
    [
      ...closed.map(
        ({ ip, closed: set }) =>
          `iifname "${GATEWAY_BRIDGE}" ${ip} saddr @${set} ct direction original drop`,
      ),
      `oifname "${GATEWAY_BRIDGE}" ct state established,related accept`,
      `oifname "${GATEWAY_BRIDGE}" ct status dnat accept`,
      `oifname "${GATEWAY_BRIDGE}" drop`,
    ],
  );
}

const SENDERS6 = 'ifname . ether_addr . ipv6_addr';

/** The same for IPv6. */
function gatewaySenders6(scene: Scene): string[] {
  const legs = places6(scene).map(({ task, sandbox }) => {
    return [gatewayPort(task.id), sandbox.gatewayAddress] as const;
  });
  const { ingressAddress } = scene.gateway;
  const ingress = hasIpv6Ingress(scene) ? [[INGRESS_HOST_LINK, ingressAddress] as const] : [];
  return [...ingress, ...legs].map(([link, plain]) =>
    [link, macOfIpv4(ipv4(plain)), gatewayAddress6(plain)].join(' . '),
  );
}

/** Port, MAC and address of each leg on the bridge. */
function gatewaySenders({ gateway, places, view }: Scene, hasIngress: boolean): string[] {
  const legs = places
    .filter(({ task }) => gatewayUse(view, task) !== 'none')
    .map(({ task, sandbox }) => [gatewayPort(task.id), sandbox.gatewayAddress] as const);
  const ingress = hasIngress ? [[INGRESS_HOST_LINK, gateway.ingressAddress] as const] : [];
  return [...ingress, ...legs].map(([port, address]) =>
    [port, macOfIpv4(ipv4(address)), address].join(' . '),
  );
}

/**
 * Ports of the bridge talk to the bridge and not to each other, each as itself alone. Isolated
 * ports would keep them apart, too, but where br_netfilter is on (a Docker Engine's host) a
 * translated frame is bridged from port to port, and that has to pass.
 */
function isolationTable(scene: Scene, hasIngress: boolean): NftTableObject {
  const { gateway } = scene;
  const hasSenders6 = usesIpv6(scene);
  const isPort = 'iifname "hawser*"';
  return {
    kind: 'nft-table',
    family: 'bridge',
    name: NFT_TABLE,
    sets: [
      {
        name: 'senders',
        type: 'ifname . ether_addr . ipv4_addr',
        elements: gatewaySenders(scene, hasIngress),
      },
      ...(hasSenders6
        ? [{ name: 'senders6', type: SENDERS6, elements: gatewaySenders6(scene) }]
        : []),
    ],
    maps: [],
    chains: [
      baseChain(
        'prerouting',
        ['filter', 'prerouting', PRIORITY.raw],
        [
          `${isPort} iifname . ether saddr . ip saddr != @senders counter drop`,
          ...(hasSenders6
            ? [`${isPort} iifname . ether saddr . ip6 saddr != @senders6 counter drop`]
            : []),
          `${isPort} iifname . ether saddr . arp saddr ip != @senders counter drop`,
          `${isPort} iifname . arp saddr ether . arp saddr ip != @senders counter drop`,
          `${isPort} ether daddr ${macOfIpv4(ipv4(gateway.address))} accept`,
          `${isPort} arp daddr ip ${gateway.address} accept`,
          `${isPort} drop`,
        ],
      ),
    ],
  };
}
