/** `images`: import, load, ls, inspect, history, tag, rm; pull is refused. */
import type { ImageStore, ImageSummary } from '../../runtime/index.ts';
import { isImageReference } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { bodyStream } from '../http/body.ts';
import { badRequest, notFound, notImplemented, unavailable } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { WRITTEN, flag, json, param } from '../http/exchange.ts';
import type { Filters } from '../http/filters.ts';
import { parseFilters } from '../http/filters.ts';
import { startStream } from '../http/reply.ts';
import { familiarReference, splitTag } from './image-reference.ts';
import { familiarImages, historyDocument, imageDocument } from './image-documents.ts';

const FILTERS = ['before', 'dangling', 'label', 'reference', 'since', 'until'];

export function imageRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: '/images/json', handle: (exchange) => list(backend, exchange) },
    { method: 'POST', path: '/images/create', handle: (exchange) => create(backend, exchange) },
    { method: 'POST', path: '/images/load', handle: (exchange) => load(backend, exchange) },
    { method: 'POST', path: '/images/prune', handle: () => prune() },
    { method: 'GET', path: '/images/search', handle: refuseSearch },
    {
      method: 'GET',
      path: '/images/:name/json',
      handle: async (exchange) => json(imageDocument(await findImage(backend, exchange))),
    },
    {
      method: 'GET',
      path: '/images/:name/history',
      handle: async (exchange) => json(historyDocument(await findImage(backend, exchange))),
    },
    { method: 'POST', path: '/images/:name/tag', handle: (exchange) => tag(backend, exchange) },
    { method: 'POST', path: '/images/:name/push', handle: refusePush },
    { method: 'DELETE', path: '/images/:name', handle: (exchange) => remove(backend, exchange) },
  ];
}

/** This node's images; throws `ApiError` where no tasks run. */
function imagesOf(backend: Backend): ImageStore {
  if (backend.runtime) return backend.runtime.images;
  throw unavailable('this node has no runtime: it was started with --runtime none');
}

async function findImage(backend: Backend, exchange: Exchange): Promise<ImageSummary> {
  const reference = param(exchange, 'name');
  const images = imagesOf(backend);
  const image = (await images.find(reference)) ?? (await images.find(familiarReference(reference)));
  if (!image) throw notFound(`No such image: ${familiarReference(reference)}`);
  return image;
}

async function list(backend: Backend, exchange: Exchange): Promise<Reply> {
  const filters = parseFilters(exchange.query, FILTERS);
  const images = (await backend.runtime?.images.list()) ?? [];
  const admitted = images
    .filter((image) => isAdmitted(image, filters))
    .map((image) => ({ ...image, tags: tagsShown(image, filters) }));
  return json(familiarImages(admitted, backend));
}

function isAdmitted(image: ImageSummary, filters: Filters): boolean {
  const dangling = filters.boolean('dangling');
  return (
    filters.admits('reference', (pattern) => image.tags.some((each) => matches(each, pattern))) &&
    filters.admitsLabels('label', image.config.config?.Labels ?? {}) &&
    (dangling === undefined || dangling === (image.tags.length === 0))
  );
}

/** Where names are filtered on, an image is listed under those only. */
function tagsShown({ tags }: ImageSummary, filters: Filters): readonly string[] {
  return tags.filter((each) => filters.admits('reference', (pattern) => matches(each, pattern)));
}

/** Docker's `reference` filter: a glob over the name, with or without its tag. */
function matches(reference: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const glob = new RegExp(`^${escaped.replace(/\*/g, '[^/]*').replace(/\?/g, '[^/]')}$`);
  return glob.test(reference) || glob.test(splitTag(reference).name);
}

async function create(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { query } = exchange;
  const source = query.get('fromSrc') ?? '';
  if (source === '') return refusePull(query.get('fromImage') ?? '');
  if (source !== '-') {
    throw notImplemented(
      'import from a URL is not available: fetch it and pipe it to docker import -',
    );
  }
  const images = imagesOf(backend);
  const reference = referenceOf(query.get('repo') ?? '', query.get('tag') ?? '');
  const message = query.get('message') ?? '';
  const image = await images.importRootfs(bodyStream(exchange), {
    ...(reference === '' ? {} : { reference }),
    ...(message === '' ? {} : { message }),
    changes: query.getAll('changes'),
  });
  backend.member.refreshDescription();
  return progress(exchange, [{ status: image.id }]);
}

/** `name[:tag]` as Docker prints it; empty when no name was given. Throws `ApiError`. */
function referenceOf(repository: string, tag: string): string {
  if (repository === '') return '';
  const reference = familiarReference(tag === '' ? repository : `${repository}:${tag}`);
  if (isImageReference(reference) && !reference.includes('@')) return reference;
  throw badRequest(`invalid reference format: ${JSON.stringify(reference.slice(0, 200))}`);
}

async function load(backend: Backend, exchange: Exchange): Promise<Reply> {
  const loaded = await imagesOf(backend).load(bodyStream(exchange));
  backend.member.refreshDescription();
  return progress(exchange, loaded.flatMap(loadedLines));
}

function loadedLines(image: ImageSummary): readonly object[] {
  if (image.tags.length === 0) return [{ stream: `Loaded image ID: ${image.id}\n` }];
  return image.tags.map((each) => ({ stream: `Loaded image: ${each}\n` }));
}

function progress(exchange: Exchange, lines: readonly object[]): Reply {
  startStream(exchange, 'application/json');
  exchange.response.end(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
  return WRITTEN;
}

function refusePull(image: string): Reply {
  throw unavailable(
    `pull of ${image.slice(0, 200)} refused: no registry is reachable; bring images with docker ` +
      `import or docker load`,
  );
}

function refusePush(): Reply {
  throw notImplemented('push is not available: no registry is reachable');
}

function refuseSearch(): Reply {
  throw notImplemented('search is not available: no registry is reachable');
}

/** Images without a name are still what tasks were made from: nothing is thrown away unasked. */
function prune(): Reply {
  return json({ ImagesDeleted: null, SpaceReclaimed: 0 });
}

async function tag(backend: Backend, exchange: Exchange): Promise<Reply> {
  const image = await findImage(backend, exchange);
  const { query } = exchange;
  const reference = referenceOf(query.get('repo') ?? '', query.get('tag') ?? '');
  if (reference === '') throw badRequest('invalid reference format: repo is required');
  await imagesOf(backend).tag(image.id, reference);
  backend.member.refreshDescription();
  return { kind: 'empty', status: 201 };
}

async function remove(backend: Backend, exchange: Exchange): Promise<Reply> {
  const image = await findImage(backend, exchange);
  const reference = param(exchange, 'name');
  const named = familiarReference(reference);
  const target = image.tags.includes(named) ? named : image.id;
  const removed = await imagesOf(backend).remove(target, flag(exchange.query, 'force'));
  backend.member.refreshDescription();
  return json(
    removed.map((each) => ({
      ...(each.untagged === undefined ? {} : { Untagged: each.untagged }),
      ...(each.deleted === undefined ? {} : { Deleted: each.deleted }),
    })),
  );
}
