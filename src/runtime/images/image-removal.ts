/** `docker rmi`: which tags go, whether the image goes with them, and when it is refused. */
import { RuntimeError } from '../errors.ts';
import type { ImageDirectory, ImageNames } from './image-directory.ts';
import { formatTagged, parseReference } from './reference.ts';

export interface RemovedImage {
  readonly untagged?: string;
  readonly deleted?: string;
}

export interface ImageRemoval {
  readonly reference: string;
  readonly id: string;
  readonly names: ImageNames;
  readonly isForced: boolean;
  readonly isOwnContainer: (containerId: string) => boolean;
}

/** The directory's lock is held. */
export async function removeImage(
  directory: ImageDirectory,
  removal: ImageRemoval,
): Promise<RemovedImage[]> {
  const tags = Object.keys(removal.names.tags).filter(
    (tag) => removal.names.tags[tag] === removal.id,
  );
  const named = tags.find((tag) => tag === tryTag(removal.reference));
  if (named !== undefined && tags.length > 1) {
    await dropNames(directory, removal.names, { tags: [named], imageId: undefined });
    return [{ untagged: named }];
  }
  const users = await usersOf(directory, removal.id);
  refuseUsed(removal, { isByName: named !== undefined, tags, users });
  await dropNames(directory, removal.names, { tags, imageId: removal.id });
  const untagged = tags.map((tag) => ({ untagged: tag }));
  if (users.length > 0) return untagged;
  return [...untagged, ...(await deleteContent(directory, removal.id))];
}

async function usersOf(directory: ImageDirectory, id: string): Promise<string[]> {
  const uses = await directory.uses();
  return [...uses].filter(([, entry]) => entry.imageId === id).map(([containerId]) => containerId);
}

interface Situation {
  readonly isByName: boolean;
  readonly tags: readonly string[];
  readonly users: readonly string[];
}

function refuseUsed(removal: ImageRemoval, situation: Situation): void {
  const short = removal.id.slice('sha256:'.length, 'sha256:'.length + 12);
  const user = situation.users.find(removal.isOwnContainer);
  if (user !== undefined && !(situation.isByName && removal.isForced)) {
    throw conflict(
      removal,
      situation.isByName
        ? `unable to remove repository reference "${removal.reference}" (must force) - ` +
            `container ${user.slice(0, 12)} is using its referenced image ${short}`
        : `unable to delete ${short} (cannot be forced) - ` +
            `image is being used by container ${user.slice(0, 12)}`,
    );
  }
  if (!situation.isByName && situation.tags.length > 1 && !removal.isForced) {
    throw conflict(
      removal,
      `unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    );
  }
}

function conflict(removal: ImageRemoval, text: string): RuntimeError {
  return new RuntimeError(
    { code: 'conflict', what: 'image', name: removal.reference },
    `conflict: ${text}`,
  );
}

async function dropNames(
  directory: ImageDirectory,
  names: ImageNames,
  gone: { readonly tags: readonly string[]; readonly imageId: string | undefined },
): Promise<void> {
  const tags = Object.entries(names.tags).filter(([tag]) => !gone.tags.includes(tag));
  const digests = Object.entries(names.digests).filter(([, id]) => id !== gone.imageId);
  await directory.putNames({
    tags: Object.fromEntries(tags),
    digests: Object.fromEntries(digests),
  });
}

async function deleteContent(directory: ImageDirectory, id: string): Promise<RemovedImage[]> {
  const document = await directory.document(id);
  // First, so that a document that cannot be read stops everything before a layer of it is taken
  // for an orphan.
  const wanted = new Set<string>();
  for (const other of await directory.imageIds()) {
    if (other === id) continue;
    const layers = (await directory.document(other))?.rootfs.diff_ids ?? [];
    for (const diffId of layers) wanted.add(diffId);
  }
  await directory.removeDocument(id);
  await directory.removeOrphanLayers(wanted);
  const layers = (document?.rootfs.diff_ids ?? []).filter((diffId) => !wanted.has(diffId));
  return [{ deleted: id }, ...layers.map((diffId) => ({ deleted: diffId }))];
}

function tryTag(reference: string): string | undefined {
  try {
    return formatTagged(parseReference(reference));
  } catch {
    return undefined;
  }
}
