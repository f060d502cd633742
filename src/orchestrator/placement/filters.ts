import {
  satisfiesConstraint,
  tryParseConstraint,
  type Constraint,
  type Node,
  type Placement,
  type PublishedPort,
  type Service,
} from '../../model/index.ts';
import type { NodeLoad } from './node-loads.ts';
import { hostPortKey, reservations } from './occupancy.ts';

/**
 * Why nodes may be unfit. `explain` tells of `count` nodes in the words that `docker service ps`
 * shows.
 */
export interface Filter {
  readonly fits: (load: NodeLoad) => boolean;
  readonly explain: (count: number) => string;
}

const onNodes = (count: number): string => `on ${count} node${count === 1 ? '' : 's'}`;

/**
 * swarmkit's pipeline in its order; the first filter that a node fails is the one it counts for.
 */
export function filtersFor(service: Service): readonly Filter[] {
  const spec = service.spec.TaskTemplate;
  const { nanoCpus, memoryBytes } = reservations(spec);
  const constraints = parsedConstraints(spec.Placement);
  const ports = service.ports.filter((port) => port.PublishMode === 'host');
  const replicasMax = spec.Placement?.MaxReplicas ?? 0;
  return [
    {
      fits: ({ node }) => node.state === 'ready' && node.spec.Availability === 'active',
      explain: (count) => `${count} node${count === 1 ? '' : 's'} not available for new tasks`,
    },
    {
      fits: (load) => nanoCpus <= load.freeNanoCpus && memoryBytes <= load.freeMemoryBytes,
      explain: (count) => `insufficient resources ${onNodes(count)}`,
    },
    {
      fits: ({ node }) => constraints.every((constraint) => satisfiesConstraint(node, constraint)),
      explain: (count) => `scheduling constraints not satisfied ${onNodes(count)}`,
    },
    {
      fits: ({ node }) => runsOn(node, spec.Placement),
      explain: (count) => `unsupported platform ${onNodes(count)}`,
    },
    {
      fits: (load) => !usesPorts(load, ports),
      explain: (count) => `host-mode port already in use ${onNodes(count)}`,
    },
    {
      fits: (load) =>
        replicasMax === 0 || (load.activeByService.get(service.id) ?? 0) < replicasMax,
      explain: () => 'max replicas per node limit exceed',
    },
  ];
}

/** Constraints of a stored spec: they were checked when it was created. */
export function parsedConstraints(placement: Placement | undefined): readonly Constraint[] {
  const constraints: Constraint[] = [];
  for (const text of placement?.Constraints ?? []) {
    const constraint = tryParseConstraint(text);
    if (!('problem' in constraint)) constraints.push(constraint);
  }
  return constraints;
}

/** Whether the node is of a kind that the service may run on at all, whatever it carries. */
export function isEligible(service: Service): (node: Node) => boolean {
  const { Placement } = service.spec.TaskTemplate;
  const constraints = parsedConstraints(Placement);
  return (node) =>
    constraints.every((constraint) => satisfiesConstraint(node, constraint)) &&
    runsOn(node, Placement);
}

function runsOn({ description }: Node, placement: Placement | undefined): boolean {
  const platforms = placement?.Platforms ?? [];
  if (platforms.length === 0) return true;
  return platforms.some(
    ({ OS = '', Architecture = '' }) =>
      (OS === '' || OS === description.os) &&
      (Architecture === '' || isSameArchitecture(Architecture, description.architecture)),
  );
}

/** Image manifests say `amd64` and `arm64` where the kernel says `x86_64` and `aarch64`. */
function isSameArchitecture(one: string, other: string): boolean {
  const normal = (name: string) => ({ x86_64: 'amd64', aarch64: 'arm64' })[name] ?? name;
  return normal(one) === normal(other);
}

function usesPorts(load: NodeLoad, ports: readonly PublishedPort[]): boolean {
  return ports.some((port) => load.hostPorts.has(hostPortKey(port)));
}
