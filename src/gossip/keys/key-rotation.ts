/**
 * How managers bring a new key to every node. One step at a time, each a plan that all nodes have
 * to follow before the next one is made:
 *
 *   Settled(old, last)
 *     -> Installing(new)   accept new, seal with last
 *     -> Using(new)        accept both, seal with new
 *     -> Settled(last, new)
 *
 * A settled ring keeps the key before the last one as well: what was sealed with it may be under
 * way, and a node that was away for one rotation can still be spoken to. Pure and small, so that
 * it can be kept in the replicated state; nobody acts on anything but `plan`.
 */
import type { NodeId } from '../../model/index.ts';
import { KEYS_MAX, nextKeyId, type GossipKey, type RingPlan } from './key-ring.ts';

export type KeyRotation =
  | { readonly kind: 'settled'; readonly plan: RingPlan }
  | {
      readonly kind: 'installing' | 'using';
      readonly plan: RingPlan;
      /** Nodes that do not follow `plan` yet. */
      readonly waitsFor: ReadonlySet<NodeId>;
    };

/** The first ring of a cluster. */
export function firstRotation(bytes: Uint8Array): KeyRotation {
  const key = { id: nextKeyId(0 as GossipKey['id']), bytes };
  return { kind: 'settled', plan: { generation: 1, keys: [key], primary: key.id } };
}

/**
 * `Settled -> Installing`. While a rotation is under way another one does not begin: the ring
 * has room for three keys. `nodes` is everyone who has to follow.
 */
export function beginRotation(
  rotation: KeyRotation,
  bytes: Uint8Array,
  nodes: readonly NodeId[],
): KeyRotation {
  if (rotation.kind !== 'settled') return rotation;
  const { keys, primary, generation } = rotation.plan;
  // Ids are handed out in turn, so the last primary has the last one.
  const key = { id: nextKeyId(primary), bytes };
  const kept = keys.filter(({ id }) => id !== key.id).slice(-(KEYS_MAX - 1));
  const plan = { generation: generation + 1, keys: [...kept, key], primary };
  return advanced({ kind: 'installing', plan, waitsFor: new Set(nodes) }, nodes);
}

/**
 * A node follows the plan of `generation`. The last one that is waited for brings the next step.
 */
export function noteFollowed(
  rotation: KeyRotation,
  { node, generation }: { readonly node: NodeId; readonly generation: number },
  nodes: readonly NodeId[],
): KeyRotation {
  if (rotation.kind === 'settled' || generation < rotation.plan.generation) return rotation;
  return noteGone(rotation, node, nodes);
}

/**
 * A node is not waited for any more: it left, or is down. One that comes back is given the plan
 * before anything else, over a connection that needs no gossip key.
 */
export function noteGone(
  rotation: KeyRotation,
  node: NodeId,
  nodes: readonly NodeId[],
): KeyRotation {
  if (rotation.kind === 'settled') return rotation;
  const waitsFor = new Set(rotation.waitsFor);
  waitsFor.delete(node);
  return advanced({ ...rotation, waitsFor }, nodes);
}

/** `Installing -> Using -> Settled`, as far as nobody is waited for. */
function advanced(
  rotation: Extract<KeyRotation, { waitsFor: unknown }>,
  nodes: readonly NodeId[],
): KeyRotation {
  if (rotation.waitsFor.size > 0) return rotation;
  const { keys, generation, primary } = rotation.plan;
  if (rotation.kind === 'installing') {
    const newest = keys.at(-1)?.id ?? primary;
    const plan = { generation: generation + 1, keys, primary: newest };
    return advanced({ kind: 'using', plan, waitsFor: new Set(nodes) }, nodes);
  }
  const plan = { generation: generation + 1, keys: keys.slice(-(KEYS_MAX - 1)), primary };
  return { kind: 'settled', plan };
}
