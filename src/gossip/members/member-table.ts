import { assert, randomBelow, type Rng } from '../../base/index.ts';
import type { NetworkId, NodeId } from '../../model/index.ts';
import type { Alive, MemberHash } from '../wire/messages.ts';
import { Digest, contentHash } from './digest.ts';
import { hashOf } from './hash.ts';
import { ALIVE, isLive, type Member, type MemberState, type NetworkClaim } from './member.ts';
import { Rosters } from './rosters.ts';

type MemberChange = Partial<
  Pick<Member, 'incarnation' | 'address' | 'protocol' | 'meta' | 'state'>
>;

/** Draws for each wanted member, before a choice among few acceptable ones gives up. */
const DRAWS_PER_CHOICE = 4;

export interface Choice {
  readonly from: readonly Member[];
  readonly count: number;
  readonly rng: Rng;
  readonly isWanted?: (member: Member) => boolean;
}

/**
 * Everyone that is known, and what depends on it: the live others in an array to draw from, the
 * gone in the order in which they went, who has which network, and the digest.
 */
export class MemberTable {
  readonly self: Member;
  private readonly digest = new Digest();
  private readonly rosters = new Rosters();
  private readonly byId = new Map<NodeId, Member>();
  private readonly byHash = new Map<MemberHash, Member>();
  private readonly live: Member[] = [];
  private readonly goneById = new Map<NodeId, Member>();

  constructor(self: Alive) {
    this.self = this.make(self, ALIVE);
    this.toggle(this.self);
  }

  /** Alive or suspected, this node among them. */
  get liveCount(): number {
    return this.live.length + 1;
  }

  /** Alive or suspected, without this node, in no order. */
  get others(): readonly Member[] {
    return this.live;
  }

  /** Dead or left, those that went first at the front. */
  get gone(): ReadonlyMap<NodeId, Member> {
    return this.goneById;
  }

  /** Everyone, this node among them. */
  get all(): Iterable<Member> {
    return this.byId.values();
  }

  get digestWords(): Uint32Array {
    return this.digest.words;
  }

  get(id: NodeId): Member | undefined {
    return this.byId.get(id);
  }

  /** One that has this hash; see `MemberHash`. */
  withHash(hash: MemberHash): Member | undefined {
    return this.byHash.get(hash);
  }

  /** The live others that have a network, in no order. */
  roster(network: NetworkId): readonly Member[] {
    return this.rosters.of(network);
  }

  /** Precondition: no member has this id. */
  add(alive: Alive): Member {
    const member = this.make(alive, ALIVE);
    this.toggle(member);
    this.place(member);
    return member;
  }

  /** Takes over what `change` says. Precondition: this node itself stays live. */
  update(member: Member, change: MemberChange): void {
    const wasLive = isLive(member);
    if (wasLive) this.toggle(member);
    Object.assign(member, change);
    if (change.address !== undefined || change.meta !== undefined)
      member.content = contentHash(member.address, member.meta);
    const isLiveAfter = isLive(member);
    if (isLiveAfter) this.toggle(member);
    if (member === this.self) return;
    if (wasLive && !isLiveAfter) this.displace(member);
    if (!wasLive && isLiveAfter) this.place(member);
    if (isLiveAfter || change.state === undefined) return;
    this.goneById.delete(member.id);
    this.goneById.set(member.id, member);
  }

  /** Precondition: `member` is gone, and not this node. */
  remove(member: Member): void {
    assert(!isLive(member), 'only the gone are forgotten', { id: member.id });
    this.goneById.delete(member.id);
    this.byId.delete(member.id);
    if (this.byHash.get(member.hash) === member) this.byHash.delete(member.hash);
  }

  /** Notes what a member says of a network, in place of what it said before. */
  setClaim(member: Member, network: NetworkId, claim: NetworkClaim): void {
    this.forgetClaim(member, network);
    member.networks ??= new Map();
    member.networks.set(network, claim);
    if (!claim.isJoined || !isLive(member)) return;
    this.digest.toggleClaim(member.hash, network, claim.time);
    if (member !== this.self) this.rosters.add(network, member);
  }

  /** Forgets all that a member said of its networks. Precondition: `member` is gone. */
  forgetClaims(member: Member): void {
    assert(!isLive(member), 'only of the gone all claims are forgotten', { id: member.id });
    member.networks = undefined;
  }

  forgetClaim(member: Member, network: NetworkId): void {
    const claim = member.networks?.get(network);
    if (claim === undefined) return;
    member.networks?.delete(network);
    if (!claim.isJoined || !isLive(member)) return;
    this.digest.toggleClaim(member.hash, network, claim.time);
    this.rosters.remove(network, member);
  }

  /** Up to `count` different ones, drawn evenly from those that are wanted. */
  choose({ from, count, rng, isWanted = () => true }: Choice): Member[] {
    const chosen: Member[] = [];
    const draws = Math.max(from.length, count) * DRAWS_PER_CHOICE;
    const drawsMax = from.length === 0 ? 0 : Math.min(draws, (count + 2) * DRAWS_PER_CHOICE);
    for (let draw = 0; draw < drawsMax && chosen.length < count; draw += 1) {
      const member = from[randomBelow(rng, from.length)] as Member;
      if (!chosen.includes(member) && isWanted(member)) chosen.push(member);
    }
    return chosen;
  }

  private make(alive: Alive, state: MemberState): Member {
    const { id, incarnation, address, protocol, meta } = alive;
    assert(!this.byId.has(id), 'an id is added once', { id });
    const member: Member = {
      id,
      hash: hashOf(id),
      incarnation,
      address,
      protocol,
      meta,
      state,
      content: contentHash(address, meta),
      liveAt: -1,
      networks: undefined,
    };
    this.byId.set(id, member);
    this.byHash.set(member.hash, member);
    return member;
  }

  /** Puts a live member into the sums, or takes it out of them. */
  private toggle(member: Member): void {
    this.digest.toggleMember(member);
    for (const [network, { time, isJoined }] of member.networks ?? [])
      if (isJoined) this.digest.toggleClaim(member.hash, network, time);
  }

  private place(member: Member): void {
    this.goneById.delete(member.id);
    member.liveAt = this.live.length;
    this.live.push(member);
    for (const [network, { isJoined }] of member.networks ?? [])
      if (isJoined) this.rosters.add(network, member);
  }

  private displace(member: Member): void {
    const last = this.live.pop() as Member;
    if (last !== member) {
      this.live[member.liveAt] = last;
      last.liveAt = member.liveAt;
    }
    member.liveAt = -1;
    for (const network of member.networks?.keys() ?? []) this.rosters.remove(network, member);
  }
}
