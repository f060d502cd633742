/**
 * What services and destinations have in common: addresses, as `union nf_inet_addr` (16 bytes, of
 * which IPv4 uses the first four), ports and counters.
 */
import {
  bytesOfIp,
  familyOfText,
  formatIp,
  tryIpOfBytes,
  tryParseIp,
  type IpFamily,
} from '../../base/index.ts';
import { invalidArgument, malformed } from '../kernel-error.ts';
import type { Attributes } from '../netlink/message-reader.ts';
import { AF_INET, AF_INET6 } from './protocol.ts';

const UNION_BYTES = 16;
const BYTES: Readonly<Record<IpFamily, number>> = { 4: 4, 6: 16 };
const PORT_MAX = 65_535;

const CONNECTIONS = 1;
const PACKETS_IN = 2;
const PACKETS_OUT = 3;
const BYTES_IN = 4;
const BYTES_OUT = 5;

/** Throws `KernelError` for what is no address. */
export function addressBytes(text: string): Uint8Array {
  const address = tryParseIp(text);
  if (address === undefined) throw invalidArgument('address', text);
  const bytes = new Uint8Array(UNION_BYTES);
  bytes.set(bytesOfIp(address));
  return bytes;
}

export function addressFamily(text: string): number {
  return familyOfText(text) === 6 ? AF_INET6 : AF_INET;
}

export function readAddress(attributes: Attributes, type: number, family: IpFamily): string {
  const bytes = attributes.bytes(type)?.subarray(0, BYTES[family]);
  const address = bytes && tryIpOfBytes(bytes);
  if (address === undefined || bytes?.length !== BYTES[family])
    throw malformed(`an IPVS address of ${bytes?.length ?? 0} bytes`);
  return formatIp(address);
}

/** 4 or 6 of an address family's number. */
export function readFamily(number: number | undefined): IpFamily {
  if (number === AF_INET) return 4;
  if (number === AF_INET6) return 6;
  throw malformed(`IPVS address family ${number ?? 'absent'}`);
}

/** Throws `KernelError` unless the value is a whole number from `least` to `most`. */
export function checkRange(
  field: string,
  value: number,
  [least, most]: readonly [number, number],
): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalidArgument(field, String(value));
  return value;
}

export function checkPort(value: number): number {
  return checkRange('port', value, [0, PORT_MAX]);
}

/** Counters since the thing was made or last zeroed. */
export interface Statistics {
  /** Connections that were scheduled. */
  readonly connections: number;
  /** From clients. */
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** From the attributes of 64 bits; all zero when there are none. */
export function readStatistics(attributes: Attributes): Statistics {
  return {
    connections: attributes.u64(CONNECTIONS) ?? 0,
    packetsIn: attributes.u64(PACKETS_IN) ?? 0,
    packetsOut: attributes.u64(PACKETS_OUT) ?? 0,
    bytesIn: attributes.u64(BYTES_IN) ?? 0,
    bytesOut: attributes.u64(BYTES_OUT) ?? 0,
  };
}
