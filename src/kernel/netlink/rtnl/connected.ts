/**
 * Connected routes: to the subnet of an address, through its link. The kernel makes them with the
 * address, and not again when somebody deletes them.
 */
import { formatCidr, familyOf, maskTo } from '../../../base/index.ts';
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import { NLM_F_CREATE, NLM_F_EXCL, type NetlinkRequest } from '../netlink-socket.ts';
import type { AddressRow } from './address.ts';
import { addressFamily, ipFamily, prefixOf } from './addresses.ts';
import { routeHeader, RTM_NEWROUTE, type RouteRow } from './route.ts';

const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
const RTPROT_KERNEL = 2;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
/** What the kernel itself gives such routes of IPv6. */
const IPV6_METRIC = 256;

export type ConnectedRoute = Pick<RouteRow, 'destination' | 'link'>;

/** The route that belongs to an address; `undefined` for one that covers only itself. */
export function connectedRouteOf(row: AddressRow): ConnectedRoute | undefined {
  const { address, bits } = prefixOf(row.address);
  if (bits === (familyOf(address) === 4 ? 32 : 128)) return undefined;
  return { destination: formatCidr({ base: maskTo(address, bits), bits }), link: row.link };
}

/** As the kernel would make it. Refused with EEXIST when it is there. */
export function createConnectedRoute(row: AddressRow): NetlinkRequest {
  const { address, bits } = prefixOf(row.address);
  const isIpv4 = familyOf(address) === 4;
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    object: `connected route of ${row.address}`,
    write: (writer) => {
      routeHeader(writer, {
        family: addressFamily(address),
        bits,
        scope: isIpv4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        protocol: RTPROT_KERNEL,
        type: RTN_UNICAST,
      });
      writer.attributeIp(RTA_DST, maskTo(address, bits));
      writer.attributeU32(RTA_OIF, row.link);
      if (isIpv4) writer.attributeIp(RTA_PREFSRC, address);
      else writer.attributeU32(RTA_PRIORITY, IPV6_METRIC);
      writer.attributeU32(RTA_TABLE, RT_TABLE_MAIN);
    },
  };
}

/** Reads a connected route; `undefined` for any other. */
export function readConnectedRoute(message: NetlinkMessage): ConnectedRoute | undefined {
  const fields = new FieldReader(message.payload);
  const family = ipFamily(fields.u8());
  const bits = fields.u8();
  fields.skip(2);
  const tableByte = fields.u8();
  const protocol = fields.u8();
  fields.skip(1);
  const type = fields.u8();
  fields.skip(4);
  const attributes = fields.attributes();
  const destination = attributes.ipText(RTA_DST);
  const link = attributes.u32(RTA_OIF);
  const table = attributes.u32(RTA_TABLE) ?? tableByte;
  const isKernels = protocol === RTPROT_KERNEL && type === RTN_UNICAST && table === RT_TABLE_MAIN;
  if (family === undefined || !isKernels || destination === undefined || link === undefined)
    return undefined;
  return { destination: `${destination}/${bits}`, link };
}
