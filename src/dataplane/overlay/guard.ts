/**
 * What may enter an overlay network's bridge. A container speaks as itself alone: its port lets
 * in frames with exactly its MAC and one of its addresses as sender, in ARP as in IP. Nothing is
 * flooded across nodes, so broadcast and multicast mean nothing here and are dropped on one node
 * as well, whatever the endpoints' places are; of them only ARP and neighbour discovery pass, to
 * the ports of this node and to the VXLAN device, which answers for those of other nodes. The
 * state is one element per local address.
 */
import { formatIp, ip, type Mac } from '../../base/index.ts';
import { PRIORITY, baseChain } from '../make.ts';
import { overlayPort } from '../names.ts';
import type { NftChain, NftSet } from '../objects.ts';
import type { Plug } from '../scene.ts';

const SENDER_SET = 'senders';
const SENDER6_SET = 'senders6';
const SENDER_IS_KNOWN = {
  arp: [
    `iifname . ether saddr . arp saddr ip @${SENDER_SET}`,
    `iifname . arp saddr ether . arp saddr ip @${SENDER_SET}`,
  ].join(' '),
  ip: `iifname . ether saddr . ip saddr @${SENDER_SET}`,
  ip6: `iifname . ether saddr . ip6 saddr @${SENDER6_SET}`,
};
const TO_MANY = 'meta pkttype { broadcast, multicast }';
const DISCOVERY = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }';

export interface BridgeParts {
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

/** `plugs` are the network's endpoints on this node. */
export function guardParts(plugs: readonly Plug[]): BridgeParts {
  return {
    sets: [
      { name: SENDER_SET, type: 'ifname . ether_addr . ipv4_addr', elements: senders(plugs) },
      { name: SENDER6_SET, type: 'ifname . ether_addr . ipv6_addr', elements: senders6(plugs) },
    ],
    chains: [
      // Answers to ARP come in here, too: they are the VXLAN device's own.
      { name: 'tunnel', rules: [`${TO_MANY} counter drop`] },
      baseChain(
        'guard',
        ['filter', 'prerouting', PRIORITY.beforeRaw],
        [
          'iifname "vx*" goto tunnel',
          `${SENDER_IS_KNOWN.arp} accept`,
          `${SENDER_IS_KNOWN.ip6} ${DISCOVERY} accept`,
          `${TO_MANY} counter drop`,
          `${SENDER_IS_KNOWN.ip} accept`,
          `${SENDER_IS_KNOWN.ip6} accept`,
          'counter drop',
        ],
      ),
    ],
  };
}

function senders(plugs: readonly Plug[]): string[] {
  return plugs.map(({ taskId, attachment: { mac, address } }) =>
    [overlayPort(taskId), mac, address].join(' . '),
  );
}

/** Discovery speaks from the link's own address, and from none while it tries one out. */
function senders6(plugs: readonly Plug[]): string[] {
  return plugs.flatMap(({ taskId, attachment: { mac, address6 } }) =>
    address6 === undefined
      ? []
      : [address6, linkLocal(mac), '::'].map((address) =>
          [overlayPort(taskId), mac, address].join(' . '),
        ),
  );
}

/** The address that a link gives itself: the modified EUI-64 of its MAC (RFC 4291, appendix A). */
function linkLocal(mac: Mac): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const [first = 0, second = 0, third = 0, ...rest] = bytes;
  const id = [first ^ 2, second, third, 0xff, 0xfe, ...rest];
  const groups = [0, 2, 4, 6].map((at) => ((id[at] ?? 0) << 8) | (id[at + 1] ?? 0));
  return formatIp(ip(`fe80::${groups.map((group) => group.toString(16)).join(':')}`));
}
