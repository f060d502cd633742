import type { NetworkId, NodeId } from '../../model/index.ts';

/** What the membership asks of the tables of rows that travel with it. */
export interface RowTables {
  /** Networks whose rows have changed and were not yet told often enough. */
  readonly networksWithNews: Iterable<NetworkId>;
  /**
   * Messages of at most `budgetBytes` together, for one of the `memberCount` members that have the
   * network. Each call counts as told once.
   */
  takeBroadcasts(network: NetworkId, budgetBytes: number, memberCount: number): Uint8Array[];
  /** Opens a push/pull of one network's rows with a peer that has it. */
  beginSync(network: NetworkId, nowMs: number): Uint8Array[];
  /** Takes a message from a peer; returns what is to be answered to it. */
  receive(bytes: Uint8Array, from: NodeId, nowMs: number): Uint8Array[];
  /** The owner has the network, or has left it. */
  setOwnerNetwork(owner: NodeId, network: NetworkId, isJoined: boolean): void;
  /** The owner is thought dead: its rows are kept, and not shown. */
  hideOwner(owner: NodeId): void;
  /** The owner is alive, again or for the first time. */
  restoreOwner(owner: NodeId): void;
  /** The owner left, or is gone for good. */
  forgetOwner(owner: NodeId): void;
}
