/**
 * ipvs: the kernel's load balancer IPVS over generic netlink, whole: services by address and by
 * firewall mark, destinations, persistence, counters, timeouts, sync daemons. Exported to others as
 * `hawser/ipvs`; what it does, `ipvsadm` shows.
 *
 * An `IpvsSocket` is made in a namespace (given by fd; `OWN_NAMESPACE_FD` is the process's own) and
 * lists what is there. Single commands are values made by its `requests`. `ipvsChanges` compares
 * what is there with what is wanted and is pure; `apply` carries the changes out in a batch, with
 * an outcome for each. It never touches addresses, marks or sysctls: packets get to IPVS by
 * others' rules.
 *
 * Refusals are `KernelError`s with errno and object; a kernel without IPVS refuses the socket with
 * ENOENT. IPv4 and IPv6. Start with `ipvs-socket.ts`; `service.ts` and `destination.ts` are the
 * codec.
 */
export { KernelError, type KernelErrorDetail } from '../kernel-error.ts';
export { OWN_NAMESPACE_FD, type NamespaceFd } from '../native.ts';
export { IpvsSocket } from './ipvs-socket.ts';
export { IpvsRequests } from './requests.ts';
export { ipvsChanges, type IpvsChange, type ServiceWithDestinations } from './changes.ts';
export {
  readService,
  serviceKey,
  type ObservedService,
  type Service,
  type ServiceId,
  type ServiceProtocol,
} from './service.ts';
export {
  destinationKey,
  readDestination,
  type Destination,
  type DestinationId,
  type Forwarding,
  type ObservedDestination,
  type Tunnel,
} from './destination.ts';
export { readInfo, readTimeouts, type IpvsInfo, type Timeouts } from './settings.ts';
export { readDaemon, type Daemon, type DaemonState } from './daemon.ts';
export type { Statistics } from './fields.ts';
