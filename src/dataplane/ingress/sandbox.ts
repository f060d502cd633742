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
import type { PublishedPort } from '../../model/index.ts';
import { PRIORITY, baseChain } from '../make.ts';
import type { NftChain, NftSet } from '../objects.ts';

/** Peers remembered per task, and for how long: conntrack's own time for an answered UDP flow. */
const PEERS_MAX = 65_535;
const PEER_SECONDS = 180;

export interface SandboxIngress {
  /** The task's interface on the ingress network, and its address there. */
  readonly link: string;
  readonly address: string;
  readonly ports: readonly PublishedPort[];
}

export interface TableParts {
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

export function sandboxIngress({ link, address, ports }: SandboxIngress): TableParts {
  const targets = new Set(ports.map((port) => `${port.Protocol} . ${port.TargetPort}`));
  const udpPorts = new Set(
    ports.filter((port) => port.Protocol === 'udp').map((port) => port.TargetPort),
  );
  const udp = udpPorts.size > 0 ? udpReplies(link, address, [...udpPorts]) : undefined;
  return {
    sets: [
      { name: 'ingress_targets', type: 'inet_proto . inet_service', elements: [...targets] },
      ...(udp?.sets ?? []),
    ],
    chains: [...(udp?.chains ?? []), ...guards(link)],
  };
}

function udpReplies(link: string, address: string, ports: readonly number[]): TableParts {
  const dports = [...ports].sort((one, other) => one - other).join(', ');
  return {
    sets: [
      {
        name: 'ingress_peers',
        type: 'ipv4_addr . inet_service . inet_service',
        dynamic: { timeoutSeconds: PEER_SECONDS, sizeMax: PEERS_MAX },
        elements: [],
      },
    ],
    chains: [
      baseChain(
        'ingress_peers',
        ['filter', 'prerouting', PRIORITY.raw],
        [
          `iifname "${link}" udp dport { ${dports} } ` +
            'update @ingress_peers { ip saddr . udp sport . udp dport }',
        ],
      ),
      baseChain(
        'ingress_replies',
        ['route', 'output', PRIORITY.raw],
        [`ip daddr . udp dport . udp sport @ingress_peers ip saddr set ${address}`],
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
