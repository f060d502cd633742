/** Numbers of the generic netlink family IPVS, as in linux/ip_vs.h. */

export const IPVS_FAMILY = 'IPVS';
export const IPVS_VERSION = 1;

export const COMMAND = {
  newService: 1,
  setService: 2,
  deleteService: 3,
  getService: 4,
  newDestination: 5,
  setDestination: 6,
  deleteDestination: 7,
  getDestination: 8,
  newDaemon: 9,
  deleteDaemon: 10,
  getDaemon: 11,
  setConfig: 12,
  getConfig: 13,
  getInfo: 15,
  zero: 16,
  flush: 17,
} as const;

export const COMMAND_ATTRIBUTE = {
  service: 1,
  destination: 2,
  daemon: 3,
  timeoutTcp: 4,
  timeoutTcpFin: 5,
  timeoutUdp: 6,
} as const;

export const SERVICE_ATTRIBUTE = {
  family: 1,
  protocol: 2,
  address: 3,
  port: 4,
  mark: 5,
  scheduler: 6,
  flags: 7,
  timeout: 8,
  netmask: 9,
  engine: 11,
  statistics: 12,
} as const;

export const DESTINATION_ATTRIBUTE = {
  address: 1,
  port: 2,
  forwarding: 3,
  weight: 4,
  upperThreshold: 5,
  lowerThreshold: 6,
  activeConnections: 7,
  inactiveConnections: 8,
  persistentConnections: 9,
  family: 11,
  statistics: 12,
  tunnelType: 13,
  tunnelPort: 14,
  tunnelFlags: 15,
} as const;

export const DAEMON_ATTRIBUTE = {
  state: 1,
  link: 2,
  syncId: 3,
  bytesMax: 4,
  group4: 5,
  group6: 6,
  port: 7,
  ttl: 8,
} as const;

export const AF_INET = 2;
export const AF_INET6 = 10;

/** Numbers of a two-way table, by either side. */
export function nameOf<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
  number: number,
): Name | undefined {
  return (Object.keys(numbers) as Name[]).find((name) => numbers[name] === number);
}
