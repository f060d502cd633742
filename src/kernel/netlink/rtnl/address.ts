/** IPv4 addresses of links: RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR. */
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import type { MessageWriter } from '../message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE, type NetlinkRequest } from '../netlink-socket.ts';
import { prefixOf } from './addresses.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

export interface AddressRow {
  /** Index of the link. */
  readonly link: number;
  /** `a.b.c.d/n` */
  readonly address: string;
}

export function putAddress(row: AddressRow): NetlinkRequest {
  return addressRequest(row, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

export function deleteAddress(row: AddressRow): NetlinkRequest {
  return addressRequest(row, RTM_DELADDR, 0);
}

export function listAddresses(): NetlinkRequest {
  return {
    type: RTM_GETADDR,
    object: 'addresses',
    write: (writer) => addressHeader(writer, 0, 0),
  };
}

function addressRequest(row: AddressRow, type: number, flags: number): NetlinkRequest {
  const { address, bits } = prefixOf(row.address);
  return {
    type,
    flags,
    object: `address ${row.address}`,
    write: (writer) => {
      addressHeader(writer, row.link, bits);
      writer.attributeU32Network(IFA_LOCAL, address);
      writer.attributeU32Network(IFA_ADDRESS, address);
    },
  };
}

/** `struct ifaddrmsg`. */
function addressHeader(writer: MessageWriter, link: number, bits: number): void {
  writer.u8(AF_INET);
  writer.u8(bits);
  writer.u8(0);
  writer.u8(0);
  writer.u32(link);
}

/** Reads RTM_NEWADDR; `undefined` for other families. */
export function readAddress(message: NetlinkMessage): AddressRow | undefined {
  const fields = new FieldReader(message.payload);
  const family = fields.u8();
  const bits = fields.u8();
  fields.skip(2);
  const link = fields.u32();
  const attributes = fields.attributes();
  const address = attributes.ipv4Text(IFA_LOCAL) ?? attributes.ipv4Text(IFA_ADDRESS);
  if (family !== AF_INET || address === undefined) return undefined;
  return { link, address: `${address}/${bits}` };
}
