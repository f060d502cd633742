import type { Protocol, PublishedPort, ServiceId } from '../../model/index.ts';
import { NumberPool } from './number-pool.ts';

/** Docker's range for ports that the operator left open. */
export const AUTOMATIC_PORT_FIRST = 30_000;
export const AUTOMATIC_PORT_LAST = 32_767;

interface ProtocolPorts {
  readonly automatic: NumberPool;
  /** Cluster-wide owner of each routing-mesh port. */
  readonly ingress: Map<number, ServiceId>;
  /**
   * Services that publish the port on their tasks' nodes, in the order of their ids; placement
   * keeps them apart.
   */
  readonly host: Map<number, ServiceId[]>;
}

/** A port that is in the way of another, and who has it. */
export interface PortHolder {
  readonly serviceId: ServiceId;
  readonly isIngress: boolean;
}

/**
 * Who publishes which port. A routing-mesh port answers on every node, so it excludes every other
 * use of its number and protocol; host-mode ports of several services may share a number, on
 * different nodes.
 */
export class PublishedPorts {
  private readonly protocols: Readonly<Record<Protocol, ProtocolPorts>> = {
    tcp: emptyProtocol(),
    udp: emptyProtocol(),
    sctp: emptyProtocol(),
  };

  /**
   * Who keeps others from publishing the port as asked; `undefined` when it may be added. Refusals
   * name the holder, so which of several it is does not depend on who came first: a store that was
   * restored does not know.
   */
  holder(port: PublishedPort): PortHolder | undefined {
    const { ingress, host } = this.protocols[port.Protocol];
    const owner = ingress.get(port.PublishedPort);
    if (owner !== undefined) return { serviceId: owner, isIngress: true };
    const onHosts = port.PublishMode === 'host' ? undefined : host.get(port.PublishedPort)?.[0];
    return onHosts === undefined ? undefined : { serviceId: onHosts, isIngress: false };
  }

  automatic(protocol: Protocol): NumberPool {
    return this.protocols[protocol].automatic;
  }

  /** Precondition: `holder` found nobody. The automatic range's bookkeeping is part of it. */
  add(port: PublishedPort, serviceId: ServiceId): void {
    const { automatic, ingress, host } = this.protocols[port.Protocol];
    const number = port.PublishedPort;
    if (automatic.covers(number) && !automatic.isUsed(number)) automatic.claim(number);
    if (port.PublishMode === 'ingress') ingress.set(number, serviceId);
    else host.set(number, [...(host.get(number) ?? []), serviceId].sort());
  }

  /** Undoes `add`. */
  remove(port: PublishedPort, serviceId: ServiceId): void {
    const { automatic, ingress, host } = this.protocols[port.Protocol];
    const number = port.PublishedPort;
    if (port.PublishMode === 'ingress') ingress.delete(number);
    else removeOne(host, number, serviceId);
    if (automatic.covers(number) && !ingress.has(number) && !host.has(number))
      automatic.release(number);
  }
}

function removeOne(host: Map<number, ServiceId[]>, port: number, serviceId: ServiceId): void {
  const holders = [...(host.get(port) ?? [])];
  holders.splice(holders.indexOf(serviceId), 1);
  if (holders.length === 0) host.delete(port);
  else host.set(port, holders);
}

function emptyProtocol(): ProtocolPorts {
  return {
    automatic: new NumberPool(AUTOMATIC_PORT_FIRST, AUTOMATIC_PORT_LAST),
    ingress: new Map(),
    host: new Map(),
  };
}
