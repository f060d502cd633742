/**
 * From the document of a client to a spec that may be proposed: networks by id, an image that some
 * node can start.
 *
 * Everything a spec says in itself is checked by `parseServiceSpec`; here is what takes a look at
 * the cluster.
 */
import type { NetworkId, ServiceSpec } from '../../model/index.ts';
import { parseServiceSpec, withNetworkIds } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { ApiError, badRequest, notFound } from '../http/errors.ts';
import { findNetwork } from '../networks/networks.ts';
import { managerOf } from '../swarm/access.ts';
import { familiarReference } from '../images/image-reference.ts';

/** Throws `SpecError`, and `ApiError` for networks that are unknown or not for services. */
export function readServiceSpec(backend: Backend, document: unknown): ServiceSpec {
  const spec = withNetworkIds(parseServiceSpec(document), (reference) =>
    networkIdOf(backend, reference),
  );
  const targets = (spec.TaskTemplate.Networks ?? []).map(({ Target }) => Target);
  if (new Set(targets).size < targets.length) throw badRequest('a network is named more than once');
  return spec;
}

function networkIdOf(backend: Backend, reference: string): NetworkId {
  const network = findNetwork(backend, reference);
  if (network.scope !== 'swarm') {
    throw new ApiError(
      { code: 'forbidden' },
      `The network ${network.name} cannot be used with services. Only networks scoped to the ` +
        `swarm can be used, such ` +
        'as those created with the overlay driver.',
    );
  }
  const id = network.id as NetworkId;
  if (managerOf(backend).store.networks.get(id)?.spec.Ingress === true) {
    throw badRequest(
      `Service cannot be explicitly attached to the ingress network "${network.name}"`,
    );
  }
  return id;
}

/**
 * Refuses an image that neither this node nor any ready node can start tasks from. Throws
 * `ApiError`.
 */
export async function requireKnownImage(backend: Backend, image: string): Promise<void> {
  const name = familiarReference(image);
  const { store } = managerOf(backend);
  for (const node of store.nodes.values()) {
    if (node.state === 'ready' && node.description.images.includes(name)) return;
  }
  const images = backend.runtime?.images;
  if ((await images?.find(image)) ?? (await images?.find(name))) return;
  throw notFound(
    `No such image: ${name}: no ready node has it; bring it with docker import or docker load ` +
      `on the nodes that shall run it`,
  );
}
