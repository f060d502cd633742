/** Images as Docker shows them. */
import type { ImageSummary } from '../../runtime/index.ts';
import type { Backend } from '../backend.ts';
import { rfc3339 } from '../swarm/access.ts';

/** `GET /images/json` of what the store holds. */
export function familiarImages(
  images: readonly ImageSummary[],
  backend: Backend,
): readonly object[] {
  const users = backend.runtime?.list() ?? [];
  return images.map((image) => ({
    Id: image.id,
    ParentId: '',
    RepoTags: image.tags,
    RepoDigests: [],
    Created: Math.floor(image.createdAtMs / 1000),
    Size: image.bytes,
    VirtualSize: image.bytes,
    SharedSize: -1,
    Labels: image.config.config?.Labels ?? {},
    Containers: users.filter((container) => container.imageId === image.id).length,
  }));
}

/** `GET /images/{name}/json`. */
export function imageDocument(image: ImageSummary): object {
  const { config } = image;
  const run = config.config ?? {};
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: [],
    Parent: '',
    Comment: commentOf(image),
    Created: config.created ?? rfc3339(image.createdAtMs),
    DockerVersion: '',
    Author: config.author ?? '',
    Config: {
      Hostname: '',
      User: run.User ?? '',
      Env: run.Env ?? null,
      Cmd: run.Cmd ?? null,
      Entrypoint: run.Entrypoint ?? null,
      WorkingDir: run.WorkingDir ?? '',
      Labels: run.Labels ?? null,
      ExposedPorts: run.ExposedPorts ?? {},
      Volumes: run.Volumes ?? null,
      StopSignal: run.StopSignal ?? '',
    },
    Architecture: config.architecture,
    Os: config.os,
    Size: image.bytes,
    VirtualSize: image.bytes,
    GraphDriver: { Name: 'overlay2', Data: {} },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: rfc3339(image.createdAtMs) },
  };
}

interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly comment?: string;
}

/** `GET /images/{name}/history`, newest first. */
export function historyDocument(image: ImageSummary): readonly object[] {
  const entries = (image.config.history ?? []) as readonly HistoryEntry[];
  const shown = entries.length > 0 ? [...entries].reverse() : [{}];
  return shown.map((entry: HistoryEntry, index) => ({
    Id: index === 0 ? image.id : '<missing>',
    Created: Math.floor((Date.parse(entry.created ?? '') || image.createdAtMs) / 1000),
    CreatedBy: entry.created_by ?? '',
    Tags: index === 0 ? image.tags : null,
    Size: index === 0 ? image.bytes : 0,
    Comment: entry.comment ?? '',
  }));
}

function commentOf(image: ImageSummary): string {
  const last = image.config.history?.at(-1) as HistoryEntry | undefined;
  return last?.comment ?? '';
}
