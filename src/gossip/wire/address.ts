import { Address6 } from 'ip-address';
import { formatIpv4, ipv4FromNumber, tryParseIpv4 } from '../../base/index.ts';
import { rangeError } from '../errors.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';

/** Where a member is reached, by UDP and TCP alike. */
export interface PeerAddress {
  /** An IPv4 or IPv6 address in its canonical text (RFC 5952), without a zone. */
  readonly host: string;
  /** 1 to 65,535. */
  readonly port: number;
}

const FAMILY_4 = 4;
const FAMILY_6 = 6;

/** Throws `GossipError` for a host that is not an address. */
export function writeAddress(writer: ByteWriter, { host, port }: PeerAddress): void {
  const address4 = tryParseIpv4(host);
  if (address4 === undefined) {
    writer.u8(FAMILY_6);
    writer.raw(parseIpv6(host));
  } else {
    writer.u8(FAMILY_4);
    writer.u32(address4);
  }
  writer.u16(port);
}

export function readAddress(reader: ByteReader): PeerAddress {
  const host = readHost(reader);
  const port = reader.u16();
  if (port === 0) throw rangeError('port');
  return { host, port };
}

export function isSameAddress(one: PeerAddress, other: PeerAddress): boolean {
  return one.host === other.host && one.port === other.port;
}

function readHost(reader: ByteReader): string {
  const family = reader.u8();
  if (family === FAMILY_4) return formatIpv4(ipv4FromNumber(reader.u32()));
  if (family !== FAMILY_6) throw rangeError('address family');
  return Address6.fromByteArray([...reader.raw(16)]).correctForm();
}

function parseIpv6(host: string): Uint8Array {
  if (!Address6.isValid(host)) throw rangeError('address');
  return Uint8Array.from(new Address6(host).toByteArray());
}
