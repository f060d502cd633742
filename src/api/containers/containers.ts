/**
 * `containers`: ls, inspect, logs, top, stats, wait, kill, stop, rm. Containers belong to tasks:
 * none is created here.
 */
import type { ContainerStatus } from '../../runtime/index.ts';
import type { Backend } from '../backend.ts';
import { conflict, badRequest, notImplemented } from '../http/errors.ts';
import type { Exchange, Handler, Reply, Route } from '../http/exchange.ts';
import { NO_CONTENT, flag, json, param } from '../http/exchange.ts';
import type { Filters } from '../http/filters.ts';
import { parseFilters } from '../http/filters.ts';
import { familiarReference } from '../images/image-reference.ts';
import { containerDocument, containerEntry, withImages } from './container-documents.ts';
import { logOptions, writeLogs } from './log-stream.ts';
import { containersOf, findContainer, findRunning, taskOf } from './lookup.ts';
import { statsRoute, topRoute } from './processes.ts';
import { waitForExit } from './wait.ts';

const FILTERS = [
  ...['ancestor', 'before', 'exited', 'expose', 'health', 'id', 'isolation', 'is-task', 'label'],
  ...['name', 'network', 'publish', 'since', 'status', 'volume'],
];
const SIGNAL = /^(?:[1-9]|[1-5][0-9]|6[0-4]|(?:SIG)?[A-Z][A-Z0-9]{1,9}(?:[+-][0-9]{1,2})?)$/;

export function containerRoutes(backend: Backend): readonly Route[] {
  const at = (method: Route['method'], verb: string, handle: RouteHandler): Route => ({
    method,
    path: `/containers/:id${verb}`,
    handle: (exchange) => handle(backend, exchange),
  });
  return [
    { method: 'GET', path: '/containers/json', handle: (exchange) => list(backend, exchange) },
    { method: 'POST', path: '/containers/prune', handle: prune },
    { method: 'POST', path: '/containers/create', handle: refuse('docker run and docker create') },
    at('GET', '/json', inspect),
    at('GET', '/logs', logs),
    at('GET', '/top', topRoute),
    at('GET', '/stats', statsRoute),
    at('POST', '/wait', waitForExit),
    at('POST', '/kill', kill),
    at('POST', '/stop', stop),
    at('DELETE', '', remove),
    ...REFUSED.map(([method, verb, name]): Route => ({
      method,
      path: `/containers/:id/${verb}`,
      handle: refuse(name),
    })),
  ];
}

type RouteHandler = (backend: Backend, exchange: Exchange) => Reply | Promise<Reply>;

/** What a task's container cannot be asked for: its service decides. */
const REFUSED: readonly (readonly [Route['method'], string, string])[] = [
  ['POST', 'start', 'docker start'],
  ['POST', 'restart', 'docker restart'],
  ['POST', 'pause', 'docker pause'],
  ['POST', 'unpause', 'docker unpause'],
  ['POST', 'rename', 'docker rename'],
  ['POST', 'update', 'docker update'],
  ['POST', 'attach', 'docker attach'],
  ['POST', 'resize', 'docker attach'],
  ['GET', 'archive', 'docker cp'],
  ['HEAD', 'archive', 'docker cp'],
  ['PUT', 'archive', 'docker cp'],
  ['GET', 'export', 'docker export'],
  ['GET', 'changes', 'docker diff'],
];

function refuse(command: string): Handler {
  return () => {
    throw notImplemented(
      `${command}: not available, because containers here are tasks of services; use docker ` +
        `service, docker exec and ` +
        'docker logs',
    );
  };
}

function prune(): Reply {
  return json({ ContainersDeleted: null, SpaceReclaimed: 0 });
}

async function list(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { query } = exchange;
  const filters = parseFilters(query, FILTERS);
  const limit = Number(query.get('limit') ?? 0);
  const isAll = flag(query, 'all') || limit > 0 || filters.has('status') || filters.has('exited');
  const newestFirst = [...containersOf(backend)].sort((a, b) => b.createdAtMs - a.createdAtMs);
  const admitted = newestFirst.filter(
    (container) =>
      (isAll || container.state === 'running') && isAdmitted(container, filters, backend),
  );
  const shown = await withImages(limit > 0 ? admitted.slice(0, limit) : admitted, backend.runtime);
  return json(shown.map((each) => containerEntry(each, backend)));
}

function isAdmitted(container: ContainerStatus, filters: Filters, backend: Backend): boolean {
  const { spec } = container;
  const isTask = filters.boolean('is-task');
  return (
    filters.admits('id', (wanted) => container.id.startsWith(wanted)) &&
    filters.admits('name', (wanted) => spec.name.includes(wanted.replace(/^[/^]+|\$$/g, ''))) &&
    filters.admits('status', (wanted) => container.state === wanted) &&
    filters.admits('exited', (wanted) => isExitedWith(container, wanted)) &&
    filters.admits('ancestor', (wanted) => isMadeFrom(container, wanted)) &&
    filters.admits('network', (wanted) => isOnNetwork(container, wanted, backend)) &&
    filters.admits('volume', (wanted) => hasVolume(container, wanted)) &&
    filters.admits('health', (wanted) => wanted === 'none') &&
    filters.admitsLabels('label', spec.labels) &&
    (isTask === undefined || isTask === 'com.docker.swarm.task.id' in spec.labels) &&
    isBetween(container, filters, backend)
  );
}

function isExitedWith(container: ContainerStatus, code: string): boolean {
  return container.state === 'exited' && String(container.exitCode ?? 0) === code;
}

function isMadeFrom({ spec, imageId }: ContainerStatus, image: string): boolean {
  return (
    familiarReference(spec.image) === familiarReference(image) ||
    imageId.replace('sha256:', '').startsWith(image.replace('sha256:', ''))
  );
}

function isOnNetwork(container: ContainerStatus, wanted: string, backend: Backend): boolean {
  const networks = backend.member.view?.networks;
  return (taskOf(backend, container)?.attachments ?? []).some(
    ({ networkId }) => networkId.startsWith(wanted) || networks?.get(networkId)?.name === wanted,
  );
}

function hasVolume({ spec }: ContainerStatus, wanted: string): boolean {
  return spec.mounts.some((mount) => mount.Source === wanted || mount.Target === wanted);
}

function isBetween(container: ContainerStatus, filters: Filters, backend: Backend): boolean {
  const createdAt = (reference: string): number =>
    findContainer(backend, reference).container.createdAtMs;
  return (
    filters.admits('before', (wanted) => container.createdAtMs < createdAt(wanted)) &&
    filters.admits('since', (wanted) => container.createdAtMs > createdAt(wanted))
  );
}

async function inspect(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { runtime, container } = findContainer(backend, param(exchange, 'id'));
  const [shown = { container, image: undefined }] = await withImages([container], runtime);
  return json(containerDocument(shown, backend));
}

function logs(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { runtime, container } = findContainer(backend, param(exchange, 'id'));
  const { hasTimestamps, ...options } = logOptions(exchange.query, backend.clock.wallMs());
  const lines = runtime.logs(container.id, { ...options, signal: exchange.signal });
  return writeLogs(exchange, lines, { hasTty: container.spec.hasTty, hasTimestamps });
}

async function kill(backend: Backend, exchange: Exchange): Promise<Reply> {
  const signal = exchange.query.get('signal') ?? '';
  if (signal !== '' && !SIGNAL.test(signal)) {
    throw badRequest(`Invalid signal: ${signal.slice(0, 40)}`);
  }
  const { runtime, container } = findRunning(backend, param(exchange, 'id'));
  await runtime.kill(container.id, signal === '' ? 'SIGKILL' : signal);
  return NO_CONTENT;
}

async function stop(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { runtime, container } = findContainer(backend, param(exchange, 'id'));
  if (container.state !== 'running') return { kind: 'empty', status: 304 };
  const seconds = exchange.query.get('t') ?? '';
  if (seconds !== '' && !/^-?[0-9]{1,6}$/.test(seconds)) {
    throw badRequest(`invalid t: ${seconds.slice(0, 40)}`);
  }
  // Docker reads a negative timeout as "wait for ever"; a day is as good.
  const graceMs = Number(seconds) < 0 ? 24 * 3_600_000 : Number(seconds) * 1000;
  await runtime.stop(container.id, seconds === '' ? undefined : graceMs);
  return NO_CONTENT;
}

async function remove(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { runtime, container } = findContainer(backend, param(exchange, 'id'));
  if (container.state === 'running') {
    if (!flag(exchange.query, 'force')) {
      throw conflict(
        `cannot remove container "/${container.spec.name}": container is running: stop the ` +
          `container before removing ` +
          'or force remove',
      );
    }
    await runtime.stop(container.id, 0);
  }
  await runtime.remove(container.id);
  return NO_CONTENT;
}
