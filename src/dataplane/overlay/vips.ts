/**
 * VIPs of one overlay network. Each is an address of the bridge, so frames to it are led up to IP
 * and translated there, and go back to the bridge towards a backend, which sees the client's own
 * address. The reply crosses the same bridge on its way to the client, and is led up as well: by
 * the pair (backend, client), which a translated packet has noted. All other frames pass without
 * netfilter's IP hooks, so a connection that no VIP touches is neither tracked nor slowed.
 */
import { macOfNodeIndex } from '../../base/index.ts';
import type { NetworkRow } from '../../model/index.ts';
import type { BackendLists, Balancing, Frontend } from '../balancer/balancer.ts';
import { PRIORITY, baseChain } from '../make.ts';
import { NFT_TABLE } from '../names.ts';
import type { NftChain, NftTableObject } from '../objects.ts';
import type { Scene } from '../scene.ts';
import type { OverlayScene } from './overlay.ts';

const HAIRPIN_SET = 'hairpin';
const PAIR_SET = 'vip_pairs';
/** As long as the kernel keeps an established TCP connection on which nothing is said. */
const PAIR_SECONDS = 432_000;
/** Pairs of backend and client through this node; replies of further ones go untranslated. */
const PAIRS_MAX = 262_144;
/** Tells the bridge that a packet's pair is to be noted. */
const PAIR_MARK = 1;

export function vipTables(
  { scene, network, self }: OverlayScene,
  { balancer, backends }: Balancing,
): NftTableObject[] {
  const { maps, chains, entry } = balancer.rules(vipFrontends(scene, network, backends));
  const translation: NftTableObject = {
    kind: 'nft-table',
    family: 'inet',
    name: NFT_TABLE,
    sets: [
      { name: HAIRPIN_SET, type: 'ipv4_addr . ipv4_addr', elements: hairpins(scene, network) },
    ],
    maps,
    chains: [
      ...chains,
      baseChain('prerouting', ['nat', 'prerouting', PRIORITY.dstnat], entry),
      hairpinChain(network),
      baseChain('translated', ['filter', 'postrouting', PRIORITY.afterSrcnat], TRANSLATED_RULES),
    ],
  };
  return [translation, replyTable(macOfNodeIndex(self.index))];
}

/** After every translation: the addresses are those that a reply will have, the other way round. */
const TRANSLATED_RULES = [`ct direction original ct status dnat meta mark set ${PAIR_MARK}`];

/** Sets are seen in their own table only, so a mark carries over from IP's to the bridge's. */
function replyTable(bridgeMac: string): NftTableObject {
  const pair = { timeoutSeconds: PAIR_SECONDS, sizeMax: PAIRS_MAX };
  return {
    kind: 'nft-table',
    family: 'bridge',
    name: NFT_TABLE,
    sets: [{ name: PAIR_SET, type: 'ipv4_addr . ipv4_addr', dynamic: pair, elements: [] }],
    maps: [],
    chains: [
      baseChain(
        'replies',
        ['filter', 'prerouting', PRIORITY.raw],
        [`ip saddr . ip daddr @${PAIR_SET} meta pkttype set host ether daddr set ${bridgeMac}`],
      ),
      baseChain(
        'pairs',
        ['filter', 'output', PRIORITY.filter],
        [`meta mark ${PAIR_MARK} update @${PAIR_SET} { ip daddr . ip saddr } meta mark set 0`],
      ),
    ],
  };
}

function vipFrontends(scene: Scene, network: NetworkRow, lists: BackendLists): Frontend[] {
  const { networkId } = network;
  return (scene.services.get(networkId) ?? []).flatMap((service) => {
    const plugs = scene.endpoints.serving(service.serviceId, networkId);
    const backends = lists.of(plugs);
    return service.virtualIps
      .filter((vip) => vip.networkId === networkId)
      .map(({ address }): Frontend => ({
        kind: 'address',
        id: service.serviceId,
        address,
        backends,
      }));
  });
}

/**
 * Local endpoints as `address . address`: what a packet looks like whose client was given itself
 * as backend.
 */
function hairpins(scene: Scene, network: NetworkRow): string[] {
  const plugs = scene.plugs.get(network.networkId) ?? [];
  return plugs.map(({ attachment: { address } }) => `${address} . ${address}`);
}

/**
 * No host takes a packet from its own address off the wire: a task that reaches itself appears as
 * the gateway.
 */
function hairpinChain(network: NetworkRow): NftChain {
  const rules = network.subnets.map(
    ({ prefix, gateway }) =>
      `ip saddr . ip daddr @${HAIRPIN_SET} ct status dnat ip saddr ${prefix} snat ip to ${gateway}`,
  );
  return baseChain('postrouting', ['nat', 'postrouting', PRIORITY.srcnat], rules);
}
