/** What holds for a whole namespace: idle times of connections, and what the kernel has. */
import { malformed } from '../kernel-error.ts';
import { FieldReader, type NetlinkMessage } from '../netlink/message-reader.ts';
import type { MessageWriter } from '../netlink/message-writer.ts';
import { checkRange } from './fields.ts';
import { COMMAND_ATTRIBUTE as ATTRIBUTE } from './protocol.ts';

const INFO_VERSION = 1;
const INFO_TABLE_SIZE = 2;
const GENL_HEADER_BYTES = 4;
/** The kernel counts them in jiffies, as a signed number of 32 bits, at up to 1,000 a second. */
const SECONDS_MAX = 2_147_483;

/** How long an idle connection is kept, in seconds; 0 when setting leaves one as it is. */
export interface Timeouts {
  readonly tcpSeconds: number;
  readonly tcpFinSeconds: number;
  readonly udpSeconds: number;
}

export interface IpvsInfo {
  /** `1.2.1` */
  readonly version: string;
  /** Buckets of the connections' hash table. */
  readonly connectionTableSize: number;
}

/** Throws `KernelError`. */
export function writeTimeouts(writer: MessageWriter, timeouts: Timeouts): void {
  const write = (type: number, seconds: number): void =>
    writer.attributeU32(type, checkRange('timeout', seconds, [0, SECONDS_MAX]));
  write(ATTRIBUTE.timeoutTcp, timeouts.tcpSeconds);
  write(ATTRIBUTE.timeoutTcpFin, timeouts.tcpFinSeconds);
  write(ATTRIBUTE.timeoutUdp, timeouts.udpSeconds);
}

export function readTimeouts(message: NetlinkMessage): Timeouts {
  const fields = new FieldReader(message.payload);
  fields.skip(GENL_HEADER_BYTES);
  const attributes = fields.attributes();
  return {
    tcpSeconds: attributes.u32(ATTRIBUTE.timeoutTcp) ?? 0,
    tcpFinSeconds: attributes.u32(ATTRIBUTE.timeoutTcpFin) ?? 0,
    udpSeconds: attributes.u32(ATTRIBUTE.timeoutUdp) ?? 0,
  };
}

export function readInfo(message: NetlinkMessage): IpvsInfo {
  const fields = new FieldReader(message.payload);
  fields.skip(GENL_HEADER_BYTES);
  const attributes = fields.attributes();
  const code = attributes.u32(INFO_VERSION);
  if (code === undefined) throw malformed('IPVS without a version');
  return {
    version: `${code >>> 16}.${(code >>> 8) & 0xff}.${code & 0xff}`,
    connectionTableSize: attributes.u32(INFO_TABLE_SIZE) ?? 0,
  };
}
