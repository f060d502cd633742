/** How the number of members stretches what is done for each: memberlist's formulas, and ours. */

/** `ceil(log10(n + 1))`: the logarithm that SWIM's section 4.1 asks for, in memberlist's form. */
function magnitude(members: number): number {
  return Math.ceil(Math.log10(members + 1));
}

/** How often one node passes a piece of news on (SWIM, section 4.1: lambda log n). */
export function transmitLimit(factor: number, members: number): number {
  return factor * magnitude(members);
}

const SYNC_MEMBERS_UNSCALED = 32;

/**
 * Push/pulls get rarer as members get more, so that the whole cluster's load by them grows less
 * than linearly: doubled past 32 members, then once more for each doubling (memberlist).
 */
export function syncScale(members: number): number {
  if (members <= SYNC_MEMBERS_UNSCALED) return 1;
  return Math.ceil(Math.log2(members) - Math.log2(SYNC_MEMBERS_UNSCALED)) + 1;
}

/** Rounds in which gossip reaches `members` when each one told tells `fanout` others. */
export function gossipRounds(members: number, fanout: number): number {
  return Math.max(1, Math.ceil(Math.log(members) / Math.log(fanout + 1)));
}
