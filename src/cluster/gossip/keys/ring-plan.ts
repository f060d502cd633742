/** A ring of keys as it lies in the store, on the wire and on disk, and as the gossip takes it. */
import type { KeyId, KeyRotation, RingPlan } from '../../../gossip/index.ts';
import type { Cluster, GossipKeys } from '../../../model/index.ts';
import type { ManagerMessage } from '../../transport/index.ts';

/** What a node is told. Secret. */
export type WireRing = NonNullable<Extract<ManagerMessage, { type: 'welcome' }>['gossipKeys']>;

/** What nodes are told of the keys in the cluster's row, if there are any yet. */
export function gossipKeysIn({ gossipKeys }: Pick<Cluster, 'gossipKeys'>): {
  readonly gossipKeys?: WireRing;
} {
  if (gossipKeys === undefined) return {};
  const { generation, keys, primary } = gossipKeys;
  return { gossipKeys: { generation, keys: [...keys], primary } };
}

export function ringPlanOf(ring: Pick<GossipKeys, 'generation' | 'keys' | 'primary'>): RingPlan {
  const { generation, keys, primary } = ring;
  return {
    generation,
    primary: primary as KeyId,
    keys: keys.map(({ id, secret }) => ({ id: id as KeyId, bytes: Buffer.from(secret, 'base64') })),
  };
}

export function gossipKeysOf({ kind, plan }: KeyRotation): Omit<GossipKeys, 'sinceMs'> {
  const { generation, keys, primary } = plan;
  const texts = keys.map(({ id, bytes }) => ({
    id,
    secret: Buffer.from(bytes).toString('base64'),
  }));
  return { stage: kind, generation, primary, keys: texts };
}
