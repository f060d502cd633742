/** `nodes`: ls, inspect, update, rm. */
import type { Cluster, Node, Revision } from '../../model/index.ts';
import { parseNodeSpec } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { readJsonObject } from '../http/body.ts';
import { notImplemented } from '../http/errors.ts';
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
  return json(nodes.map((node) => nodeDocument(node, clusterOf(manager))));
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
  return json(nodeDocument(node, clusterOf(managerOf(backend))));
}

async function update(backend: Backend, exchange: Exchange): Promise<Reply> {
  const node = findNode(backend, param(exchange, 'id'));
  const spec = parseNodeSpec(await readJsonObject(exchange));
  if (spec.Role !== node.spec.Role) {
    throw notImplemented(
      spec.Role === 'manager'
        ? `node ${node.id} cannot be promoted: this version runs one manager`
        : `node ${node.id} cannot be demoted: it is the last manager of the swarm`,
    );
  }
  const version = versionOf(exchange.query) as Revision;
  await propose(backend, { type: 'node.update', id: node.id, version, spec });
  return OK_EMPTY;
}

async function remove(backend: Backend, exchange: Exchange): Promise<Reply> {
  const node = findNode(backend, param(exchange, 'id'));
  const isForced = flag(exchange.query, 'force');
  await propose(backend, { type: 'node.remove', id: node.id, isForced });
  return OK_EMPTY;
}

/** A node as `GET /nodes/{id}` shows it. */
export function nodeDocument(node: Node, cluster: Cluster): object {
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
    ...managerStatus(node),
  };
}

function managerStatus(node: Node): object {
  if (node.spec.Role !== 'manager' || node.managerAddress === undefined) return {};
  const isUp = node.state === 'ready';
  return {
    ManagerStatus: {
      Leader: true,
      Reachability: isUp ? 'reachable' : 'unreachable',
      Addr: node.managerAddress,
    },
  };
}
