/**
 * Virtual services: what clients connect to, either an address with protocol and port, or whatever
 * carries a firewall mark.
 */
import { bytesOfIp, ipv4FromNumber, type IpFamily } from '../../base/index.ts';
import { invalidArgument, malformed } from '../kernel-error.ts';
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
import {
  AF_INET,
  AF_INET6,
  COMMAND_ATTRIBUTE,
  nameOf,
  SERVICE_ATTRIBUTE as ATTRIBUTE,
} from './protocol.ts';

const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;
const GENL_HEADER_BYTES = 4;
const FLAG_PERSISTENT = 1;
const FLAG_ONE_PACKET = 4;
const FLAGS_SCHEDULER_SHIFT = 3;
const FLAGS_SCHEDULER_MAX = 7;
const FLAGS_ALL = 0xffffffff;
const U32_MAX = 0xffffffff;
/** IP_VS_SCHEDNAME_MAXLEN and IP_VS_PENAME_MAXLEN, without the terminating zero. */
const NAME_PATTERN = /^[A-Za-z0-9_-]{1,15}$/;
/** The kernel counts in jiffies: 31 days, as ipvsadm has it. */
const TIMEOUT_SECONDS_MAX = 86_400 * 31;

export type ServiceProtocol = keyof typeof PROTOCOLS;

/** By what a packet is known to be for the service. */
export type ServiceId =
  | {
      readonly kind: 'address';
      readonly protocol: ServiceProtocol;
      /** `a.b.c.d` or IPv6 as RFC 5952 writes it. */
      readonly address: string;
      /** 0, with persistence only: every port. */
      readonly port: number;
    }
  | { readonly kind: 'mark'; readonly family: IpFamily; readonly mark: number };

export interface Service {
  readonly id: ServiceId;
  /** `rr`, `wrr`, `lc`, `wlc`, `sh`, `mh`, …: the kernel loads `ip_vs_<name>`. */
  readonly scheduler: string;
  /** Bits for the scheduler, 0 to 7: 1 falls back and 2 hashes ports, for `sh` and `mh`. */
  readonly schedulerFlags?: number;
  /** A client (or all of its network of so many bits) stays with one destination. */
  readonly persistence?: { readonly timeoutSeconds: number; readonly prefixBits: number };
  /** UDP: each packet is scheduled by itself. */
  readonly isOnePacket?: boolean;
  /** A persistence engine: `sip`. */
  readonly engine?: string;
}

export interface ObservedService extends Service {
  readonly statistics: Statistics;
}

/** `tcp 10.0.0.2:80`, `udp [fd00::2]:53`, `mark 256 ipv4`: unique among a namespace's services. */
export function serviceKey(id: ServiceId): string {
  if (id.kind === 'mark') return `mark ${id.mark} ipv${id.family}`;
  return `${id.protocol} ${id.address.includes(':') ? `[${id.address}]` : id.address}:${id.port}`;
}

/** The service of a command that only names it. */
export function writeServiceId(writer: MessageWriter, id: ServiceId): void {
  writer.attributeNested(COMMAND_ATTRIBUTE.service, () => writeId(writer, id));
}

/** The service of a command that makes or changes it. Throws `KernelError`. */
export function writeService(writer: MessageWriter, service: Service): void {
  const family = serviceFamily(service.id);
  const flags = serviceFlags(service);
  const timeout = service.persistence?.timeoutSeconds ?? 0;
  writer.attributeNested(COMMAND_ATTRIBUTE.service, () => {
    writeId(writer, service.id);
    writer.attributeString(ATTRIBUTE.scheduler, checkName('scheduler', service.scheduler));
    if (service.engine !== undefined)
      writer.attributeString(ATTRIBUTE.engine, checkName('persistence engine', service.engine));
    writer.attributeBytes(ATTRIBUTE.flags, flags);
    writer.attributeU32(ATTRIBUTE.timeout, timeout);
    const bits = service.persistence?.prefixBits ?? (family === AF_INET ? 32 : 128);
    if (family === AF_INET) writer.attributeBytes(ATTRIBUTE.netmask, maskBytes(bits));
    else writer.attributeU32(ATTRIBUTE.netmask, bits);
  });
}

function writeId(writer: MessageWriter, id: ServiceId): void {
  writer.attributeU16(ATTRIBUTE.family, serviceFamily(id));
  if (id.kind === 'mark') {
    writer.attributeU32(ATTRIBUTE.mark, checkRange('mark', id.mark, [1, U32_MAX]));
    return;
  }
  writer.attributeU16(ATTRIBUTE.protocol, PROTOCOLS[id.protocol]);
  writer.attributeBytes(ATTRIBUTE.address, addressBytes(id.address));
  writer.attributeU16Network(ATTRIBUTE.port, checkPort(id.port));
}

function serviceFamily(id: ServiceId): number {
  if (id.kind === 'address') return addressFamily(id.address);
  return id.family === 6 ? AF_INET6 : AF_INET;
}

/** `struct ip_vs_flags`: the flags, and which of them count. */
function serviceFlags({ id, persistence, isOnePacket, schedulerFlags = 0 }: Service): Uint8Array {
  checkRange('scheduler flags', schedulerFlags, [0, FLAGS_SCHEDULER_MAX]);
  if (persistence !== undefined) {
    const bits = serviceFamily(id) === AF_INET ? 32 : 128;
    checkRange('persistence timeout', persistence.timeoutSeconds, [1, TIMEOUT_SECONDS_MAX]);
    checkRange('persistence prefix', persistence.prefixBits, [1, bits]);
  }
  const flags =
    (persistence === undefined ? 0 : FLAG_PERSISTENT) |
    (isOnePacket === true ? FLAG_ONE_PACKET : 0) |
    (schedulerFlags << FLAGS_SCHEDULER_SHIFT);
  return new Uint8Array(new Uint32Array([flags, FLAGS_ALL]).buffer);
}

function checkName(field: string, name: string): string {
  if (!NAME_PATTERN.test(name)) throw invalidArgument(field, name);
  return name;
}

/** An IPv4 netmask of one bit or more. */
function maskBytes(bits: number): Uint8Array {
  return bytesOfIp(ipv4FromNumber((0xffffffff << (32 - bits)) >>> 0));
}

/** Reads a reply to a listing. Throws `KernelError` for what is no service. */
export function readService(message: NetlinkMessage): ObservedService {
  const fields = new FieldReader(message.payload);
  fields.skip(GENL_HEADER_BYTES);
  const attributes = fields.attributes().nested(COMMAND_ATTRIBUTE.service);
  const family = readFamily(attributes.u16(ATTRIBUTE.family));
  const flags = attributes.u32(ATTRIBUTE.flags) ?? 0;
  const schedulerFlags = (flags >>> FLAGS_SCHEDULER_SHIFT) & FLAGS_SCHEDULER_MAX;
  return {
    id: readId(attributes, family),
    scheduler: attributes.string(ATTRIBUTE.scheduler) ?? '',
    ...present('schedulerFlags', schedulerFlags === 0 ? undefined : schedulerFlags),
    ...present('persistence', readPersistence(attributes, { family, flags })),
    ...present('isOnePacket', (flags & FLAG_ONE_PACKET) === 0 ? undefined : true),
    ...present('engine', attributes.string(ATTRIBUTE.engine)),
    statistics: readStatistics(attributes.nested(ATTRIBUTE.statistics)),
  };
}

function readId(attributes: Attributes, family: IpFamily): ServiceId {
  const mark = attributes.u32(ATTRIBUTE.mark);
  if (mark !== undefined && mark !== 0) return { kind: 'mark', family, mark };
  const number = attributes.u16(ATTRIBUTE.protocol) ?? 0;
  const protocol = nameOf(PROTOCOLS, number);
  if (protocol === undefined) throw malformed(`an IPVS service of protocol ${number}`);
  return {
    kind: 'address',
    protocol,
    address: readAddress(attributes, ATTRIBUTE.address, family),
    port: attributes.u16Network(ATTRIBUTE.port) ?? 0,
  };
}

function readPersistence(
  attributes: Attributes,
  { family, flags }: { readonly family: IpFamily; readonly flags: number },
): Service['persistence'] {
  if ((flags & FLAG_PERSISTENT) === 0) return undefined;
  const mask = attributes.u32(ATTRIBUTE.netmask) ?? 0;
  return {
    timeoutSeconds: attributes.u32(ATTRIBUTE.timeout) ?? 0,
    prefixBits: family === 6 ? mask : bitsOf(mask),
  };
}

/** Bits that are set: their order, which is the network's, does not matter. */
function bitsOf(mask: number): number {
  let bits = 0;
  for (let left = mask; left !== 0; left = (left & (left - 1)) >>> 0) bits += 1;
  return bits;
}
