/**
 * `volumes`: those that containers of this node mount. They come with a task's mount and are its
 * only way in.
 */
import type { Backend } from '../backend.ts';
import { notFound, notImplemented } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { json, param } from '../http/exchange.ts';
import { parseFilters } from '../http/filters.ts';
import { rfc3339 } from '../swarm/access.ts';

const FILTERS = ['dangling', 'driver', 'label', 'name'];

interface VolumeDocument {
  readonly Name: string;
  readonly Driver: 'local';
  readonly Mountpoint: string;
  readonly CreatedAt: string;
  readonly Labels: null;
  readonly Options: null;
  readonly Scope: 'local';
}

export function volumeRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: '/volumes', handle: (exchange) => list(backend, exchange) },
    { method: 'GET', path: '/volumes/:name', handle: (exchange) => inspect(backend, exchange) },
    { method: 'POST', path: '/volumes/create', handle: refuseCreate },
    { method: 'DELETE', path: '/volumes/:name', handle: refuseRemove },
    {
      method: 'POST',
      path: '/volumes/prune',
      handle: () => json({ VolumesDeleted: null, SpaceReclaimed: 0 }),
    },
  ];
}

/** Each volume once, as old as the first container that has it. */
function volumesOf(backend: Backend): readonly VolumeDocument[] {
  const oldestFirst = [...(backend.runtime?.list() ?? [])].sort(
    (a, b) => a.createdAtMs - b.createdAtMs,
  );
  const byName = new Map<string, VolumeDocument>();
  for (const { spec, createdAtMs } of oldestFirst) {
    for (const { Type, Source = '' } of spec.mounts) {
      if (Type !== 'volume' || Source === '' || byName.has(Source)) continue;
      byName.set(Source, {
        Name: Source,
        Driver: 'local',
        Mountpoint: `${backend.facts().dataDirectory}/volumes/${Source}/_data`,
        CreatedAt: rfc3339(createdAtMs),
        Labels: null,
        Options: null,
        Scope: 'local',
      });
    }
  }
  return [...byName.values()];
}

function list(backend: Backend, exchange: Exchange): Reply {
  const filters = parseFilters(exchange.query, FILTERS);
  const dangling = filters.boolean('dangling');
  const volumes = volumesOf(backend).filter(
    (volume) =>
      filters.admits('name', (wanted) => volume.Name.includes(wanted)) &&
      filters.admits('driver', (wanted) => volume.Driver === wanted) &&
      filters.admitsLabels('label', {}) &&
      dangling !== true,
  );
  return json({ Volumes: volumes, Warnings: null });
}

function inspect(backend: Backend, exchange: Exchange): Reply {
  const name = param(exchange, 'name');
  const volume = volumesOf(backend).find(({ Name }) => Name === name);
  if (!volume) throw notFound(`get ${name}: no such volume`);
  return json(volume);
}

function refuseCreate(): Reply {
  throw notImplemented(
    'volumes are made where a task mounts them: use docker service create --mount type=volume,…',
  );
}

function refuseRemove(): Reply {
  throw notImplemented('removing volumes is not available in this version');
}
