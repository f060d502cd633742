/** Commands of the family, as requests for a `NetlinkSocket`. */
import type { NetlinkRequest } from '../netlink/netlink-socket.ts';
import type { MessageWriter } from '../netlink/message-writer.ts';
import {
  destinationKey,
  writeDestination,
  writeDestinationId,
  type Destination,
  type DestinationId,
} from './destination.ts';
import { writeDaemon, writeDaemonState, type Daemon, type DaemonState } from './daemon.ts';
import { COMMAND, IPVS_VERSION } from './protocol.ts';
import {
  serviceKey,
  writeService,
  writeServiceId,
  type Service,
  type ServiceId,
} from './service.ts';
import { writeTimeouts, type Timeouts } from './settings.ts';

/** Makes requests to the family, whose number differs from machine to machine. */
export class IpvsRequests {
  private readonly family: number;

  constructor(family: number) {
    this.family = family;
  }

  /** Refused with EEXIST when it is there, with ENOENT when there is no such scheduler. */
  addService(service: Service): NetlinkRequest {
    return this.of(COMMAND.newService, nameOfService(service.id), (writer) =>
      writeService(writer, service),
    );
  }

  /** Changes all but the id; refused with ESRCH when it is not there. */
  setService(service: Service): NetlinkRequest {
    return this.of(COMMAND.setService, nameOfService(service.id), (writer) =>
      writeService(writer, service),
    );
  }

  /** With its destinations; refused with ESRCH when it is not there. */
  deleteService(id: ServiceId): NetlinkRequest {
    return this.of(COMMAND.deleteService, nameOfService(id), (writer) =>
      writeServiceId(writer, id),
    );
  }

  getService(id: ServiceId): NetlinkRequest {
    return this.of(COMMAND.getService, nameOfService(id), (writer) => writeServiceId(writer, id));
  }

  listServices(): NetlinkRequest {
    return this.of(COMMAND.getService, 'ipvs services');
  }

  /** Refused with EEXIST when it is there, with ESRCH when the service is not. */
  addDestination(id: ServiceId, destination: Destination): NetlinkRequest {
    return this.of(COMMAND.newDestination, nameOfDestination(id, destination), (writer) => {
      writeServiceId(writer, id);
      writeDestination(writer, destination);
    });
  }

  /** Changes all but the id; refused with ENOENT when it is not there. */
  setDestination(id: ServiceId, destination: Destination): NetlinkRequest {
    return this.of(COMMAND.setDestination, nameOfDestination(id, destination), (writer) => {
      writeServiceId(writer, id);
      writeDestination(writer, destination);
    });
  }

  deleteDestination(id: ServiceId, destination: DestinationId): NetlinkRequest {
    return this.of(COMMAND.deleteDestination, nameOfDestination(id, destination), (writer) => {
      writeServiceId(writer, id);
      writeDestinationId(writer, destination);
    });
  }

  /** Of a service that is not there: none. */
  listDestinations(id: ServiceId): NetlinkRequest {
    return this.of(COMMAND.getDestination, `destinations of ${nameOfService(id)}`, (writer) =>
      writeServiceId(writer, id),
    );
  }

  setTimeouts(timeouts: Timeouts): NetlinkRequest {
    return this.of(COMMAND.setConfig, 'ipvs timeouts', (writer) => writeTimeouts(writer, timeouts));
  }

  getTimeouts(): NetlinkRequest {
    return this.of(COMMAND.getConfig, 'ipvs timeouts');
  }

  getInfo(): NetlinkRequest {
    return this.of(COMMAND.getInfo, 'ipvs');
  }

  /** Sets the counters of a service and its destinations, or of all, to zero. */
  zero(id?: ServiceId): NetlinkRequest {
    return this.of(COMMAND.zero, id === undefined ? 'ipvs' : nameOfService(id), (writer) => {
      if (id !== undefined) writeServiceId(writer, id);
    });
  }

  /** Removes every service. */
  flush(): NetlinkRequest {
    return this.of(COMMAND.flush, 'ipvs');
  }

  startDaemon(daemon: Daemon): NetlinkRequest {
    return this.of(COMMAND.newDaemon, `ipvs ${daemon.state} daemon`, (writer) =>
      writeDaemon(writer, daemon),
    );
  }

  stopDaemon(state: DaemonState): NetlinkRequest {
    return this.of(COMMAND.deleteDaemon, `ipvs ${state} daemon`, (writer) =>
      writeDaemonState(writer, state),
    );
  }

  listDaemons(): NetlinkRequest {
    return this.of(COMMAND.getDaemon, 'ipvs daemons');
  }

  private of(
    command: number,
    object: string,
    content: (writer: MessageWriter) => void = () => undefined,
  ): NetlinkRequest {
    return {
      type: this.family,
      object,
      write: (writer) => {
        writer.u8(command);
        writer.u8(IPVS_VERSION);
        writer.u16(0);
        content(writer);
      },
    };
  }
}

function nameOfService(id: ServiceId): string {
  return `ipvs service ${serviceKey(id)}`;
}

function nameOfDestination(id: ServiceId, destination: DestinationId): string {
  return `ipvs destination ${destinationKey(destination)} of ${serviceKey(id)}`;
}
