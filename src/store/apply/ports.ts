import type { PortConfig, PublishedPort, Service } from '../../model/index.ts';
import type { Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { refuse } from './refuse.ts';

/**
 * Replaces the ports that the service holds with those of its spec; numbers left open stay what
 * they were.
 */
export function allocatePorts(draft: Draft, service: Service): readonly PublishedPort[] | Refusal {
  releasePorts(draft, service);
  const configs = service.spec.EndpointSpec.Ports;
  const result: (PublishedPort | undefined)[] = configs.map(() => undefined);
  // Numbers that the operator chose come first, so that no automatic one takes theirs.
  for (const [index, config] of configs.entries()) {
    if (!config.PublishedPort) continue;
    const port = { ...config, PublishedPort: config.PublishedPort };
    const refusal = addPort(draft, service, port);
    if (refusal !== undefined) return refusal;
    result[index] = port;
  }
  for (const [index, config] of configs.entries()) {
    if (config.PublishedPort) continue;
    const port = keptPort(draft, service, config) ?? takePort(draft, config);
    if (port === undefined)
      return refuse('exhausted', `no ${config.Protocol} port from 30000 to 32767 is free`);
    draft.addPort(port, service.id);
    result[index] = port;
  }
  return result.filter((port) => port !== undefined);
}

export function releasePorts(draft: Draft, service: Service): void {
  for (const port of service.ports) draft.removePort(port, service.id);
}

function addPort(draft: Draft, service: Service, port: PublishedPort): Refusal | undefined {
  const holder = draft.state.ports.holder(port);
  if (holder === undefined) {
    draft.addPort(port, service.id);
    return undefined;
  }
  const name = draft.state.services.get(holder.serviceId)?.spec.Name ?? service.spec.Name;
  const who = `service '${name}' (${holder.serviceId})`;
  const how = holder.isIngress ? 'an ingress port' : 'a host-published port';
  return refuse('port-taken', `port '${port.PublishedPort}' is already in use by ${who} as ${how}`);
}

/**
 * The number that the service already has for the same open port, unless its own spec has given it
 * away.
 */
function keptPort(draft: Draft, service: Service, config: PortConfig): PublishedPort | undefined {
  for (const { PublishedPort, ...had } of service.ports) {
    const isSame =
      had.Protocol === config.Protocol &&
      had.TargetPort === config.TargetPort &&
      had.PublishMode === config.PublishMode;
    const port = { ...config, PublishedPort };
    const isFree = !draft.state.ports.automatic(config.Protocol).isUsed(PublishedPort);
    if (isSame && isFree && draft.state.ports.holder(port) === undefined) return port;
  }
  return undefined;
}

function takePort(draft: Draft, config: PortConfig): PublishedPort | undefined {
  const number = draft.takePort(config.Protocol);
  return number === undefined ? undefined : { ...config, PublishedPort: number };
}
