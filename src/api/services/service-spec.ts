/**
 * From the document of a client to a spec that may be proposed: networks by id, an image that some node can start.
 *
 * Everything a spec says in itself is checked by `parseServiceSpec`; here is what takes a look at the cluster.
 */
import type { NetworkAttachmentConfig, ServiceSpec } from '../../model/index.ts';
import { parseServiceSpec } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { ApiError, badRequest, notFound } from '../http/errors.ts';
import { findNetwork } from '../networks/networks.ts';
import { managerOf, withoutNulls } from '../swarm/access.ts';
import { familiarReference, isReference } from '../images/image-reference.ts';

type Document = Readonly<Record<string, unknown>>;

/** Throws what `parseServiceSpec` throws, and `ApiError` for unknown networks. */
export function readServiceSpec(backend: Backend, document: Document): ServiceSpec {
  const spec = parseServiceSpec(withDefaults(withoutNulls(document) as Document));
  const networks = spec.TaskTemplate.Networks ?? [];
  const resolved = networks.map((each) => resolveNetwork(backend, each));
  const targets = new Set(resolved.map((each) => each.Target));
  if (targets.size < resolved.length) throw badRequest('a network is named more than once');
  return {
    ...spec,
    TaskTemplate: {
      ...spec.TaskTemplate,
      ...(resolved.length > 0 ? { Networks: resolved } : {}),
    },
  };
}

/** Fields that Docker's daemon fills in, and the place that networks had before API 1.25. */
function withDefaults(document: Document): Document {
  const template = asDocument(document['TaskTemplate']);
  const { Networks: outerNetworks, ...rest } = document;
  const networks = template['Networks'] ?? outerNetworks;
  const mode = asDocument(document['Mode'] ?? { Replicated: {} });
  const replicated = mode['Replicated'];
  return {
    ...rest,
    Labels: document['Labels'] ?? {},
    TaskTemplate: { ...template, ...(networks === undefined ? {} : { Networks: networks }) },
    Mode:
      replicated === undefined
        ? mode
        : { ...mode, Replicated: { Replicas: 1, ...asDocument(replicated) } },
    EndpointSpec: { Mode: 'vip', Ports: [], ...asDocument(document['EndpointSpec']) },
  };
}

/** The value when it is an object; what is not is left for the validation to name. */
function asDocument(value: unknown): Document {
  return typeof value === 'object' && value !== null ? (value as Document) : {};
}

function resolveNetwork(
  backend: Backend,
  config: NetworkAttachmentConfig,
): NetworkAttachmentConfig {
  const network = findNetwork(backend, config.Target);
  if (network.scope !== 'swarm') {
    throw new ApiError(
      { code: 'forbidden' },
      `The network ${network.name} cannot be used with services. Only networks scoped to the swarm can be used, such ` +
        'as those created with the overlay driver.',
    );
  }
  const { store } = managerOf(backend);
  if (store.networks.lookup(network.id)[0]?.spec.Ingress === true) {
    throw badRequest(
      `Service cannot be explicitly attached to the ingress network "${network.name}"`,
    );
  }
  return { ...config, Target: network.id };
}

/** Refuses an image that neither this node nor any ready node can start tasks from. Throws `ApiError`. */
export async function requireKnownImage(backend: Backend, image: string): Promise<void> {
  if (!isReference(image) && !/^(sha256:)?[0-9a-f]{12,64}$/.test(image)) {
    throw badRequest(`ContainerSpec: "${image.slice(0, 200)}" is not a valid repository/tag`);
  }
  const name = familiarReference(image);
  const { store } = managerOf(backend);
  for (const node of store.nodes.values()) {
    if (node.state === 'ready' && node.description.images.includes(name)) return;
  }
  const images = backend.runtime?.images;
  if ((await images?.find(image)) ?? (await images?.find(name))) return;
  throw notFound(
    `No such image: ${name}: no ready node has it; bring it with docker import or docker load on the nodes that shall run it`,
  );
}
