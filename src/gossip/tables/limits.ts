/** How much of everything the tables hold, and how long. */

/** The longest pause between two push/pulls of one node and network, in clusters of 1,000 nodes. */
export const PUSH_PULL_INTERVAL_MAX_MS = 180_000;

/**
 * How long a tombstone is kept: five chances to hear of it in a push/pull, `5 *
 * PUSH_PULL_INTERVAL_MAX_MS`. Only a matter of bytes: a replica that missed the deletion and comes
 * after this time is told all rows of the owner in place of the changes (see `OwnerRows.floor`).
 */
export const TOMBSTONE_LIFE_MS = 5 * PUSH_PULL_INTERVAL_MAX_MS;

/** How long a network that was left still answers for its former rows. */
export const LINGER_MS = TOMBSTONE_LIFE_MS;

/** How long rows wait, hidden, for the membership to vouch for their owner. */
export const STRANGER_LIFE_MS = 600_000;

/** How often the tables look for what has become too old. */
export const EXPIRY_INTERVAL_MS = 1000;

/** The least time between two repairs of own rows that a peer holds otherwise. */
export const HEAL_INTERVAL_MS = 5_000;

/** The least time between two hints to one owner that its news are taken for old. */
export const HINT_INTERVAL_MS = 1_000;

/** Ids of nodes and networks, and keys: printable ASCII without spaces. */
export const NAME_BYTES_MAX = 64;

/** The most bytes of one message; what is longer goes in several. A frame of 64 KiB holds one. */
export const MESSAGE_BYTES_MAX = 61_440;

/** SWIM's lambda: a row is passed on `RETRANSMIT_FACTOR * ceil(log10(n + 1))` times. */
export const RETRANSMIT_FACTOR = 4;

export interface TableLimits {
  /** Networks of this node, those that it left a short while ago among them. */
  readonly networksMax: number;
  /** Rows and tombstones of one network. */
  readonly rowsPerNetworkMax: number;
  /** Rows of one owner in one network; its tombstones are not counted. */
  readonly rowsPerOwnerMax: number;
  /** Above, the oldest tombstones of an owner go before their time. */
  readonly tombstonesPerOwnerMax: number;
  /** Owners in one network for whom the membership does not vouch. */
  readonly strangersPerNetworkMax: number;
  /** A row's value; with its names it fits one packet of 1,400 bytes. */
  readonly valueBytesMax: number;
  /** Rows of one network that wait to be gossiped; above, what was sent most often goes. */
  readonly queueMax: number;
  /** See `MESSAGE_BYTES_MAX`; less only in tests. */
  readonly messageBytesMax: number;
}

export const TABLE_LIMITS: TableLimits = {
  networksMax: 1024,
  rowsPerNetworkMax: 100_000,
  rowsPerOwnerMax: 20_000,
  tombstonesPerOwnerMax: 4096,
  strangersPerNetworkMax: 64,
  valueBytesMax: 1024,
  queueMax: 4096,
  messageBytesMax: MESSAGE_BYTES_MAX,
};
