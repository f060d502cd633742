import type { NetworkId, Service, ServiceSpec, TaskSpec, VirtualIp } from '../../model/index.ts';
import type { Command, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isSameJson } from '../equal.ts';
import { releaseAddress, takeAddress } from './addresses.ts';
import { ingressNetwork } from './network.ts';
import { allocatePorts, releasePorts } from './ports.ts';
import { OUT_OF_SEQUENCE, refuse } from './refuse.ts';

type Create = Extract<Command, { type: 'service.create' }>;
type Update = Extract<Command, { type: 'service.update' }>;
type Remove = Extract<Command, { type: 'service.remove' }>;

/** Nothing -> service with its ports and virtual addresses. */
export function applyServiceCreate(draft: Draft, command: Create): Refusal | undefined {
  const { id, spec } = command;
  if (draft.state.services.has(id)) return refuse('name-taken', `service ${id} already exists`);
  if (draft.state.services.byName(spec.Name).length > 0)
    return refuse(
      'name-taken',
      `name conflicts with an existing object: service ${spec.Name} already exists`,
    );
  return putService(draft, {
    id,
    meta: draft.meta(),
    spec,
    specVersion: 1,
    ports: [],
    virtualIps: [],
  });
}

/** New spec; ports and addresses stay where the spec still asks for them. */
export function applyServiceUpdate(draft: Draft, command: Update): Refusal | undefined {
  const before = draft.state.services.get(command.id);
  if (before === undefined) return refuse('not-found', `service ${command.id} not found`);
  if (before.meta.revision !== command.version) return OUT_OF_SEQUENCE;
  const { spec } = command;
  if (spec.Name !== before.spec.Name)
    return refuse('invalid', 'renaming services is not supported');
  if ('Global' in spec.Mode !== 'Global' in before.spec.Mode)
    return refuse('invalid', 'service mode change is not allowed');
  const meta = draft.meta(before.meta);
  return putService(draft, { ...before, meta, spec, previousSpec: before.spec });
}

/**
 * Service -> gone, with its ports and virtual addresses. Its tasks are the orchestrator's to wind
 * up.
 */
export function applyServiceRemove(draft: Draft, command: Remove): Refusal | undefined {
  const service = draft.state.services.get(command.id);
  if (service === undefined) return refuse('not-found', `service ${command.id} not found`);
  releasePorts(draft, service);
  for (const vip of service.virtualIps) releaseAddress(draft, vip);
  draft.setService(service.id, undefined);
  return undefined;
}

/**
 * Networks that every task of the service is attached to: ingress first if a port is routed over
 * it.
 */
export function taskNetworkIds(service: Service): readonly NetworkId[] {
  if (service.spec.EndpointSpec.Mode === 'dnsrr') return specNetworkIds(service.spec);
  return service.virtualIps.map((vip) => vip.networkId);
}

/**
 * Allocates what the service's new spec asks for and writes it. `service` carries what it holds so
 * far.
 */
function putService(draft: Draft, service: Service): Refusal | undefined {
  const networkIds = endpointNetworkIds(draft, service.spec);
  if ('code' in networkIds) return networkIds;
  const ports = allocatePorts(draft, service);
  if ('code' in ports) return ports;
  const virtualIps = allocateVirtualIps(draft, service, networkIds);
  if ('code' in virtualIps) return virtualIps;
  const after = { ...service, ports, virtualIps };
  const before = draft.state.services.get(service.id);
  const specVersion =
    before !== undefined && mustReplaceTasks(before, after)
      ? before.specVersion + 1
      : service.specVersion;
  draft.setService(service.id, { ...after, specVersion });
  return undefined;
}

function specNetworkIds(spec: ServiceSpec): readonly NetworkId[] {
  const targets = (spec.TaskTemplate.Networks ?? []).map(({ Target }) => Target as NetworkId);
  return [...new Set(targets)];
}

function endpointNetworkIds(draft: Draft, spec: ServiceSpec): readonly NetworkId[] | Refusal {
  const ids = specNetworkIds(spec);
  for (const id of ids) {
    const network = draft.state.networks.get(id);
    if (network === undefined) return refuse('not-found', `network ${id} not found`);
    if (network.spec.Ingress)
      return refuse(
        'invalid',
        `Service cannot be explicitly attached to the ingress network "${network.spec.Name}"`,
      );
  }
  if (!spec.EndpointSpec.Ports.some((port) => port.PublishMode === 'ingress')) return ids;
  const ingress = ingressNetwork(draft.state);
  if (ingress === undefined)
    return refuse('not-found', 'service needs ingress network, but no ingress network is present');
  return [ingress.id, ...ids];
}

function allocateVirtualIps(
  draft: Draft,
  service: Service,
  networkIds: readonly NetworkId[],
): readonly VirtualIp[] | Refusal {
  const wanted = service.spec.EndpointSpec.Mode === 'vip' ? networkIds : [];
  for (const vip of service.virtualIps)
    if (!wanted.includes(vip.networkId)) releaseAddress(draft, vip);
  const result: VirtualIp[] = [];
  for (const networkId of wanted) {
    const kept = service.virtualIps.find((vip) => vip.networkId === networkId);
    const vip = kept ?? takeAddress(draft, networkId);
    if ('code' in vip) return vip;
    result.push(vip);
  }
  return result;
}

/**
 * Whether tasks made for `before` are wrong for `after`. Scaling, placement and further ingress
 * ports need no new tasks.
 */
function mustReplaceTasks(before: Service, after: Service): boolean {
  return !(
    isSameJson(
      withoutPlacement(before.spec.TaskTemplate),
      withoutPlacement(after.spec.TaskTemplate),
    ) &&
    isSameJson(taskNetworkIds(before), taskNetworkIds(after)) &&
    isSameJson(hostPorts(before), hostPorts(after))
  );
}

function withoutPlacement(template: TaskSpec): Omit<TaskSpec, 'Placement'> {
  return { ...template, Placement: undefined } as Omit<TaskSpec, 'Placement'>;
}

/** Ports that the service's tasks publish on their own nodes. */
export function hostPorts(service: Service): Service['ports'] {
  return service.ports.filter((port) => port.PublishMode === 'host');
}
