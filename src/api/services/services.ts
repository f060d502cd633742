/** `services`: create, ls, inspect, update (scale and rollback among them), rm. */
import { randomId } from '../../base/index.ts';
import type { Revision, Service, ServiceId } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { readJsonObject } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { OK_EMPTY, flag, json, param } from '../http/exchange.ts';
import type { Filters } from '../http/filters.ts';
import { parseFilters } from '../http/filters.ts';
import { findOne, managerOf, propose, versionOf } from '../swarm/access.ts';
import {
  serviceDocument,
  serviceStatusDocument,
  withInsertedDefaults,
} from './service-documents.ts';
import { readServiceSpec, requireKnownImage } from './service-spec.ts';

const FILTERS = ['id', 'label', 'mode', 'name', 'runtime'];

export function serviceRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: '/services', handle: (exchange) => list(backend, exchange) },
    { method: 'POST', path: '/services/create', handle: (exchange) => create(backend, exchange) },
    { method: 'GET', path: '/services/:id', handle: (exchange) => inspect(backend, exchange) },
    {
      method: 'POST',
      path: '/services/:id/update',
      handle: (exchange) => update(backend, exchange),
    },
    { method: 'DELETE', path: '/services/:id', handle: (exchange) => remove(backend, exchange) },
  ];
}

/** Finds a service by id, name or prefix of its id; throws `ApiError`. */
export function findService(backend: Backend, reference: string): Service {
  return findOne('service', reference, managerOf(backend).store.services);
}

function list(backend: Backend, exchange: Exchange): Reply {
  const { store } = managerOf(backend);
  const filters = parseFilters(exchange.query, FILTERS);
  const hasStatus = flag(exchange.query, 'status');
  const services = [...store.services.values()].filter((service) => isAdmitted(service, filters));
  return json(
    services.map((service) => ({
      ...serviceDocument(service, store),
      ...(hasStatus ? { ServiceStatus: serviceStatusDocument(service, store) } : {}),
    })),
  );
}

function isAdmitted(service: Service, filters: Filters): boolean {
  const mode = 'Replicated' in service.spec.Mode ? 'replicated' : 'global';
  return (
    filters.admits('id', (wanted) => service.id.startsWith(wanted)) &&
    filters.admits('name', (wanted) => service.spec.Name.startsWith(wanted)) &&
    filters.admits('mode', (wanted) => wanted === mode) &&
    filters.admits('runtime', (wanted) => wanted === '' || wanted === 'container') &&
    filters.admitsLabels('label', service.spec.Labels)
  );
}

function inspect(backend: Backend, exchange: Exchange): Reply {
  const { store } = managerOf(backend);
  const service = findService(backend, param(exchange, 'id'));
  const document = serviceDocument(service, store);
  if (!flag(exchange.query, 'insertDefaults')) return json(document);
  return json({ ...document, Spec: withInsertedDefaults(service.spec) });
}

async function create(backend: Backend, exchange: Exchange): Promise<Reply> {
  managerOf(backend);
  const spec = readServiceSpec(backend, await readJsonObject(exchange));
  await requireKnownImage(backend, spec.TaskTemplate.ContainerSpec.Image);
  const id = randomId(backend.rng) as ServiceId;
  await propose(backend, { type: 'service.create', id, spec });
  return json({ ID: id, Warnings: null }, 201);
}

async function update(backend: Backend, exchange: Exchange): Promise<Reply> {
  const service = findService(backend, param(exchange, 'id'));
  const version = versionOf(exchange.query) as Revision;
  const document = await readJsonObject(exchange);
  const spec = isRollback(exchange) ? previousSpecOf(service) : readServiceSpec(backend, document);
  const image = spec.TaskTemplate.ContainerSpec.Image;
  if (image !== service.spec.TaskTemplate.ContainerSpec.Image) {
    await requireKnownImage(backend, image);
  }
  await propose(backend, { type: 'service.update', id: service.id, version, spec });
  return json({ Warnings: null });
}

function isRollback(exchange: Exchange): boolean {
  const rollback = exchange.query.get('rollback') ?? '';
  if (rollback === '' || rollback === 'none') return false;
  if (rollback === 'previous') return true;
  throw badRequest(`unrecognized rollback option ${rollback.slice(0, 40)}`);
}

function previousSpecOf(service: Service): Service['spec'] {
  if (service.previousSpec) return service.previousSpec;
  throw badRequest(`service ${service.id} does not have a previous spec to roll back to`);
}

async function remove(backend: Backend, exchange: Exchange): Promise<Reply> {
  const service = findService(backend, param(exchange, 'id'));
  await propose(backend, { type: 'service.remove', id: service.id });
  return OK_EMPTY;
}
