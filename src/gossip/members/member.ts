import type { NetworkId, NodeId } from '../../model/index.ts';
import type { Suspicion } from '../probe/suspicion.ts';
import type { PeerAddress } from '../wire/address.ts';
import type {
  Alive,
  Incarnation,
  MemberHash,
  NetworkTime,
  News,
  ProtocolRange,
} from '../wire/messages.ts';

/**
 * SWIM's states of a member, section 4.2, and memberlist's `left`. Of two claims about a member the
 * one with the greater incarnation holds, and among equals the one further down this list; see
 * rules.ts.
 */
export type MemberState =
  | { readonly kind: 'alive' }
  | { readonly kind: 'suspect'; readonly suspicion: Suspicion }
  | { readonly kind: 'dead'; readonly sinceMs: number }
  | { readonly kind: 'left'; readonly sinceMs: number };

/** Shared by all members that are alive: most of a large table. */
export const ALIVE: MemberState = { kind: 'alive' };

/** Whether a member has a network, as it last said. */
export interface NetworkClaim {
  readonly time: NetworkTime;
  readonly isJoined: boolean;
}

/** What is held of a member. Changed through `MemberTable` only, which keeps what depends on it. */
export interface Member {
  readonly id: NodeId;
  readonly hash: MemberHash;
  incarnation: Incarnation;
  address: PeerAddress;
  protocol: ProtocolRange;
  meta: Uint8Array;
  state: MemberState;
  /** Of its address and meta; see `contentHash`. */
  content: number;
  /** Its place among the live others; -1 for this node itself and for those dead or left. */
  liveAt: number;
  /** `undefined` until it first speaks of networks. */
  networks: Map<NetworkId, NetworkClaim> | undefined;
}

/** A member as hosts see it. */
export interface MemberView {
  readonly id: NodeId;
  readonly state: MemberState['kind'];
  readonly address: PeerAddress;
  readonly incarnation: Incarnation;
  readonly protocol: ProtocolRange;
  readonly meta: Uint8Array;
  /** Networks that it has, in no order. */
  readonly networks: readonly NetworkId[];
}

export function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

export function isLive({ state }: Member): boolean {
  return state.kind === 'alive' || state.kind === 'suspect';
}

export function viewOf(member: Member): MemberView {
  const { id, state, address, incarnation, protocol, meta } = member;
  const networks: NetworkId[] = [];
  for (const [network, { isJoined }] of member.networks ?? []) if (isJoined) networks.push(network);
  return { id, state: state.kind, address, incarnation, protocol, meta, networks };
}

export function aliveNews(member: Member): Alive {
  const { id, incarnation, address, protocol, meta } = member;
  return { kind: 'alive', id, incarnation, address, protocol, meta };
}

/** Everything that a member's state says, in the order in which another one can take it. */
export function newsOf(member: Member, self: MemberHash): News[] {
  const { id, incarnation, state } = member;
  switch (state.kind) {
    case 'alive':
      return [aliveNews(member), ...claimsOf(member)];
    case 'suspect': {
      const { accusers } = state.suspicion;
      const suspect = { kind: 'suspect', id, incarnation, accusers } as const;
      return [aliveNews(member), suspect, ...claimsOf(member)];
    }
    case 'dead':
      // Its claims go along: should it come back without memory, it learns from them what to deny.
      return [{ kind: 'dead', id, incarnation, accuser: self }, ...claimsOf(member)];
    case 'left':
      return [{ kind: 'left', id, incarnation }];
  }
}

function claimsOf({ id, networks }: Member): News[] {
  const claims = [...(networks ?? [])];
  return claims.map(([network, claim]) => ({ kind: 'network', id, network, ...claim }));
}
