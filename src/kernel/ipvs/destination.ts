/** Destinations: the servers that a service's connections are given to. */
import type { IpFamily } from '../../base/index.ts';
import { malformed } from '../kernel-error.ts';
import type { Attributes, NetlinkMessage } from '../netlink/message-reader.ts';
import { FieldReader } from '../netlink/message-reader.ts';
import type { MessageWriter } from '../netlink/message-writer.ts';
import { present } from '../netlink/present.ts';
import {
  addressBytes,
  addressFamily,
  checkPort,
  checkRange,
  readAddress,
  readFamily,
  readStatistics,
  type Statistics,
} from './fields.ts';
import { COMMAND_ATTRIBUTE, DESTINATION_ATTRIBUTE as ATTRIBUTE, nameOf } from './protocol.ts';

const FORWARDING = { masquerade: 0, local: 1, tunnel: 2, direct: 3, bypass: 4 } as const;
const FORWARDING_MASK = 7;
const TUNNELS = { ipip: 0, gue: 1, gre: 2 } as const;
const GENL_HEADER_BYTES = 4;
const WEIGHT_MAX = 65_535;
const U16_MAX = 65_535;
const U32_MAX = 0xffffffff;

/** How packets get there; `masquerade` translates addresses and ports. */
export type Forwarding = keyof typeof FORWARDING;

export interface Tunnel {
  readonly type: keyof typeof TUNNELS;
  /** Of GUE. */
  readonly port: number;
  /** Bits: 1 has checksums, 2 remote checksums. */
  readonly flags: number;
}

export interface DestinationId {
  readonly address: string;
  readonly port: number;
}

export interface Destination extends DestinationId {
  readonly forwarding: Forwarding;
  /** 0 takes no new connection; those that it has go on. */
  readonly weight: number;
  /** Beyond so many connections it takes none until they are below the lower one; 0: no bound. */
  readonly upperThreshold?: number;
  readonly lowerThreshold?: number;
  /** With forwarding `tunnel`; plain IP in IP when absent. */
  readonly tunnel?: Tunnel;
}

export interface ObservedDestination extends Destination {
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  /** Templates that tie clients to it. */
  readonly persistentConnections: number;
  readonly statistics: Statistics;
}

/** `10.0.0.5:8080` or `[fd00::5]:53`: unique among a service's destinations. */
export function destinationKey({ address, port }: DestinationId): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The destination of a command that only names it. */
export function writeDestinationId(writer: MessageWriter, id: DestinationId): void {
  writer.attributeNested(COMMAND_ATTRIBUTE.destination, () => writeId(writer, id));
}

/** The destination of a command that makes or changes it. Throws `KernelError`. */
export function writeDestination(writer: MessageWriter, destination: Destination): void {
  const { forwarding, weight, upperThreshold = 0, lowerThreshold = 0 } = destination;
  writer.attributeNested(COMMAND_ATTRIBUTE.destination, () => {
    writeId(writer, destination);
    writer.attributeU32(ATTRIBUTE.forwarding, FORWARDING[forwarding]);
    writer.attributeU32(ATTRIBUTE.weight, checkRange('weight', weight, [0, WEIGHT_MAX]));
    writeTunnel(writer, destination.tunnel ?? { type: 'ipip', port: 0, flags: 0 });
    const [upper, lower] = [ATTRIBUTE.upperThreshold, ATTRIBUTE.lowerThreshold];
    writer.attributeU32(upper, checkRange('upper threshold', upperThreshold, [0, U32_MAX]));
    writer.attributeU32(lower, checkRange('lower threshold', lowerThreshold, [0, U32_MAX]));
  });
}

function writeId(writer: MessageWriter, { address, port }: DestinationId): void {
  writer.attributeU16(ATTRIBUTE.family, addressFamily(address));
  writer.attributeBytes(ATTRIBUTE.address, addressBytes(address));
  writer.attributeU16Network(ATTRIBUTE.port, checkPort(port));
}

function writeTunnel(writer: MessageWriter, { type, port, flags }: Tunnel): void {
  writer.attributeU8(ATTRIBUTE.tunnelType, TUNNELS[type]);
  writer.attributeU16Network(ATTRIBUTE.tunnelPort, checkPort(port));
  writer.attributeU16(ATTRIBUTE.tunnelFlags, checkRange('tunnel flags', flags, [0, U16_MAX]));
}

/**
 * Reads a reply to a listing; kernels before 3.18 leave the family to be the service's. Throws
 * `KernelError` for what is no destination.
 */
export function readDestination(
  message: NetlinkMessage,
  serviceFamily: IpFamily,
): ObservedDestination {
  const fields = new FieldReader(message.payload);
  fields.skip(GENL_HEADER_BYTES);
  const attributes = fields.attributes().nested(COMMAND_ATTRIBUTE.destination);
  const number = attributes.u16(ATTRIBUTE.family);
  const family = number === undefined ? serviceFamily : readFamily(number);
  const forwarding = readForwarding(attributes);
  return {
    address: readAddress(attributes, ATTRIBUTE.address, family),
    port: attributes.u16Network(ATTRIBUTE.port) ?? 0,
    forwarding,
    weight: attributes.u32(ATTRIBUTE.weight) ?? 0,
    ...present('upperThreshold', attributes.u32(ATTRIBUTE.upperThreshold) || undefined),
    ...present('lowerThreshold', attributes.u32(ATTRIBUTE.lowerThreshold) || undefined),
    ...present('tunnel', forwarding === 'tunnel' ? readTunnel(attributes) : undefined),
    activeConnections: attributes.u32(ATTRIBUTE.activeConnections) ?? 0,
    inactiveConnections: attributes.u32(ATTRIBUTE.inactiveConnections) ?? 0,
    persistentConnections: attributes.u32(ATTRIBUTE.persistentConnections) ?? 0,
    statistics: readStatistics(attributes.nested(ATTRIBUTE.statistics)),
  };
}

function readForwarding(attributes: Attributes): Forwarding {
  const number = (attributes.u32(ATTRIBUTE.forwarding) ?? 0) & FORWARDING_MASK;
  const forwarding = nameOf(FORWARDING, number);
  if (forwarding === undefined) throw malformed(`an IPVS forwarding method ${number}`);
  return forwarding;
}

function readTunnel(attributes: Attributes): Tunnel {
  const number = attributes.u8(ATTRIBUTE.tunnelType) ?? 0;
  const type = nameOf(TUNNELS, number);
  if (type === undefined) throw malformed(`an IPVS tunnel type ${number}`);
  return {
    type,
    port: attributes.u16Network(ATTRIBUTE.tunnelPort) ?? 0,
    flags: attributes.u16(ATTRIBUTE.tunnelFlags) ?? 0,
  };
}
