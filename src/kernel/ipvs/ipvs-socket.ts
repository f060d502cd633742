/** IPVS of one namespace: what it has, and changes to it. */
import type { KernelError } from '../kernel-error.ts';
import type { NamespaceFd } from '../native.ts';
import { genericFamily } from '../netlink/generic.ts';
import type { NetlinkMessage } from '../netlink/message-reader.ts';
import { NETLINK_GENERIC, NetlinkSocket, type NetlinkRequest } from '../netlink/netlink-socket.ts';
import { malformed } from '../kernel-error.ts';
import type { IpvsChange } from './changes.ts';
import { readDaemon, type Daemon } from './daemon.ts';
import { readDestination, type ObservedDestination } from './destination.ts';
import { IPVS_FAMILY } from './protocol.ts';
import { IpvsRequests } from './requests.ts';
import { readService, type ObservedService, type ServiceId } from './service.ts';
import { readInfo, readTimeouts, type IpvsInfo, type Timeouts } from './settings.ts';

export class IpvsSocket {
  /** For `request`, where no method does it already. */
  readonly requests: IpvsRequests;
  private readonly socket: NetlinkSocket;

  /**
   * Opens IPVS of a namespace; the kernel loads its module on that. Throws `KernelError` with errno
   * ENOENT where the kernel has no IPVS.
   */
  constructor(namespaceFd: NamespaceFd) {
    this.socket = new NetlinkSocket(namespaceFd, NETLINK_GENERIC);
    try {
      this.requests = new IpvsRequests(genericFamily(this.socket, IPVS_FAMILY).id);
    } catch (error) {
      this.socket.close();
      throw error;
    }
  }

  /** Carries out one request. Throws `KernelError`, whose `object` names what it was about. */
  request(request: NetlinkRequest): void {
    this.socket.request(request);
  }

  services(): ObservedService[] {
    return this.socket.dump(this.requests.listServices()).map(readService);
  }

  /** Throws `KernelError` with errno ESRCH when there is none. */
  service(id: ServiceId): ObservedService {
    return readService(this.one(this.requests.getService(id)));
  }

  /** None when there is no such service. */
  destinations(id: ServiceId): ObservedDestination[] {
    const family = id.kind === 'mark' ? id.family : id.address.includes(':') ? 6 : 4;
    const replies = this.socket.dump(this.requests.listDestinations(id));
    return replies.map((reply) => readDestination(reply, family));
  }

  timeouts(): Timeouts {
    return readTimeouts(this.one(this.requests.getTimeouts()));
  }

  info(): IpvsInfo {
    return readInfo(this.one(this.requests.getInfo()));
  }

  daemons(): Daemon[] {
    return this.socket.dump(this.requests.listDaemons()).map(readDaemon);
  }

  /** Carries out the changes in their order; returns one error or `undefined` for each. */
  apply(changes: readonly IpvsChange[]): (KernelError | undefined)[] {
    return this.socket.batch(changes.map((change) => this.requestOf(change)));
  }

  close(): void {
    this.socket.close();
  }

  private requestOf(change: IpvsChange): NetlinkRequest {
    switch (change.action) {
      case 'add-service':
        return this.requests.addService(change.service);
      case 'set-service':
        return this.requests.setService(change.service);
      case 'delete-service':
        return this.requests.deleteService(change.id);
      case 'add-destination':
        return this.requests.addDestination(change.id, change.destination);
      case 'set-destination':
        return this.requests.setDestination(change.id, change.destination);
      case 'delete-destination':
        return this.requests.deleteDestination(change.id, change.destination);
    }
  }

  private one(request: NetlinkRequest): NetlinkMessage {
    const [reply] = this.socket.request(request);
    if (reply === undefined) throw malformed(`no answer about ${request.object}`);
    return reply;
  }
}
