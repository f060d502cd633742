/** Whom to ask for the cluster: the view names every node, so it is where seeds come from. */
import { shuffle, type Rng } from '../../base/index.ts';
import type { MemberView, PeerAddress } from '../../gossip/index.ts';
import type { NodeView } from '../../model/index.ts';

/** What is known of the members when seeds are looked for. */
export interface Acquaintance {
  readonly liveCount: number;
  readonly isJoining: boolean;
  member(id: MemberView['id']): MemberView | undefined;
}

/** Seeds of one search. */
const SEEDS_MAX = 16;

/** Where all others are that managers count as up, in random order. */
export function seedsOf(view: NodeView, port: number, rng: Rng): PeerAddress[] {
  const others = [...view.peers.values()].filter(
    ({ nodeId, isUp }) => isUp && nodeId !== view.selfId,
  );
  return shuffle(
    others.map(({ vtep }) => ({ host: vtep, port })),
    rng,
  ).slice(0, SEEDS_MAX);
}

/**
 * Whom to join at a look that comes every few seconds: everyone when this node is alone, because
 * its own search gets slower with time; and nodes of which gossip has never heard, because two that
 * came at the same time may have missed each other's news. Those known as dead are tried again by
 * the core itself.
 */
export function seedsMissing(
  view: NodeView,
  known: Acquaintance,
  { port, rng, isPatient }: { readonly port: number; readonly rng: Rng; isPatient: boolean },
): PeerAddress[] {
  const isAlone = known.liveCount === 1;
  if (known.isJoining && (!isAlone || isPatient)) return [];
  const strangers = new Map([...view.peers].filter(([id]) => isAlone || !known.member(id)));
  return seedsOf({ ...view, peers: strangers }, port, rng);
}
