/** IPv4 unicast routes: RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE. */
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import type { MessageWriter } from '../message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE, type NetlinkRequest } from '../netlink-socket.ts';
import { present } from '../present.ts';
import { addressOf, prefixOf } from './addresses.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

const AF_INET = 2;
const RTN_UNICAST = 1;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTNH_F_ONLINK = 4;
const RTPROT_KERNEL = 2;
/** Marks what Hawser wrote ('H'); `ip route show proto 72` lists it. */
export const RTPROT_HAWSER = 72;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;

export interface RouteRow {
  /** `a.b.c.d/n` */
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
        bits,
        scope: via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        protocol: RTPROT_HAWSER,
        type: RTN_UNICAST,
        flags: row.isOnlink ? RTNH_F_ONLINK : 0,
      });
      if (bits > 0) writer.attributeU32Network(RTA_DST, address);
      writer.attributeU32(RTA_OIF, row.link);
      if (via !== undefined) writer.attributeU32Network(RTA_GATEWAY, via);
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
      routeHeader(writer, { bits, scope: RT_SCOPE_NOWHERE, protocol: 0, type: RTN_UNICAST });
      if (bits > 0) writer.attributeU32Network(RTA_DST, address);
      writer.attributeU32(RTA_OIF, row.link);
      writer.attributeU32(RTA_TABLE, row.table);
    },
  };
}

export function listRoutes(): NetlinkRequest {
  return {
    type: RTM_GETROUTE,
    object: 'routes',
    write: (writer) => routeHeader(writer, { bits: 0, scope: 0, protocol: 0, type: 0 }),
  };
}

interface RouteHeader {
  readonly bits: number;
  readonly scope: number;
  readonly protocol: number;
  readonly type: number;
  readonly flags?: number;
}

/** `struct rtmsg`; the table is in an attribute, because it may exceed a byte. */
function routeHeader(writer: MessageWriter, header: RouteHeader): void {
  writer.u8(AF_INET);
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
 * and types, the kernel's own, several next hops, a metric.
 */
export function readRoute(message: NetlinkMessage): RouteRow | undefined {
  const fields = new FieldReader(message.payload);
  const family = fields.u8();
  const bits = fields.u8();
  fields.skip(2);
  const tableByte = fields.u8();
  const protocol = fields.u8();
  fields.skip(1);
  const type = fields.u8();
  const flags = fields.u32();
  const attributes = fields.attributes();
  const link = attributes.u32(RTA_OIF);
  const isPlain = family === AF_INET && type === RTN_UNICAST && protocol !== RTPROT_KERNEL;
  if (!isPlain || link === undefined || (attributes.u32(RTA_PRIORITY) ?? 0) !== 0) return undefined;
  return {
    destination: `${attributes.ipv4Text(RTA_DST) ?? '0.0.0.0'}/${bits}`,
    table: attributes.u32(RTA_TABLE) ?? tableByte,
    link,
    ...present('via', attributes.ipv4Text(RTA_GATEWAY)),
    isOnlink: (flags & RTNH_F_ONLINK) !== 0,
  };
}
