/**
 * The keys of the cluster's gossip on one node: which are accepted, and with which it seals.
 *
 * Managers change keys so that at every moment each node accepts what any other seals: a new key
 * is installed everywhere, then used everywhere, then the old one is removed (memberlist's
 * keyring; Swarm rotates three keys each 12 hours). A node that was away for a step catches up
 * with the whole ring, so it is told rings, not steps.
 */
import type { Brand } from '../../base/index.ts';
import { optionError } from '../errors.ts';

/** Names a key on the wire; 1 to 255, never 0. Handed out in turn, so three live ones differ. */
export type KeyId = Brand<number, 'KeyId'>;

export const KEYS_MAX = 3;
/** AES-256. */
export const KEY_BYTES = 32;
const KEY_ID_MAX = 255;

export interface GossipKey {
  readonly id: KeyId;
  readonly bytes: Uint8Array;
}

/** What managers tell every node. */
export interface RingPlan {
  /** Greater for each change; an older plan never replaces a newer one. */
  readonly generation: number;
  /** 1 to `KEYS_MAX`, all accepted. */
  readonly keys: readonly GossipKey[];
  /** The one to seal with, among `keys`. */
  readonly primary: KeyId;
}

export class KeyRing {
  private plan: RingPlan;

  /** Throws `GossipError` for a plan that is none. */
  constructor(plan: RingPlan) {
    this.plan = checked(plan);
  }

  get generation(): number {
    return this.plan.generation;
  }

  /** To seal with. */
  get primary(): GossipKey {
    return this.plan.keys.find(({ id }) => id === this.plan.primary) as GossipKey;
  }

  /** To open with; the primary first. */
  get accepted(): readonly GossipKey[] {
    const { primary } = this;
    return [primary, ...this.plan.keys.filter((key) => key !== primary)];
  }

  withId(id: number): GossipKey | undefined {
    return this.plan.keys.find((key) => key.id === id);
  }

  /**
   * Takes a plan over. Whether it is newer than the one that is followed. Throws `GossipError` for
   * a plan that is none.
   */
  follow(plan: RingPlan): boolean {
    if (plan.generation <= this.plan.generation) return false;
    this.plan = checked(plan);
    return true;
  }
}

/** The id after `id`; over the end it begins again at 1. */
export function nextKeyId(id: KeyId): KeyId {
  return ((id % KEY_ID_MAX) + 1) as KeyId;
}

function checked(plan: RingPlan): RingPlan {
  const { keys, primary, generation } = plan;
  const ids = new Set<number>(keys.map(({ id }) => id));
  if (keys.length === 0 || keys.length > KEYS_MAX || ids.size !== keys.length)
    throw optionError('keys', `must be 1 to ${KEYS_MAX}, each with its own id`);
  if (keys.some(({ id }) => !Number.isInteger(id) || id < 1 || id > KEY_ID_MAX))
    throw optionError('keys', `must have ids of 1 to ${KEY_ID_MAX}`);
  if (keys.some(({ bytes }) => bytes.length !== KEY_BYTES))
    throw optionError('keys', `must have ${KEY_BYTES} bytes each`);
  if (!ids.has(primary)) throw optionError('primary', 'must be one of the keys');
  if (!Number.isSafeInteger(generation) || generation < 0)
    throw optionError('generation', 'must count the changes');
  return plan;
}
