/** What this node tells the others of its own endpoints: derived anew whenever it is asked for. */
import { encodeFact, factKey, type OwnRowName } from '../../../gossip/index.ts';
import {
  isTerminal,
  type AssignmentRow,
  type EndpointRow,
  type NodeView,
  type TaskId,
  type TaskState,
} from '../../../model/index.ts';

export interface OwnFact {
  readonly name: OwnRowName;
  readonly value: Uint8Array;
}

/**
 * A fact for each endpoint of this node that is ready, or is not to be used any more. One that has
 * ended says `draining` for as long as managers still name it: that a row is not there means
 * nothing, since it may only not have come yet. `stateOf` is what the task was last seen in here.
 */
export function ownFacts(
  view: NodeView,
  stateOf: (taskId: TaskId) => TaskState | undefined,
): OwnFact[] {
  const vtep = view.peers.get(view.selfId)?.vtep;
  if (vtep === undefined) return [];
  const facts: OwnFact[] = [];
  for (const assignment of view.assignments.values()) {
    const endpoint = view.endpoints.get(assignment.task.id);
    const state = endpointState(assignment, stateOf(assignment.task.id));
    if (endpoint === undefined || state === undefined) continue;
    facts.push(...factsOf(endpoint, state, vtep));
  }
  return facts;
}

function endpointState(
  { task }: AssignmentRow,
  seen: TaskState = task.status.state,
): 'ready' | 'draining' | undefined {
  if (isTerminal(seen)) return 'draining';
  const isWanted = task.desiredState === 'running';
  if (seen === 'running') return isWanted ? 'ready' : 'draining';
  return undefined;
}

function factsOf(
  { taskId, serviceId, attachments }: EndpointRow,
  state: 'ready' | 'draining',
  vtep: string,
): OwnFact[] {
  return attachments.map(({ networkId, address, mac }) => {
    const about = { taskId, serviceId, state, vtep, mac, addresses: [{ address }] };
    const fact = { kind: 'endpoint', ...about } as const;
    return { name: { networkId, ...factKey(fact) }, value: encodeFact(fact) };
  });
}
