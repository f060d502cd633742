import type { NetworkId } from '../../model/index.ts';
import type { Incarnation, MemberHash, NetworkTime } from '../wire/messages.ts';
import type { PeerAddress } from '../wire/address.ts';
import { DIGEST_BUCKETS } from '../wire/messages.ts';
import { hashOf, mix } from './hash.ts';

/** What of a member is in the sums. */
export interface DigestedMember {
  readonly hash: MemberHash;
  readonly incarnation: Incarnation;
  readonly content: number;
}

/**
 * What a member holds, in `DIGEST_BUCKETS` sums of 32 bits: two members with equal buckets hold the
 * same, so a push/pull among members that agree costs one exchange of digests. Once in 2^32 buckets
 * that differ look equal, until the next change in one.
 *
 * Only what is live counts: members that are alive or suspected, with their incarnations, and the
 * networks that they have. The dead are forgotten at different times at different places, and
 * must not make buckets differ for as long.
 */
export class Digest {
  readonly words = new Uint32Array(DIGEST_BUCKETS);

  /** Adds a live member, or takes it away: the sums are exclusive-or. */
  toggleMember({ hash, incarnation, content }: DigestedMember): void {
    this.toggle(hash, mix(hash + Math.imul(incarnation, 0x9e3779b1)) ^ content);
  }

  toggleClaim(hash: MemberHash, network: NetworkId, time: NetworkTime): void {
    this.toggle(hash, mix(hash ^ mix(hashOf(network) + Math.imul(time, 0x9e3779b1))));
  }

  private toggle(hash: MemberHash, sum: number): void {
    const bucket = bucketOf(hash);
    this.words[bucket] = (this.words[bucket] as number) ^ sum;
  }
}

/**
 * Tells what a member says of itself from what an earlier life of it said under the same
 * incarnation: the member then hears of the difference, and raises its incarnation.
 */
export function contentHash({ host, port }: PeerAddress, meta: Uint8Array): number {
  let hash = hashOf(host) + port;
  for (const byte of meta) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix(hash);
}

export function bucketOf(hash: MemberHash): number {
  return hash % DIGEST_BUCKETS;
}

/** The buckets in which two holders differ. */
export function differingBuckets(one: Uint32Array, other: Uint32Array): ReadonlySet<number> {
  const differing = new Set<number>();
  for (const [bucket, word] of one.entries()) if (word !== other[bucket]) differing.add(bucket);
  return differing;
}
