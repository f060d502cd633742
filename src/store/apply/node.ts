import type { Node, NodeIndex } from '../../model/index.ts';
import type { Command, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isSameJson } from '../equal.ts';
import { maybeFinishRotation } from './authority.ts';
import { OUT_OF_SEQUENCE, refuse } from './refuse.ts';

type Register = Extract<Command, { type: 'node.register' }>;
type StateChange = Extract<Command, { type: 'node.state' }>;
type Update = Extract<Command, { type: 'node.update' }>;
type Manage = Extract<Command, { type: 'node.manager' }>;
type Remove = Extract<Command, { type: 'node.remove' }>;

/** Unknown, or known in any state -> ready, with the description it came with. */
export function applyNodeRegister(draft: Draft, command: Register): Refusal | undefined {
  const { id, description, address, vtep } = command;
  const before = draft.state.nodes.get(id);
  const index = before?.index ?? draft.take(draft.state.nodeIndexes);
  if (index === undefined) return refuse('exhausted', 'the cluster has no room for another node');
  putNode(draft, {
    id,
    meta: draft.meta(before?.meta),
    index: index as NodeIndex,
    spec: before?.spec ?? { Labels: {}, Role: command.role, Availability: 'active' },
    description,
    state: 'ready',
    stateMessage: '',
    address,
    vtep,
    ...partOf(before),
  });
  maybeFinishRotation(draft);
  return undefined;
}

/** A node that is meant to be a manager takes part as one; any manager stops to take part. */
export function applyNodeManager(draft: Draft, command: Manage): Refusal | undefined {
  const node = draft.state.nodes.get(command.id);
  if (node === undefined) return refuse('not-found', `node ${command.id} not found`);
  const { manager } = command;
  if (manager !== undefined && node.spec.Role !== 'manager')
    return refuse('invalid', `node ${node.id} is a worker; promote it before it takes part`);
  const { id, index, spec, description, state, stateMessage, address, vtep } = node;
  const meta = draft.meta(node.meta);
  const part = manager && { managerAddress: manager.address, peerId: manager.peerId };
  putNode(draft, {
    ...{ id, meta, index, spec, description, state, stateMessage, address, vtep },
    ...part,
  });
  return undefined;
}

function partOf(node: Node | undefined): Pick<Node, 'managerAddress' | 'peerId'> {
  if (node?.managerAddress === undefined || node.peerId === undefined) return {};
  return { managerAddress: node.managerAddress, peerId: node.peerId };
}

/** The failure detector's word on a node. */
export function applyNodeState(draft: Draft, command: StateChange): Refusal | undefined {
  const node = draft.state.nodes.get(command.id);
  if (node === undefined) return refuse('not-found', `node ${command.id} not found`);
  const meta = draft.meta(node.meta);
  putNode(draft, { ...node, meta, state: command.state, stateMessage: command.message });
  maybeFinishRotation(draft);
  return undefined;
}

/** `docker node update`. */
export function applyNodeUpdate(draft: Draft, command: Update): Refusal | undefined {
  const node = draft.state.nodes.get(command.id);
  if (node === undefined) return refuse('not-found', `node ${command.id} not found`);
  if (node.meta.revision !== command.version) return OUT_OF_SEQUENCE;
  const isDemoted = node.spec.Role === 'manager' && command.spec.Role === 'worker';
  const managers = [...draft.state.nodes.values()].filter(({ spec }) => spec.Role === 'manager');
  if (isDemoted && managers.length === 1)
    return refuse('in-use', 'attempting to demote the last manager of the swarm');
  draft.setNode(node.id, { ...node, meta: draft.meta(node.meta), spec: command.spec });
  return undefined;
}

/** Down (or, forced, any state) -> gone. Managers are demoted first. */
export function applyNodeRemove(draft: Draft, command: Remove): Refusal | undefined {
  const node = draft.state.nodes.get(command.id);
  if (node === undefined) return refuse('not-found', `node ${command.id} not found`);
  if (node.spec.Role === 'manager' || node.peerId !== undefined)
    return refuse(
      'in-use',
      `node ${node.id} is a cluster manager and is a member of the raft cluster. ` +
        'It must be demoted to worker before removal',
    );
  if (node.state !== 'down' && !command.isForced)
    return refuse('in-use', `node ${node.id} is not down and can't be removed`);
  draft.release(draft.state.nodeIndexes, node.index);
  draft.setNode(node.id, undefined);
  maybeFinishRotation(draft);
  return undefined;
}

/**
 * Writes the node unless all but its meta stays the same: nodes report themselves more often than
 * they change.
 */
function putNode(draft: Draft, after: Node): void {
  const before = draft.state.nodes.get(after.id);
  if (before !== undefined && isSameJson({ ...after, meta: before.meta }, before)) return;
  draft.setNode(after.id, after);
}
