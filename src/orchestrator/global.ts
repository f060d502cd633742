import type { Node, NodeId, Service, Task } from '../model/index.ts';
import type { Decision } from './decision.ts';
import { inspect, type Group, type Inspection } from './group.ts';
import { isEligible } from './placement/filters.ts';
import { reconcileGroups, retire } from './reconcile.ts';

/** Brings a global service to one task on each node that fits it. */
export function reconcileGlobal(decision: Decision, service: Service): readonly Group[] {
  const byNode = nodesOf(decision.store.tasksByService(service.id));
  const isEligibleNode = isEligible(service);
  const inspections: Inspection[] = [];
  for (const node of decision.store.nodes.values()) {
    // A node that is down keeps its task: nobody else could run it, and it may come back with the
    // task alive.
    if (node.state === 'down') continue;
    const group = { slot: 0, nodeId: node.id, tasks: byNode.get(node.id) ?? [] };
    const isMember = isEligibleNode(node) && node.spec.Availability !== 'drain';
    const inspection = inspect(decision, service, { group, mayStay: () => isMember });
    if (!isMember) for (const task of inspection.retired) retire(decision, task);
    else if (inspection.standing !== 'vacant' || takesTasks(node)) inspections.push(inspection);
  }
  reconcileGroups(decision, service, inspections);
  dropHomeless(decision, byNode);
  return [...byNode].map(([nodeId, tasks]) => ({ slot: 0, ...(nodeId && { nodeId }), tasks }));
}

function takesTasks(node: Node): boolean {
  return node.state === 'ready' && node.spec.Availability === 'active';
}

function nodesOf(tasks: readonly Task[]): ReadonlyMap<NodeId | undefined, readonly Task[]> {
  const nodes = new Map<NodeId | undefined, Task[]>();
  for (const task of tasks) {
    if (task.desiredState === 'remove') continue;
    const ofNode = nodes.get(task.nodeId);
    if (ofNode === undefined) nodes.set(task.nodeId, [task]);
    else ofNode.push(task);
  }
  return nodes;
}

/**
 * Tasks of nodes that left the cluster, and tasks that never reached their node, have no one to
 * replace them.
 */
function dropHomeless(
  decision: Decision,
  byNode: ReadonlyMap<NodeId | undefined, readonly Task[]>,
): void {
  for (const [nodeId, tasks] of byNode) {
    if (nodeId !== undefined && decision.store.nodes.has(nodeId)) continue;
    for (const task of tasks) decision.desire(task, 'remove');
  }
}
