/** `nodes`: ls, inspect, update (promote and demote among them), rm. */
import type { ManagerInfo } from '../../cluster/index.ts';
import type { Cluster, Node, NodeId, NodeState, Revision } from '../../model/index.ts';
import { parseNodeSpec } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { readJsonObject } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { OK_EMPTY, flag, json, param } from '../http/exchange.ts';
import type { Filters } from '../http/filters.ts';
import { parseFilters } from '../http/filters.ts';
import { clusterOf, findOne, managerOf, metaDocument, propose, versionOf } from './access.ts';
import { nodeTlsDocument } from './cluster-documents.ts';

const FILTERS = ['id', 'label', 'engine.label', 'membership', 'name', 'node.label', 'role'];

export function nodeRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: '/nodes', handle: (exchange) => list(backend, exchange) },
    { method: 'GET', path: '/nodes/:id', handle: (exchange) => inspect(backend, exchange) },
    { method: 'POST', path: '/nodes/:id/update', handle: (exchange) => update(backend, exchange) },
    { method: 'DELETE', path: '/nodes/:id', handle: (exchange) => remove(backend, exchange) },
  ];
}

/** Finds a node by id, hostname, or prefix of its id; throws `ApiError`. */
export function findNode(backend: Backend, reference: string): Node {
  return findOne('node', reference, managerOf(backend).store.nodes);
}

function list(backend: Backend, exchange: Exchange): Reply {
  const manager = managerOf(backend);
  const filters = parseFilters(exchange.query, FILTERS);
  const nodes = [...manager.store.nodes.values()].filter((node) => isAdmitted(node, filters));
  const cluster = clusterOf(manager);
  const managers = new Map(manager.managers().map((each) => [each.nodeId, each]));
  return json(nodes.map((node) => nodeDocument(node, { cluster, part: managers.get(node.id) })));
}

function isAdmitted(node: Node, filters: Filters): boolean {
  return (
    filters.admits('id', (wanted) => node.id.startsWith(wanted)) &&
    filters.admits('name', (wanted) => node.description.hostname.startsWith(wanted)) &&
    filters.admits('role', (wanted) => node.spec.Role === wanted) &&
    filters.admits('membership', (wanted) => wanted === 'accepted') &&
    filters.admitsLabels('node.label', node.spec.Labels) &&
    filters.admitsLabels('label', {}) &&
    filters.admitsLabels('engine.label', {})
  );
}

function inspect(backend: Backend, exchange: Exchange): Reply {
  const node = findNode(backend, param(exchange, 'id'));
  const manager = managerOf(backend);
  const part = manager.managers().find(({ nodeId }) => nodeId === node.id);
  return json(nodeDocument(node, { cluster: clusterOf(manager), part }));
}

async function update(backend: Backend, exchange: Exchange): Promise<Reply> {
  const node = findNode(backend, param(exchange, 'id'));
  const spec = parseNodeSpec(await readJsonObject(exchange));
  if (node.spec.Role === 'manager' && spec.Role === 'worker') {
    requireQuorumWithout(node.id, managerOf(backend).managers());
  }
  const version = versionOf(exchange.query) as Revision;
  await propose(backend, { type: 'node.update', id: node.id, version, spec });
  return OK_EMPTY;
}

/**
 * Refuses to demote a manager when those that would be left could not decide anything. That the
 * last manager stays is up to the store.
 */
function requireQuorumWithout(id: NodeId, managers: readonly ManagerInfo[]): void {
  const others = managers.filter(({ nodeId }) => nodeId !== id);
  if (others.length === 0 || others.length === managers.length) return;
  const reachable = others.filter(({ reachability }) => reachability !== 'unreachable').length;
  if (reachable > others.length / 2) return;
  throw badRequest(
    "can't remove member from the raft: this would result in a loss of quorum: only " +
      `${reachable} of the ${others.length} other managers can be reached`,
  );
}

async function remove(backend: Backend, exchange: Exchange): Promise<Reply> {
  const node = findNode(backend, param(exchange, 'id'));
  const isForced = flag(exchange.query, 'force');
  await propose(backend, { type: 'node.remove', id: node.id, isForced });
  return OK_EMPTY;
}

interface NodeSurroundings {
  readonly cluster: Cluster;
  /** Its part among the managers, if it has one. */
  readonly part: ManagerInfo | undefined;
}

/** A node as `GET /nodes/{id}` shows it. */
function nodeDocument(node: Node, { cluster, part }: NodeSurroundings): object {
  const { description } = node;
  return {
    ...metaDocument(node),
    Spec: node.spec,
    Description: {
      Hostname: description.hostname,
      Platform: { Architecture: description.architecture, OS: description.os },
      Resources: { NanoCPUs: description.nanoCpus, MemoryBytes: description.memoryBytes },
      Engine: {
        EngineVersion: description.engineVersion,
        Plugins: [{ Type: 'Network', Name: 'overlay' }],
      },
      TLSInfo: nodeTlsDocument(node, cluster),
    },
    Status: {
      State: node.state,
      ...(node.stateMessage === '' ? {} : { Message: node.stateMessage }),
      Addr: node.address,
    },
    ...(part && { ManagerStatus: managerStatus(part, node) }),
  };
}

function managerStatus({ isLeader, reachability, address }: ManagerInfo, node: Node): object {
  return {
    ...(isLeader && { Leader: true }),
    Reachability: reachability === 'unknown' ? REACHABILITY_OF_STATE[node.state] : reachability,
    Addr: address,
  };
}

/**
 * Managers that do not lead hear the leader only. Of the others they know what the leader wrote
 * down, which is a few seconds behind: whether their nodes are in session with it.
 */
const REACHABILITY_OF_STATE: Readonly<Record<NodeState, ManagerInfo['reachability']>> = {
  ready: 'reachable',
  down: 'unreachable',
  unknown: 'unknown',
};
