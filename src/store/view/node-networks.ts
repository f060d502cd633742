import type { NetworkId, NodeId, Revision } from '../../model/index.ts';

interface Membership {
  endpoints: number;
  changedAt: Revision;
}

/**
 * Which node carries which network because of its own endpoints, and since when that holds. What
 * was before this index was built is not known, so everything counts as changed then.
 */
export class NodeNetworks {
  /** Nothing is known of changes before this revision. */
  private unknownSince: Revision;
  private readonly nodes = new Map<NodeId, Map<NetworkId, Membership>>();
  /** Networks on all nodes, and when they came or went. */
  private readonly everywhere = new Map<NetworkId, { isOn: boolean; changedAt: Revision }>();

  constructor(builtAt: Revision) {
    this.unknownSince = builtAt;
  }

  *of(nodeId: NodeId): IterableIterator<NetworkId> {
    for (const [networkId, { endpoints }] of this.nodes.get(nodeId) ?? [])
      if (endpoints > 0) yield networkId;
  }

  add(nodeId: NodeId, networkId: NetworkId, revision: Revision): void {
    const membership = this.membership(nodeId, networkId);
    membership.endpoints += 1;
    if (membership.endpoints === 1) membership.changedAt = revision;
  }

  remove(nodeId: NodeId, networkId: NetworkId, revision: Revision): void {
    const membership = this.membership(nodeId, networkId);
    membership.endpoints -= 1;
    if (membership.endpoints === 0) membership.changedAt = revision;
  }

  setEverywhere(networkId: NetworkId, isOn: boolean, revision: Revision): void {
    if (this.everywhere.get(networkId)?.isOn === isOn) return;
    this.everywhere.set(networkId, { isOn, changedAt: revision });
  }

  /** No earlier than the last time that the node gained or lost the network. */
  changedAt(nodeId: NodeId, networkId: NetworkId): Revision {
    const own = this.nodes.get(nodeId)?.get(networkId)?.changedAt ?? this.unknownSince;
    const shared = this.everywhere.get(networkId)?.changedAt ?? this.unknownSince;
    return Math.max(own, shared) as Revision;
  }

  /**
   * Drops what is not needed of a removed node; should it come back, everything counts as changed
   * by then.
   */
  forget(nodeId: NodeId, revision: Revision): void {
    const networks = this.nodes.get(nodeId);
    if (networks === undefined) return;
    for (const [networkId, { endpoints }] of networks)
      if (endpoints === 0) networks.delete(networkId);
    if (networks.size === 0) this.nodes.delete(nodeId);
    this.unknownSince = revision;
  }

  private membership(nodeId: NodeId, networkId: NetworkId): Membership {
    const networks = this.nodes.get(nodeId) ?? new Map<NetworkId, Membership>();
    this.nodes.set(nodeId, networks);
    const membership = networks.get(networkId) ?? { endpoints: 0, changedAt: this.unknownSince };
    networks.set(networkId, membership);
    return membership;
  }
}
