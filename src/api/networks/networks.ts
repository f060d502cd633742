/** `networks`: ls, inspect, create, rm, prune. */
import { randomId } from '../../base/index.ts';
import type { Network, NetworkId } from '../../model/index.ts';
import { parseNetworkSpec } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import type { Backend } from '../backend.ts';
import { readJsonObject } from '../http/body.ts';
import { ApiError, badRequest, notFound, notImplemented } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { NO_CONTENT, flag, json, param } from '../http/exchange.ts';
import type { Filters } from '../http/filters.ts';
import { parseFilters } from '../http/filters.ts';
import { RefusedError, managerOf, propose } from '../swarm/access.ts';
import type { ShownNetwork } from './network-documents.ts';
import {
  containersDocument,
  peersDocument,
  servicesDocument,
  shownGateway,
  shownNetwork,
  shownNetworkRow,
} from './network-documents.ts';

const FILTERS = ['dangling', 'driver', 'id', 'idOrName', 'label', 'name', 'scope', 'type'];
const PRUNE_FILTERS = ['label', 'label!', 'until'];
/** Names that mean something to Docker's tools and are never an overlay's. */
const RESERVED_NAMES = ['bridge', 'host', 'none', 'default', 'hawser_gw', 'docker_gwbridge'];

export function networkRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: '/networks', handle: (exchange) => list(backend, exchange) },
    { method: 'GET', path: '/networks/:id', handle: (exchange) => inspect(backend, exchange) },
    { method: 'POST', path: '/networks/create', handle: (exchange) => create(backend, exchange) },
    { method: 'POST', path: '/networks/prune', handle: (exchange) => prune(backend, exchange) },
    { method: 'DELETE', path: '/networks/:id', handle: (exchange) => remove(backend, exchange) },
    { method: 'POST', path: '/networks/:id/connect', handle: refuseConnect },
    { method: 'POST', path: '/networks/:id/disconnect', handle: refuseConnect },
  ];
}

function refuseConnect(): Reply {
  throw notImplemented(
    'tasks are connected to networks by their service: use docker service update',
  );
}

/**
 * Everything there is: the cluster's overlays as far as this node knows them, and the local gateway
 * bridge.
 */
function shownNetworks(backend: Backend): readonly ShownNetwork[] {
  const { gateway } = backend.facts();
  return [...(gateway ? [shownGateway(gateway)] : []), ...overlays(backend)];
}

function overlays(backend: Backend): readonly ShownNetwork[] {
  const { manager, view } = backend.member;
  if (!manager) return [...(view?.networks.values() ?? [])].map(shownNetworkRow);
  const used = usedNetworks(manager.store);
  return [...manager.store.networks.values()].map((network) =>
    shownNetwork(network, used.has(network.id)),
  );
}

function usedNetworks(store: Store): ReadonlySet<string> {
  const used = new Set<string>();
  for (const service of store.services.values()) {
    for (const each of service.spec.TaskTemplate.Networks ?? []) used.add(each.Target);
  }
  for (const task of store.tasks.values()) {
    for (const each of task.attachments) used.add(each.networkId);
  }
  return used;
}

function list(backend: Backend, exchange: Exchange): Reply {
  const filters = parseFilters(exchange.query, FILTERS);
  const networks = shownNetworks(backend).filter((network) => isAdmitted(network, filters));
  return json(networks.map((network) => network.document));
}

function isAdmitted(network: ShownNetwork, filters: Filters): boolean {
  const dangling = filters.boolean('dangling');
  return (
    filters.admits('driver', (wanted) => network.driver === wanted) &&
    filters.admits('id', (wanted) => network.id.includes(wanted)) &&
    filters.admits('idOrName', (wanted) => network.id === wanted || network.name === wanted) &&
    filters.admits('name', (wanted) => network.name.includes(wanted)) &&
    filters.admits('scope', (wanted) => network.scope === wanted) &&
    filters.admits('type', (wanted) => typeOf(network, wanted)) &&
    filters.admitsLabels('label', network.labels) &&
    (dangling === undefined || dangling === !network.isInUse)
  );
}

/** `builtin` are networks that come with the engine; here the gateway bridge and ingress. */
function typeOf(network: ShownNetwork, wanted: string): boolean {
  if (wanted !== 'builtin' && wanted !== 'custom') {
    throw badRequest(`invalid filter: 'type'='${wanted}'`);
  }
  return (wanted === 'builtin') === (network.scope === 'local');
}

/** Finds a network by id, name or prefix of its id; throws `ApiError`. */
export function findNetwork(
  backend: Backend,
  reference: string,
  scope?: string | null,
): ShownNetwork {
  const all = shownNetworks(backend).filter((network) => !scope || network.scope === scope);
  const exact =
    all.find((network) => network.id === reference) ??
    all.find((network) => network.name === reference);
  if (exact) return exact;
  const started = reference === '' ? [] : all.filter((each) => each.id.startsWith(reference));
  if (started.length > 1) {
    throw badRequest(
      `network ${reference} is ambiguous (${started.length} matches found based on ID prefix)`,
    );
  }
  const [found] = started;
  if (!found) throw notFound(`network ${reference} not found`);
  return found;
}

function inspect(backend: Backend, exchange: Exchange): Reply {
  const scope = exchange.query.get('scope');
  const shown = findNetwork(backend, param(exchange, 'id'), scope);
  const { manager, view } = backend.member;
  const network = manager?.store.networks.get(shown.id as NetworkId);
  const isVerbose = flag(exchange.query, 'verbose');
  return json({
    ...shown.document,
    Containers: containersDocument(shown.id, view),
    ...(manager && network ? { Peers: peersDocument(network, manager.store) } : {}),
    ...(manager && network && isVerbose
      ? { Services: servicesDocument(network, manager.store) }
      : {}),
  });
}

async function create(backend: Backend, exchange: Exchange): Promise<Reply> {
  const document = await readJsonObject(exchange);
  const name = document['Name'];
  if (typeof name === 'string' && RESERVED_NAMES.includes(name)) {
    throw new ApiError(
      { code: 'forbidden' },
      `operation is not permitted on predefined ${name} network`,
    );
  }
  const driver = document['Driver'];
  if (typeof driver === 'string' && driver !== '' && driver !== 'overlay') {
    throw badRequest(
      `network driver "${driver.slice(0, 100)}" is not available: Hawser makes overlay ` +
        `networks, use --driver overlay`,
    );
  }
  managerOf(backend);
  const spec = parseNetworkSpec(document);
  const id = randomId(backend.rng) as NetworkId;
  await propose(backend, { type: 'network.create', id, spec });
  return json({ Id: id, Warning: '' }, 201);
}

async function remove(backend: Backend, exchange: Exchange): Promise<Reply> {
  const network = findNetwork(backend, param(exchange, 'id'));
  if (network.scope === 'local') {
    throw new ApiError(
      { code: 'forbidden' },
      `${network.name} is a pre-defined network and cannot be removed`,
    );
  }
  await propose(backend, { type: 'network.remove', id: network.id as NetworkId });
  return NO_CONTENT;
}

async function prune(backend: Backend, exchange: Exchange): Promise<Reply> {
  const filters = parseFilters(exchange.query, PRUNE_FILTERS);
  const { manager } = backend.member;
  if (!manager) return json({ NetworksDeleted: null });
  const used = usedNetworks(manager.store);
  const unused = [...manager.store.networks.values()].filter(
    (network) => !used.has(network.id) && isPrunable(network, filters, backend),
  );
  const deleted: string[] = [];
  for (const network of unused)
    if (await tryRemove(backend, network)) deleted.push(network.spec.Name);
  return json({ NetworksDeleted: deleted });
}

function isPrunable(network: Network, filters: Filters, backend: Backend): boolean {
  const isKept = filters.has('label!') && filters.admitsLabels('label!', network.spec.Labels);
  const until = filters.get('until')[0];
  const isYoung =
    until !== undefined && network.meta.createdAtMs > untilMs(until, backend.clock.wallMs());
  return (
    !network.spec.Ingress &&
    !isKept &&
    !isYoung &&
    filters.admitsLabels('label', network.spec.Labels)
  );
}

/** `until=` of prune: a duration before now (`24h`, `10m`), seconds since the epoch, or a date. */
function untilMs(text: string, nowMs: number): number {
  const duration = /^(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?$/.exec(text);
  if (duration && text !== '') {
    const [hours, minutes, seconds] = [1, 2, 3].map((group) => Number(duration[group] ?? 0));
    return nowMs - ((hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0)) * 1000;
  }
  const ms = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(ms)) throw badRequest(`invalid filter 'until=${text.slice(0, 100)}'`);
  return ms;
}

/** False when the network came into use meanwhile. */
async function tryRemove(backend: Backend, network: Network): Promise<boolean> {
  try {
    await propose(backend, { type: 'network.remove', id: network.id });
    return true;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}
