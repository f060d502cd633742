/**
 * Makes the membership of the consensus group follow the nodes' roles, one change at a time: a
 * manager's disk is noted in the store, added as a learner, promoted when it has caught up; removed
 * when its node is a worker, is gone, or has another disk; and then the note is taken back. A node
 * with a note cannot be removed, so no vote is lost with it.
 */
import type { Node, NodeId } from '../../../src/model/index.ts';
import type { MembershipChange, PeerId, Raft } from '../../../src/raft/index.ts';
import type { Store } from '../../../src/store/index.ts';

export interface RoleFacts {
  readonly raft: Raft;
  readonly store: Store;
  /** Whose disk a node has; `undefined` for a node that did not say so yet, or has none. */
  readonly peerOf: (node: NodeId) => PeerId | undefined;
}

export type RoleStep =
  | { readonly kind: 'rest' }
  | { readonly kind: 'change'; readonly change: MembershipChange }
  /** In the store: the node takes part under this peer, or does not. */
  | { readonly kind: 'note'; readonly id: NodeId; readonly peer: PeerId | undefined }
  /** The leader itself has to go. */
  | { readonly kind: 'hand-over' };

const REST: RoleStep = { kind: 'rest' };

export function nodeOfPeer(peer: PeerId): NodeId {
  return peer.slice(0, peer.indexOf(':')) as NodeId;
}

export function nextRoleStep(facts: RoleFacts): RoleStep {
  const { raft, store } = facts;
  if (raft.isMembershipPending || raft.transferTarget !== undefined) return REST;
  const { voters, learners } = raft.membership;
  const members = [...voters, ...learners];
  // Others come before somebody goes, because the last voter cannot.
  for (const node of store.nodes.values()) {
    const step = stepFor(facts, node, { voters, learners });
    if (step !== undefined) return step;
  }
  const surplus = members.find((peer) => !mayStay(facts, peer));
  if (surplus !== undefined) return removal(raft, surplus);
  const isMember = (id: NodeId): boolean => members.some((peer) => nodeOfPeer(peer) === id);
  for (const { id, peerId } of store.nodes.values())
    if (peerId !== undefined && !isMember(id)) return { kind: 'note', id, peer: undefined };
  return REST;
}

function mayStay({ store, peerOf }: RoleFacts, peer: PeerId): boolean {
  const node = store.nodes.get(nodeOfPeer(peer));
  if (node?.spec.Role !== 'manager') return false;
  return (peerOf(node.id) ?? peer) === peer;
}

function removal(raft: Raft, peer: PeerId): RoleStep {
  const { voters } = raft.membership;
  if (voters.includes(peer) && voters.length === 1) return REST;
  if (peer === raft.id) return { kind: 'hand-over' };
  return { kind: 'change', change: { kind: 'remove', peer } };
}

function stepFor(
  { peerOf, raft }: RoleFacts,
  { id, spec, state, peerId }: Node,
  {
    voters,
    learners,
  }: { readonly voters: readonly PeerId[]; readonly learners: readonly PeerId[] },
): RoleStep | undefined {
  const peer = peerOf(id);
  if (peer === undefined || spec.Role !== 'manager' || state === 'down') return undefined;
  if (peerId !== peer) return { kind: 'note', id, peer };
  if (voters.includes(peer)) return undefined;
  if (!learners.includes(peer)) return { kind: 'change', change: { kind: 'add-learner', peer } };
  const isHeard = raft.peers.some((status) => status.id === peer && status.isActive);
  return isHeard ? { kind: 'change', change: { kind: 'promote', peer } } : undefined;
}
