/**
 * Neighbours (address to MAC) and forwarding rows (MAC to port or VTEP): RTM_NEWNEIGH,
 * RTM_DELNEIGH, RTM_GETNEIGH.
 */
import type { Mac } from '../../../base/index.ts';
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import type { MessageWriter } from '../message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE, type NetlinkRequest } from '../netlink-socket.ts';
import { addressOf, macBytes } from './addresses.ts';

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

const AF_INET = 2;
const AF_BRIDGE = 7;
const NTF_SELF = 2;
const NTF_MASTER = 4;
const NTF_PROXY = 8;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_VLAN = 5;
const NDA_MASTER = 9;

export interface NeighbourRow {
  readonly link: number;
  readonly address: string;
  readonly mac: Mac;
}

/**
 * A forwarding row: of a VXLAN device (`self`, to a VTEP) or of the bridge the link is a port of
 * (`master`).
 */
export type FdbRow = { readonly link: number; readonly mac: Mac } & (
  { readonly owner: 'self'; readonly vtep: string } | { readonly owner: 'master' }
);

export function putNeighbour(row: NeighbourRow): NetlinkRequest {
  const address = addressOf(row.address);
  const mac = macBytes(row.mac);
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    object: `neighbour ${row.address}`,
    write: (writer) => {
      neighbourHeader(writer, { family: AF_INET, link: row.link, state: NUD_PERMANENT, flags: 0 });
      writer.attributeU32Network(NDA_DST, address);
      writer.attributeBytes(NDA_LLADDR, mac);
    },
  };
}

export function deleteNeighbour(row: Pick<NeighbourRow, 'link' | 'address'>): NetlinkRequest {
  const address = addressOf(row.address);
  return {
    type: RTM_DELNEIGH,
    object: `neighbour ${row.address}`,
    write: (writer) => {
      neighbourHeader(writer, { family: AF_INET, link: row.link, state: 0, flags: 0 });
      writer.attributeU32Network(NDA_DST, address);
    },
  };
}

export function putFdb(row: FdbRow): NetlinkRequest {
  return fdbRequest(row, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
}

export function deleteFdb(row: FdbRow): NetlinkRequest {
  return fdbRequest(row, RTM_DELNEIGH, 0);
}

function fdbRequest(row: FdbRow, type: number, flags: number): NetlinkRequest {
  const mac = macBytes(row.mac);
  const vtep = row.owner === 'self' ? addressOf(row.vtep) : undefined;
  // On a bridge a permanent row would mean "this is the host's own address"; a static one that does
  // not age is NOARP.
  const state = vtep === undefined ? NUD_NOARP : NUD_PERMANENT | NUD_NOARP;
  return {
    type,
    flags,
    object: `fdb ${row.mac}`,
    write: (writer) => {
      const owner = vtep === undefined ? NTF_MASTER : NTF_SELF;
      neighbourHeader(writer, { family: AF_BRIDGE, link: row.link, state, flags: owner });
      writer.attributeBytes(NDA_LLADDR, mac);
      if (vtep !== undefined) writer.attributeU32Network(NDA_DST, vtep);
    },
  };
}

export function listNeighbours(): NetlinkRequest {
  return listRequest(AF_INET);
}

export function listFdb(): NetlinkRequest {
  return listRequest(AF_BRIDGE);
}

function listRequest(family: number): NetlinkRequest {
  return {
    type: RTM_GETNEIGH,
    object: 'neighbours',
    write: (writer) => neighbourHeader(writer, { family, link: 0, state: 0, flags: 0 }),
  };
}

interface NeighbourHeader {
  readonly family: number;
  readonly link: number;
  readonly state: number;
  readonly flags: number;
}

/** `struct ndmsg`. */
function neighbourHeader(writer: MessageWriter, header: NeighbourHeader): void {
  writer.u8(header.family);
  writer.u8(0);
  writer.u16(0);
  writer.u32(header.link);
  writer.u16(header.state);
  writer.u8(header.flags);
  writer.u8(0);
}

function readHeader(fields: FieldReader): NeighbourHeader {
  const family = fields.u8();
  fields.skip(3);
  const link = fields.u32();
  const state = fields.u16();
  const flags = fields.u8();
  fields.skip(1);
  return { family, link, state, flags };
}

/** Reads a permanent neighbour from RTM_NEWNEIGH; `undefined` for anything else. */
export function readNeighbour(message: NetlinkMessage): NeighbourRow | undefined {
  const fields = new FieldReader(message.payload);
  const header = readHeader(fields);
  const isPermanent = (header.state & NUD_PERMANENT) !== 0 && (header.flags & NTF_PROXY) === 0;
  if (header.family !== AF_INET || !isPermanent) return undefined;
  const attributes = fields.attributes();
  const address = attributes.ipv4Text(NDA_DST);
  const mac = attributes.mac(NDA_LLADDR);
  if (address === undefined || mac === undefined) return undefined;
  return { link: header.link, address, mac };
}

/**
 * Reads a static forwarding row; `undefined` for learned and local rows, and for a VLAN's copy of a
 * row.
 */
export function readFdb(message: NetlinkMessage): FdbRow | undefined {
  const fields = new FieldReader(message.payload);
  const header = readHeader(fields);
  if (header.family !== AF_BRIDGE) return undefined;
  const attributes = fields.attributes();
  const mac = attributes.mac(NDA_LLADDR);
  if (mac === undefined || (attributes.u16(NDA_VLAN) ?? 0) !== 0) return undefined;
  const row = { link: header.link, mac };
  if ((header.flags & NTF_SELF) !== 0) {
    // Rows without a VTEP are the device's own filter of multicast addresses.
    const vtep = attributes.ipv4Text(NDA_DST);
    const isStatic = (header.state & (NUD_PERMANENT | NUD_NOARP)) !== 0;
    return isStatic && vtep !== undefined ? { ...row, vtep, owner: 'self' } : undefined;
  }
  const isStaticPort = attributes.has(NDA_MASTER) && (header.state & NUD_NOARP) !== 0;
  return isStaticPort ? { ...row, owner: 'master' } : undefined;
}

/** Whether an event is about a row that somebody wrote, not about one that traffic made. */
export function isWrittenNeighbour(message: NetlinkMessage): boolean {
  return (readHeader(new FieldReader(message.payload)).state & (NUD_PERMANENT | NUD_NOARP)) !== 0;
}
