/** Addresses of links: RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR. */
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import type { MessageWriter } from '../message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE, type NetlinkRequest } from '../netlink-socket.ts';
import { AF_UNSPEC, addressFamily, ipFamily, prefixOf } from './addresses.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
/** Usable at once: whoever gives out the addresses knows that none is given twice. */
const IFA_F_NODAD = 0x02;
const IFA_F_PERMANENT = 0x80;
/** What the kernel gives itself: `fe80::/10` of each link. */
const RT_SCOPE_LINK = 253;

export interface AddressRow {
  /** Index of the link. */
  readonly link: number;
  /** With its prefix length. */
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
    write: (writer) => addressHeader(writer, { family: AF_UNSPEC, bits: 0, link: 0 }),
  };
}

function addressRequest(row: AddressRow, type: number, flags: number): NetlinkRequest {
  const { address, bits } = prefixOf(row.address);
  return {
    type,
    flags,
    object: `address ${row.address}`,
    write: (writer) => {
      addressHeader(writer, { family: addressFamily(address), bits, link: row.link });
      writer.attributeIp(IFA_LOCAL, address);
      writer.attributeIp(IFA_ADDRESS, address);
      if (flags !== 0) writer.attributeU32(IFA_FLAGS, IFA_F_NODAD);
    },
  };
}

interface AddressHeader {
  readonly family: number;
  readonly bits: number;
  readonly link: number;
}

/** `struct ifaddrmsg`. */
function addressHeader(writer: MessageWriter, { family, bits, link }: AddressHeader): void {
  writer.u8(family);
  writer.u8(bits);
  writer.u8(0);
  writer.u8(0);
  writer.u32(link);
}

/**
 * Reads RTM_NEWADDR; `undefined` for other families, and for IPv6 addresses that the kernel or a
 * router's advertisement makes.
 */
export function readAddress(message: NetlinkMessage): AddressRow | undefined {
  const fields = new FieldReader(message.payload);
  const family = fields.u8();
  const bits = fields.u8();
  const flags = fields.u8();
  const scope = fields.u8();
  const link = fields.u32();
  const attributes = fields.attributes();
  const address = attributes.ipText(IFA_LOCAL) ?? attributes.ipText(IFA_ADDRESS);
  if (ipFamily(family) === undefined || address === undefined) return undefined;
  const isWritten = ((attributes.u32(IFA_FLAGS) ?? flags) & IFA_F_PERMANENT) !== 0;
  if (ipFamily(family) === 6 && (scope === RT_SCOPE_LINK || !isWritten)) return undefined;
  return { link, address: `${address}/${bits}` };
}
