/**
 * A task's namespace: its interfaces on overlays and on `hawser_gw`, and its own nft table with
 * the redirect to the resolver and what ingress needs.
 */
import { cidr4, ipv4, macOfIpv4 } from '../../base/index.ts';
import type { NetworkRow } from '../../model/index.ts';
import { sandboxIngress, type TableParts } from '../ingress/sandbox.ts';
import type { LocalSandbox } from '../local-plan.ts';
import { PRIORITY, address, baseChain, route, ruleFrom, sysctl } from '../make.ts';
import { NFT_TABLE, sandboxLink } from '../names.ts';
import type { KernelObject, NftTableObject, SysctlObject } from '../objects.ts';
import { overlayMtu, subnetOf, subnetPlaces, type Place, type Plug, type Scene } from '../scene.ts';
import { gatewayUse } from './use.ts';

/**
 * Tables that packets look in by their source address; the rule before each has the same number.
 */
const TABLE_INGRESS = 100;
const TABLE_GATEWAY = 101;

const SANDBOX_SYSCTLS: readonly SysctlObject[] = [
  // As a Docker Engine sets them: ports below 1024 and ping need no capability in a container.
  sysctl('net/ipv4/ip_unprivileged_port_start', 0),
  sysctl('net/ipv4/ping_group_range', '0 2147483647'),
  // Ingress brings clients whose addresses belong to other interfaces.
  sysctl('net/ipv4/conf/all/rp_filter', 0),
  sysctl('net/ipv4/conf/default/rp_filter', 0),
  sysctl('net/ipv4/conf/all/arp_ignore', 0),
  sysctl('net/ipv4/conf/default/arp_ignore', 0),
  sysctl('net/ipv6/conf/default/disable_ipv6', 1),
];

export function sandboxObjects(scene: Scene, place: Place): KernelObject[] {
  const objects: KernelObject[] = [...SANDBOX_SYSCTLS];
  for (const [index, attachment] of place.task.attachments.entries()) {
    const network = scene.view.networks.get(attachment.networkId);
    if (network !== undefined) objects.push(...overlayLeg({ place, attachment, index }, network));
  }
  objects.push(...gatewayLeg(scene, place), ...sandboxTable(scene, place));
  return withoutOwnSysctls(objects, place);
}

function overlayLeg({ attachment, index }: Plug, network: NetworkRow): KernelObject[] {
  const places = subnetPlaces(network);
  const own = subnetOf(places, attachment.address);
  if (own === undefined) return [];
  const link = sandboxLink(index);
  const { mac, address: plain } = attachment;
  const mtu = overlayMtu(network);
  const objects: KernelObject[] = [
    { kind: 'link', type: 'veth-peer', name: link, isUp: true, mac, mtu },
    ...linkSysctls(link),
    address(link, plain, own.prefix.bits),
    ...places
      .filter((place) => place !== own)
      .map(({ subnet }) => route({ link, via: own.subnet.gateway, destination: subnet.prefix })),
  ];
  if (network.isIngress)
    objects.push(
      route({ link, via: own.subnet.gateway, table: TABLE_INGRESS }),
      ruleFrom(plain, TABLE_INGRESS),
    );
  return objects;
}

function linkSysctls(link: string): SysctlObject[] {
  return [
    sysctl(`net/ipv4/conf/${link}/rp_filter`, 0),
    sysctl(`net/ipv6/conf/${link}/disable_ipv6`, 1),
  ];
}

function gatewayLeg(scene: Scene, { sandbox, task }: Place): KernelObject[] {
  const use = gatewayUse(scene.view, task);
  if (use === 'none') return [];
  const { gateway } = scene;
  const link = sandboxLink(task.attachments.length);
  const objects: KernelObject[] = [
    {
      kind: 'link',
      type: 'veth-peer',
      name: link,
      isUp: true,
      mac: macOfIpv4(ipv4(sandbox.gatewayAddress)),
    },
    ...linkSysctls(link),
    address(link, sandbox.gatewayAddress, cidr4(gateway.prefix).bits),
  ];
  if (use === 'egress') return [...objects, route({ link, via: gateway.address })];
  return [
    ...objects,
    route({ link, via: gateway.address, table: TABLE_GATEWAY }),
    ruleFrom(sandbox.gatewayAddress, TABLE_GATEWAY),
  ];
}

function sandboxTable(scene: Scene, place: Place): NftTableObject[] {
  const parts = [resolverParts(place.sandbox), ingressParts(scene, place)];
  const chains = parts.flatMap((part) => part?.chains ?? []);
  if (chains.length === 0) return [];
  const sets = parts.flatMap((part) => part?.sets ?? []);
  return [{ kind: 'nft-table', family: 'inet', name: NFT_TABLE, sets, maps: [], chains }];
}

/**
 * The address is Docker's; the ports are anywhere, so that the container may run a DNS server of
 * its own. Ports are rewritten packet by packet on both ways, where they come in by `lo`: a
 * translation would have the kernel track every connection of the sandbox, which halves how many
 * of them it can open, and a hook of IP would see the packets of all interfaces.
 */
function resolverParts({ resolverPorts }: LocalSandbox): TableParts | undefined {
  if (resolverPorts === undefined) return undefined;
  const rules = (['udp', 'tcp'] as const).flatMap((protocol) => {
    const port = resolverPorts[protocol];
    return [
      `ip daddr 127.0.0.11 ${protocol} dport 53 ${protocol} dport set ${port}`,
      `ip saddr 127.0.0.11 ${protocol} sport ${port} ${protocol} sport set 53`,
    ];
  });
  return {
    sets: [],
    chains: [baseChain('resolver', ['filter', 'ingress', PRIORITY.filter], rules)],
  };
}

function ingressParts(scene: Scene, { task }: Place): TableParts | undefined {
  const index = task.attachments.findIndex(
    ({ networkId }) => scene.view.networks.get(networkId)?.isIngress === true,
  );
  const attachment = task.attachments[index];
  if (attachment === undefined) return undefined;
  const ports = scene.view.services.get(task.serviceId)?.ports ?? [];
  return sandboxIngress({
    link: sandboxLink(index),
    address: attachment.address,
    ports: ports.filter((port) => port.PublishMode === 'ingress'),
  });
}

/** What the service's own spec sets is its own affair. */
function withoutOwnSysctls(objects: readonly KernelObject[], { task }: Place): KernelObject[] {
  const names = Object.keys(task.spec.ContainerSpec.Sysctls ?? {});
  const own = new Set(names.map((name) => name.replaceAll('.', '/')));
  return objects.filter((object) => object.kind !== 'sysctl' || !own.has(object.path));
}
