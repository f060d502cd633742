/**
 * What a published port needs inside the task's namespace, where ingress is one interface among
 * several.
 *
 * Replies that carry the ingress address leave by the ingress interface, by a routing rule. A UDP
 * server that answers from an unbound socket lets routing choose the source, which would be
 * another interface's address: the peers of the ingress interface are remembered, and packets to
 * them get the ingress address before connection tracking and routing look at them. Only target
 * ports are open on the interface, so that ingress joins no services that share it.
 */
import { familyOfText } from '../../base/index.ts';
import type { PublishedPort } from '../../model/index.ts';
import { PRIORITY, baseChain } from '../make.ts';
import type { NftChain, NftSet } from '../objects.ts';

/** Peers remembered per task, and for how long: conntrack's own time for an answered UDP flow. */
const PEERS_MAX = 65_535;
const PEER_SECONDS = 180;

export interface SandboxIngress {
  /** The task's interface on the ingress network, and its addresses there. */
  readonly link: string;
  readonly addresses: readonly string[];
  readonly ports: readonly PublishedPort[];
}

export interface TableParts {
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

export function sandboxIngress({ link, addresses, ports }: SandboxIngress): TableParts {
  const targets = new Set(ports.map((port) => `${port.Protocol} . ${port.TargetPort}`));
  const udpPorts = new Set(
    ports.filter((port) => port.Protocol === 'udp').map((port) => port.TargetPort),
  );
  const udp = udpPorts.size > 0 ? udpReplies(link, addresses, [...udpPorts]) : undefined;
  return {
    sets: [
      { name: 'ingress_targets', type: 'inet_proto . inet_service', elements: [...targets] },
      ...(udp?.sets ?? []),
    ],
    chains: [...(udp?.chains ?? []), ...guards(link)],
  };
}

const FAMILIES = {
  4: { ip: 'ip', set: 'ingress_peers', type: 'ipv4_addr' },
  6: { ip: 'ip6', set: 'ingress_peers6', type: 'ipv6_addr' },
} as const;

function udpReplies(
  link: string,
  addresses: readonly string[],
  ports: readonly number[],
): TableParts {
  const dports = [...ports].sort((one, other) => one - other).join(', ');
  const own = addresses.map((plain) => ({ plain, ...FAMILIES[familyOfText(plain)] }));
  return {
    sets: own.map(({ set, type }) => ({
      name: set,
      type: `${type} . inet_service . inet_service`,
      dynamic: { timeoutSeconds: PEER_SECONDS, sizeMax: PEERS_MAX },
      elements: [],
    })),
    chains: [
      baseChain(
        'ingress_peers',
        ['filter', 'prerouting', PRIORITY.raw],
        own.map(
          ({ ip, set }) =>
            `iifname "${link}" udp dport { ${dports} } ` +
            `update @${set} { ${ip} saddr . udp sport . udp dport }`,
        ),
      ),
      baseChain(
        'ingress_replies',
        ['route', 'output', PRIORITY.raw],
        own.map(
          ({ ip, set, plain }) =>
            `${ip} daddr . udp dport . udp sport @${set} ${ip} saddr set ${plain}`,
        ),
      ),
    ],
  };
}

/** Postrouting, because only there the outgoing interface is the one after all changes of route. */
function guards(link: string): NftChain[] {
  const protocols = 'meta l4proto { tcp, udp, sctp }';
  return [
    baseChain(
      'ingress_input',
      ['filter', 'input', PRIORITY.filter],
      [`iifname "${link}" ${protocols} meta l4proto . th dport != @ingress_targets drop`],
    ),
    baseChain(
      'ingress_output',
      ['filter', 'postrouting', PRIORITY.filter],
      [`oifname "${link}" ${protocols} meta l4proto . th sport != @ingress_targets drop`],
    ),
  ];
}
