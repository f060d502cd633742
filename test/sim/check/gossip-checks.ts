/**
 * At rest every node takes exactly the nodes that are up for alive, and sees of each of its
 * networks exactly the endpoints that run on it, wherever they are.
 */
import { FACT_KINDS, decodeFact } from '../../../src/gossip/index.ts';
import type { NetworkId } from '../../../src/model/index.ts';
import { vtepOf } from '../node/description.ts';
import type { SimNode } from '../node/sim-node.ts';

/** What a node believes that is not so; `undefined` when there is nothing. */
export function gossipUnrest(nodes: readonly SimNode[]): string | undefined {
  const everyone = nodes
    .map(({ nodeId }) => nodeId)
    .sort()
    .join(' ');
  const endpoints = endpointsOf(nodes);
  for (const node of nodes) {
    const { gossip, nodeId } = node;
    if (gossip === undefined) return `${nodeId} does not gossip`;
    const live = gossip.core.members.filter(
      ({ state }) => state === 'alive' || state === 'suspect',
    );
    const believed = live.map(({ id, state }) => (state === 'alive' ? id : `${id}?`));
    const text = believed.sort().join(' ');
    if (text !== everyone) return `${nodeId} takes ${text} for alive, not ${everyone}`;
    for (const network of gossip.tables.networkIds) {
      const seen = rowsOf(node, network).join(' ');
      const wanted = (endpoints.get(network) ?? []).sort().join(' ');
      if (seen !== wanted) return `${nodeId} sees of ${network} ${seen}, not ${wanted}`;
    }
  }
  return undefined;
}

function endpointsOf(nodes: readonly SimNode[]): ReadonlyMap<NetworkId, string[]> {
  const endpoints = new Map<NetworkId, string[]>();
  for (const { containers, address } of nodes)
    for (const [task, { attachments }] of containers.running())
      for (const { networkId, address: plain } of attachments) {
        const list = endpoints.get(networkId) ?? [];
        endpoints.set(networkId, list);
        list.push(`${task}=${plain}@${vtepOf(address)}`);
      }
  return endpoints;
}

function rowsOf({ gossip }: SimNode, network: NetworkId): readonly string[] {
  const rows = [...(gossip?.tables.rows(network) ?? [])];
  return rows
    .flatMap(({ kind, value }) => {
      const fact = kind === FACT_KINDS.endpoint ? decodeFact(kind, value) : undefined;
      if (fact?.kind !== 'endpoint') return [];
      return `${fact.taskId}=${fact.addresses[0]?.address ?? ''}@${fact.vtep}`;
    })
    .sort();
}
