/** Links: RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK and, for bridge ports, RTM_SETLINK of AF_BRIDGE. */
import type { Mac } from '../../../base/index.ts';
import { present } from '../present.ts';
import { addressOf, macBytes } from './addresses.ts';
import type { Attributes } from '../message-reader.ts';
import { FieldReader, type NetlinkMessage } from '../message-reader.ts';
import type { MessageWriter } from '../message-writer.ts';
import { NLM_F_CREATE, NLM_F_EXCL, type NetlinkRequest } from '../netlink-socket.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;

const AF_UNSPEC = 0;
const AF_BRIDGE = 7;
const IFF_UP = 1;
export const ARPHRD_LOOPBACK = 772;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_PROTINFO = 12;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
/** Leaves statistics out of the reply. */
const RTEXT_FILTER_SKIP_STATS = 8;

const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;

const VETH_INFO_PEER = 1;
const IFLA_BR_VLAN_DEFAULT_PVID = 39;

const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PROXY = 11;
const IFLA_VXLAN_PORT = 15;

const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_LEARNING = 8;
const IFLA_BRPORT_UNICAST_FLOOD = 9;
const IFLA_BRPORT_ISOLATED = 33;

export interface VxlanInfo {
  readonly vni: number;
  readonly port: number;
  readonly local: string;
  readonly learning: boolean;
  /** Answers ARP from the device's neighbour rows. */
  readonly proxy: boolean;
}

export interface BridgePortInfo {
  readonly learning: boolean;
  readonly unicastFlood: boolean;
  readonly isolated: boolean;
  /** Frames may leave through the port they came in by. */
  readonly hairpin: boolean;
}

/** What a new link is to be. */
export type LinkKind =
  | { readonly kind: 'dummy' }
  | { readonly kind: 'bridge' }
  | ({ readonly kind: 'vxlan' } & VxlanInfo)
  | { readonly kind: 'veth'; readonly peerName: string; readonly peerNamespaceFd?: number };

export interface NewLink {
  readonly name: string;
  readonly kind: LinkKind;
  readonly mac?: Mac;
  readonly mtu?: number;
  /**
   * Where the link is to appear, when not in the socket's own namespace. A VXLAN's underlay stays
   * in the latter.
   */
  readonly namespaceFd?: number;
}

export interface LinkChange {
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly isUp?: boolean;
  /** Index of the bridge; 0 for none. */
  readonly master?: number;
  readonly alias?: string;
}

/** A link as the kernel describes it. */
export interface LinkRow {
  readonly index: number;
  /** ARPHRD_* */
  readonly hardwareType: number;
  readonly name: string;
  readonly isUp: boolean;
  readonly mtu: number;
  readonly mac?: Mac;
  readonly master?: number;
  readonly alias?: string;
  /**
   * Index of the peer or of the device below, in the namespace `linkNamespaceId` where that is
   * another one.
   */
  readonly link?: number;
  readonly linkNamespaceId?: number;
  /** `bridge`, `veth`, …; absent for hardware and loopback. */
  readonly kind?: string;
  readonly vxlan?: VxlanInfo;
  /** Present on ports of a bridge. */
  readonly bridgePort?: BridgePortInfo;
}

export function createLink(link: NewLink): NetlinkRequest {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    object: `link ${link.name}`,
    write: (writer) => {
      linkHeader(writer, {});
      writer.attributeString(IFLA_IFNAME, link.name);
      if (link.mac !== undefined) writer.attributeBytes(IFLA_ADDRESS, macBytes(link.mac));
      if (link.mtu !== undefined) writer.attributeU32(IFLA_MTU, link.mtu);
      if (link.namespaceFd !== undefined) writer.attributeU32(IFLA_NET_NS_FD, link.namespaceFd);
      writer.attributeNested(IFLA_LINKINFO, () => {
        writer.attributeString(IFLA_INFO_KIND, link.kind.kind);
        if (link.kind.kind !== 'dummy')
          writer.attributeNested(IFLA_INFO_DATA, () => writeKind(writer, link.kind));
      });
    },
  };
}

function writeKind(writer: MessageWriter, kind: LinkKind): void {
  if (kind.kind === 'vxlan') {
    writer.attributeU32(IFLA_VXLAN_ID, kind.vni);
    writer.attributeU32Network(IFLA_VXLAN_LOCAL, addressOf(kind.local));
    writer.attributeU16Network(IFLA_VXLAN_PORT, kind.port);
    writer.attributeU8(IFLA_VXLAN_LEARNING, Number(kind.learning));
    writer.attributeU8(IFLA_VXLAN_PROXY, Number(kind.proxy));
  } else if (kind.kind === 'veth') {
    writer.attributeNested(VETH_INFO_PEER, () => {
      linkHeader(writer, {});
      writer.attributeString(IFLA_IFNAME, kind.peerName);
      if (kind.peerNamespaceFd !== undefined)
        writer.attributeU32(IFLA_NET_NS_FD, kind.peerNamespaceFd);
    });
  } else if (kind.kind === 'bridge') {
    // Without a default VLAN a static FDB row is one row and not two.
    writer.attributeU16(IFLA_BR_VLAN_DEFAULT_PVID, 0);
  }
}

export function changeLink(index: number, change: LinkChange): NetlinkRequest {
  return {
    type: RTM_SETLINK,
    object: `link index ${index}`,
    write: (writer) => {
      linkHeader(writer, { index, ...(change.isUp === undefined ? {} : { isUp: change.isUp }) });
      if (change.mac !== undefined) writer.attributeBytes(IFLA_ADDRESS, macBytes(change.mac));
      if (change.mtu !== undefined) writer.attributeU32(IFLA_MTU, change.mtu);
      if (change.master !== undefined) writer.attributeU32(IFLA_MASTER, change.master);
      if (change.alias !== undefined) writer.attributeString(IFLA_IFALIAS, change.alias);
    },
  };
}

/** Flags of a bridge's port. */
export function changeBridgePort(index: number, port: BridgePortInfo): NetlinkRequest {
  return {
    type: RTM_SETLINK,
    object: `bridge port index ${index}`,
    write: (writer) => {
      linkHeader(writer, { index, family: AF_BRIDGE });
      writer.attributeNested(IFLA_PROTINFO, () => {
        writer.attributeU8(IFLA_BRPORT_LEARNING, Number(port.learning));
        writer.attributeU8(IFLA_BRPORT_UNICAST_FLOOD, Number(port.unicastFlood));
        writer.attributeU8(IFLA_BRPORT_ISOLATED, Number(port.isolated));
        writer.attributeU8(IFLA_BRPORT_MODE, Number(port.hairpin));
      });
    },
  };
}

export function deleteLink(index: number): NetlinkRequest {
  return {
    type: RTM_DELLINK,
    object: `link index ${index}`,
    write: (writer) => linkHeader(writer, { index }),
  };
}

export function getLink(name: string): NetlinkRequest {
  return {
    type: RTM_GETLINK,
    object: `link ${name}`,
    write: (writer) => {
      linkHeader(writer, {});
      writer.attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
      writer.attributeString(IFLA_IFNAME, name);
    },
  };
}

export function listLinks(): NetlinkRequest {
  return {
    type: RTM_GETLINK,
    object: 'links',
    write: (writer) => {
      linkHeader(writer, {});
      writer.attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    },
  };
}

/** `struct ifinfomsg`. */
function linkHeader(
  writer: MessageWriter,
  header: { readonly index?: number; readonly isUp?: boolean; readonly family?: number },
): void {
  writer.u8(header.family ?? AF_UNSPEC);
  writer.u8(0);
  writer.u16(0);
  writer.u32(header.index ?? 0);
  writer.u32(header.isUp === true ? IFF_UP : 0);
  writer.u32(header.isUp === undefined ? 0 : IFF_UP);
}

/** Reads RTM_NEWLINK; `undefined` for the bridge family's messages, which tell of ports only. */
export function readLink(message: NetlinkMessage): LinkRow | undefined {
  const fields = new FieldReader(message.payload);
  const family = fields.u8();
  fields.skip(1);
  const hardwareType = fields.u16();
  const index = fields.i32();
  const flags = fields.u32();
  fields.skip(4);
  const attributes = fields.attributes();
  const name = attributes.string(IFLA_IFNAME);
  if (family === AF_BRIDGE || name === undefined) return undefined;
  return {
    index,
    hardwareType,
    name,
    isUp: (flags & IFF_UP) !== 0,
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    ...present('mac', attributes.mac(IFLA_ADDRESS)),
    ...present('master', attributes.u32(IFLA_MASTER)),
    ...present('alias', attributes.string(IFLA_IFALIAS)),
    ...present('link', attributes.u32(IFLA_LINK)),
    ...present('linkNamespaceId', attributes.i32(IFLA_LINK_NETNSID)),
    ...readLinkInfo(attributes.nested(IFLA_LINKINFO)),
  };
}

function readLinkInfo(info: Attributes): Pick<LinkRow, 'kind' | 'vxlan' | 'bridgePort'> {
  const kind = info.string(IFLA_INFO_KIND);
  const isPort = info.string(IFLA_INFO_SLAVE_KIND) === 'bridge';
  return {
    ...present('kind', kind),
    ...(kind === 'vxlan' ? { vxlan: readVxlan(info.nested(IFLA_INFO_DATA)) } : {}),
    ...(isPort ? { bridgePort: readBridgePort(info.nested(IFLA_INFO_SLAVE_DATA)) } : {}),
  };
}

function readVxlan(data: Attributes): VxlanInfo {
  return {
    vni: data.u32(IFLA_VXLAN_ID) ?? 0,
    port: data.u16Network(IFLA_VXLAN_PORT) ?? 0,
    local: data.ipv4Text(IFLA_VXLAN_LOCAL) ?? '0.0.0.0',
    learning: data.u8(IFLA_VXLAN_LEARNING) === 1,
    proxy: data.u8(IFLA_VXLAN_PROXY) === 1,
  };
}

function readBridgePort(data: Attributes): BridgePortInfo {
  return {
    learning: data.u8(IFLA_BRPORT_LEARNING) === 1,
    unicastFlood: data.u8(IFLA_BRPORT_UNICAST_FLOOD) === 1,
    isolated: data.u8(IFLA_BRPORT_ISOLATED) === 1,
    hairpin: data.u8(IFLA_BRPORT_MODE) === 1,
  };
}
