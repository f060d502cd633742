/** What turns the services of a namespace into those that are wanted. */
import { destinationKey, type Destination, type DestinationId } from './destination.ts';
import { serviceKey, type Service, type ServiceId } from './service.ts';

export interface ServiceWithDestinations {
  readonly service: Service;
  readonly destinations: readonly Destination[];
}

export type IpvsChange =
  | { readonly action: 'add-service' | 'set-service'; readonly service: Service }
  | { readonly action: 'delete-service'; readonly id: ServiceId }
  | {
      readonly action: 'add-destination' | 'set-destination';
      readonly id: ServiceId;
      readonly destination: Destination;
    }
  | {
      readonly action: 'delete-destination';
      readonly id: ServiceId;
      readonly destination: DestinationId;
    };

/**
 * The changes from `was` to `want`, in an order that the kernel accepts: first services go, then
 * each comes or changes before its destinations, and gets new destinations before it loses old
 * ones, so that at no time it has none that it could use.
 */
export function ipvsChanges(
  was: readonly ServiceWithDestinations[],
  want: readonly ServiceWithDestinations[],
): IpvsChange[] {
  const held = new Map(was.map((item) => [serviceKey(item.service.id), item]));
  const wanted = new Set(want.map((item) => serviceKey(item.service.id)));
  const gone = was
    .filter(({ service }) => !wanted.has(serviceKey(service.id)))
    .map(({ service: { id } }): IpvsChange => ({ action: 'delete-service', id }));
  return [
    ...gone,
    ...want.flatMap((item) => toService(held.get(serviceKey(item.service.id)), item)),
  ];
}

function toService(
  was: ServiceWithDestinations | undefined,
  { service, destinations }: ServiceWithDestinations,
): IpvsChange[] {
  const { id } = service;
  const changes: IpvsChange[] = [];
  if (was === undefined) changes.push({ action: 'add-service', service });
  else if (!isSameService(was.service, service)) changes.push({ action: 'set-service', service });
  const held = new Map((was?.destinations ?? []).map((item) => [destinationKey(item), item]));
  for (const destination of destinations) {
    const key = destinationKey(destination);
    const old = held.get(key);
    held.delete(key);
    if (old === undefined) changes.push({ action: 'add-destination', id, destination });
    else if (!isSameDestination(old, destination))
      changes.push({ action: 'set-destination', id, destination });
  }
  for (const { address, port } of held.values())
    changes.push({ action: 'delete-destination', id, destination: { address, port } });
  return changes;
}

/** Precondition: one id. */
function isSameService(one: Service, other: Service): boolean {
  return (
    one.scheduler === other.scheduler &&
    (one.schedulerFlags ?? 0) === (other.schedulerFlags ?? 0) &&
    one.persistence?.timeoutSeconds === other.persistence?.timeoutSeconds &&
    one.persistence?.prefixBits === other.persistence?.prefixBits &&
    (one.isOnePacket ?? false) === (other.isOnePacket ?? false) &&
    one.engine === other.engine
  );
}

/** Precondition: one id. */
function isSameDestination(one: Destination, other: Destination): boolean {
  return (
    one.forwarding === other.forwarding &&
    one.weight === other.weight &&
    (one.upperThreshold ?? 0) === (other.upperThreshold ?? 0) &&
    (one.lowerThreshold ?? 0) === (other.lowerThreshold ?? 0) &&
    (one.tunnel?.type ?? 'ipip') === (other.tunnel?.type ?? 'ipip') &&
    (one.tunnel?.port ?? 0) === (other.tunnel?.port ?? 0) &&
    (one.tunnel?.flags ?? 0) === (other.tunnel?.flags ?? 0)
  );
}
