/**
 * VIPs of one overlay network: a frame to a VIP is translated where it enters the bridge, so the
 * backend sees the client's own address, and the reply crosses the same bridge on its way back.
 */
import type { NetworkRow } from '../../model/index.ts';
import type { BackendLists, Balancing, Frontend } from '../balancer/balancer.ts';
import { PRIORITY, baseChain } from '../make.ts';
import { NFT_TABLE } from '../names.ts';
import type { NftChain, NftTableObject } from '../objects.ts';
import type { Scene } from '../scene.ts';

const HAIRPIN_SET = 'hairpin';

export function vipTable(
  scene: Scene,
  network: NetworkRow,
  { balancer, backends }: Balancing,
): NftTableObject {
  const { maps, chains, entry } = balancer.rules(vipFrontends(scene, network, backends));
  return {
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
