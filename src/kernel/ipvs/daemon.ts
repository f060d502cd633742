/** The daemons that tell another balancer's kernel of connections, or hear of them. */
import { formatIp, tryIpOfBytes } from '../../base/index.ts';
import { invalidArgument, malformed } from '../kernel-error.ts';
import { FieldReader, type Attributes, type NetlinkMessage } from '../netlink/message-reader.ts';
import type { MessageWriter } from '../netlink/message-writer.ts';
import { present } from '../netlink/present.ts';
import { addressBytes, addressFamily, checkPort, checkRange } from './fields.ts';
import { AF_INET, COMMAND_ATTRIBUTE, DAEMON_ATTRIBUTE as ATTRIBUTE, nameOf } from './protocol.ts';

const STATES = { master: 1, backup: 2 } as const;
const SYNC_ID_MAX = 255;
const BYTES_MAX = 65_535;
const TTL_MAX = 255;
const GENL_HEADER_BYTES = 4;
const IPV4_BYTES = 4;
/** IP_VS_IFNAME_MAXLEN without the terminating zero. */
const LINK_PATTERN = /^[^\s/]{1,15}$/;

export type DaemonState = keyof typeof STATES;

export interface Daemon {
  /** A master sends, a backup receives; a namespace may have one of each. */
  readonly state: DaemonState;
  /** Link that it multicasts on. */
  readonly link: string;
  /** Only daemons of one id understand each other; 0 to 255. */
  readonly syncId: number;
  /** Payload of a packet; by the link's MTU when absent. */
  readonly bytesMax?: number;
  /** 224.0.0.81 when absent. */
  readonly group?: string;
  /** 8848 when absent. */
  readonly port?: number;
  /** 1 when absent. */
  readonly ttl?: number;
}

/** Throws `KernelError`. */
export function writeDaemon(writer: MessageWriter, daemon: Daemon): void {
  if (!LINK_PATTERN.test(daemon.link)) throw invalidArgument('link', daemon.link);
  writer.attributeNested(COMMAND_ATTRIBUTE.daemon, () => {
    writer.attributeU32(ATTRIBUTE.state, STATES[daemon.state]);
    writer.attributeString(ATTRIBUTE.link, daemon.link);
    writer.attributeU32(ATTRIBUTE.syncId, checkRange('sync id', daemon.syncId, [0, SYNC_ID_MAX]));
    const { bytesMax, group, port, ttl } = daemon;
    if (bytesMax !== undefined)
      writer.attributeU16(ATTRIBUTE.bytesMax, checkRange('bytes', bytesMax, [1, BYTES_MAX]));
    if (group !== undefined) writeGroup(writer, group);
    if (port !== undefined) writer.attributeU16(ATTRIBUTE.port, checkPort(port));
    if (ttl !== undefined) writer.attributeU8(ATTRIBUTE.ttl, checkRange('ttl', ttl, [1, TTL_MAX]));
  });
}

export function writeDaemonState(writer: MessageWriter, state: DaemonState): void {
  writer.attributeNested(COMMAND_ATTRIBUTE.daemon, () =>
    writer.attributeU32(ATTRIBUTE.state, STATES[state]),
  );
}

function writeGroup(writer: MessageWriter, group: string): void {
  const bytes = addressBytes(group);
  if (addressFamily(group) === AF_INET)
    writer.attributeBytes(ATTRIBUTE.group4, bytes.subarray(0, IPV4_BYTES));
  else writer.attributeBytes(ATTRIBUTE.group6, bytes);
}

/** Reads a reply to a listing. Throws `KernelError` for what is no daemon. */
export function readDaemon(message: NetlinkMessage): Daemon {
  const fields = new FieldReader(message.payload);
  fields.skip(GENL_HEADER_BYTES);
  const attributes = fields.attributes().nested(COMMAND_ATTRIBUTE.daemon);
  const number = attributes.u32(ATTRIBUTE.state) ?? 0;
  const state = nameOf(STATES, number);
  if (state === undefined) throw malformed(`an IPVS daemon of state ${number}`);
  return {
    state,
    link: attributes.string(ATTRIBUTE.link) ?? '',
    syncId: attributes.u32(ATTRIBUTE.syncId) ?? 0,
    ...present('bytesMax', attributes.u16(ATTRIBUTE.bytesMax)),
    ...present('group', readGroup(attributes)),
    ...present('port', attributes.u16(ATTRIBUTE.port)),
    ...present('ttl', attributes.u8(ATTRIBUTE.ttl)),
  };
}

function readGroup(attributes: Attributes): string | undefined {
  const bytes = attributes.bytes(ATTRIBUTE.group4) ?? attributes.bytes(ATTRIBUTE.group6);
  const address = bytes && tryIpOfBytes(bytes);
  return address === undefined ? undefined : formatIp(address);
}
