import type { NetworkId } from '../../model/index.ts';
import type { Incarnation, MemberHash, NetworkTime } from '../wire/messages.ts';
import { DIGEST_BUCKETS, DIGEST_WORDS } from '../wire/messages.ts';
import { hashOf, mix } from './hash.ts';

/**
 * What a member holds, in `DIGEST_BUCKETS` sums of 64 bits: two members with equal buckets hold the
 * same, so a push/pull among members that agree costs one exchange of digests.
 *
 * Only what is live counts: members that are alive or suspected, with their incarnations, and the
 * networks that they have. The dead are forgotten at different times at different places, and
 * must not make buckets differ for as long.
 */
export class Digest {
  readonly words = new Uint32Array(DIGEST_WORDS);

  /** Adds a live member, or takes it away: the sums are exclusive-or. */
  toggleMember(hash: MemberHash, incarnation: Incarnation): void {
    this.toggle(hash, mix(hash + Math.imul(incarnation, 0x9e3779b1)));
  }

  toggleClaim(hash: MemberHash, network: NetworkId, time: NetworkTime): void {
    this.toggle(hash, mix(hash ^ mix(hashOf(network) + Math.imul(time, 0x9e3779b1))));
  }

  private toggle(hash: MemberHash, sum: number): void {
    const word = bucketOf(hash) * 2;
    const { words } = this;
    words[word] = (words[word] as number) ^ sum;
    words[word + 1] = (words[word + 1] as number) ^ mix(sum ^ Math.imul(hash, 0x85ebca77));
  }
}

export function bucketOf(hash: MemberHash): number {
  return hash % DIGEST_BUCKETS;
}

/** The buckets in which two holders differ. */
export function differingBuckets(one: Uint32Array, other: Uint32Array): ReadonlySet<number> {
  const differing = new Set<number>();
  for (let word = 0; word < DIGEST_WORDS; word += 1)
    if (one[word] !== other[word]) differing.add(word >> 1);
  return differing;
}
