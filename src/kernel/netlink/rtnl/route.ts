/** Unicast routes: RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE. */
import { familyOf, type Ip } from '../../../base/index.ts';
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import type { MessageWriter } from '../message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE, type NetlinkRequest } from '../netlink-socket.ts';
import { present } from '../present.ts';
import { AF_UNSPEC, addressFamily, addressOf, ipFamily, prefixOf } from './addresses.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

const RTN_UNICAST = 1;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTNH_F_ONLINK = 4;
/** Routes that nobody wrote: the kernel's, and those of routers' advertisements. */
const RTPROT_KERNEL = 2;
const RTPROT_RA = 9;
/** What IPv6 gives a route that names no metric; IPv4 has none. */
const IPV6_METRIC = 1024;
/** Marks what Hawser wrote ('H'); `ip route show proto 72` lists it. */
export const RTPROT_HAWSER = 72;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;

export interface RouteRow {
  /** A prefix; the default route is `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  readonly table: number;
  /** Index of the link it leaves through. */
  readonly link: number;
  readonly via?: string;
  readonly isOnlink: boolean;
}

export function putRoute(row: RouteRow): NetlinkRequest {
  const { address, bits } = prefixOf(row.destination);
  const via = row.via === undefined ? undefined : addressOf(row.via);
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    object: `route ${row.destination} table ${row.table}`,
    write: (writer) => {
      routeHeader(writer, {
        family: addressFamily(address),
        bits,
        scope: via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        protocol: RTPROT_HAWSER,
        type: RTN_UNICAST,
        flags: row.isOnlink ? RTNH_F_ONLINK : 0,
      });
      if (bits > 0) writer.attributeIp(RTA_DST, address);
      writer.attributeU32(RTA_OIF, row.link);
      if (via !== undefined) writer.attributeIp(RTA_GATEWAY, via);
      writeMetric(writer, address);
      writer.attributeU32(RTA_TABLE, row.table);
    },
  };
}

/** Deletes the route to the destination through the link, whoever wrote it. */
export function deleteRoute(row: Pick<RouteRow, 'destination' | 'table' | 'link'>): NetlinkRequest {
  const { address, bits } = prefixOf(row.destination);
  return {
    type: RTM_DELROUTE,
    object: `route ${row.destination} table ${row.table}`,
    write: (writer) => {
      const family = addressFamily(address);
      routeHeader(writer, {
        ...{ family, bits, protocol: 0 },
        ...{ scope: RT_SCOPE_NOWHERE, type: RTN_UNICAST },
      });
      if (bits > 0) writer.attributeIp(RTA_DST, address);
      writer.attributeU32(RTA_OIF, row.link);
      writeMetric(writer, address);
      writer.attributeU32(RTA_TABLE, row.table);
    },
  };
}

export function listRoutes(): NetlinkRequest {
  return {
    type: RTM_GETROUTE,
    object: 'routes',
    write: (writer) =>
      routeHeader(writer, { family: AF_UNSPEC, bits: 0, scope: 0, protocol: 0, type: 0 }),
  };
}

/** Named, so that a deletion does not meet a route of the kernel's to the same destination. */
function writeMetric(writer: MessageWriter, destination: Ip): void {
  if (familyOf(destination) === 6) writer.attributeU32(RTA_PRIORITY, IPV6_METRIC);
}

interface RouteHeader {
  readonly family: number;
  readonly bits: number;
  readonly scope: number;
  readonly protocol: number;
  readonly type: number;
  readonly flags?: number;
}

/** `struct rtmsg`; the table is in an attribute, because it may exceed a byte. */
export function routeHeader(writer: MessageWriter, header: RouteHeader): void {
  writer.u8(header.family);
  writer.u8(header.bits);
  writer.u8(0);
  writer.u8(0);
  writer.u8(0);
  writer.u8(header.protocol);
  writer.u8(header.scope);
  writer.u8(header.type);
  writer.u32(header.flags ?? 0);
}

/**
 * Reads RTM_NEWROUTE; `undefined` for what is not a plain route that somebody wrote: other families
 * and types, the kernel's own, several next hops, a metric of its own.
 */
export function readRoute(message: NetlinkMessage): RouteRow | undefined {
  const fields = new FieldReader(message.payload);
  const family = ipFamily(fields.u8());
  const bits = fields.u8();
  fields.skip(2);
  const tableByte = fields.u8();
  const protocol = fields.u8();
  fields.skip(1);
  const type = fields.u8();
  const flags = fields.u32();
  const attributes = fields.attributes();
  const link = attributes.u32(RTA_OIF);
  const isWritten = protocol !== RTPROT_KERNEL && protocol !== RTPROT_RA;
  if (family === undefined || type !== RTN_UNICAST || !isWritten) return undefined;
  const metric = family === 4 ? 0 : IPV6_METRIC;
  if (link === undefined || (attributes.u32(RTA_PRIORITY) ?? 0) !== metric) return undefined;
  return {
    destination: `${attributes.ipText(RTA_DST) ?? (family === 4 ? '0.0.0.0' : '::')}/${bits}`,
    table: attributes.u32(RTA_TABLE) ?? tableByte,
    link,
    ...present('via', attributes.ipText(RTA_GATEWAY)),
    isOnlink: (flags & RTNH_F_ONLINK) !== 0,
  };
}
