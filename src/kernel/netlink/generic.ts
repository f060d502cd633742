/**
 * Generic netlink's register of families: which number a family such as IPVS has on this machine.
 */
import type { Attributes } from './message-reader.ts';
import { FieldReader } from './message-reader.ts';
import type { NetlinkSocket } from './netlink-socket.ts';

const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const CTRL_ATTR_VERSION = 3;
const CTRL_ATTR_MCAST_GROUPS = 7;
const CTRL_ATTR_MCAST_GRP_NAME = 1;
const CTRL_ATTR_MCAST_GRP_ID = 2;
const GROUPS_MAX = 64;

export interface GenericFamily {
  /** The message type of its requests. */
  readonly id: number;
  readonly name: string;
  readonly version: number;
  readonly groups: ReadonlyMap<string, number>;
}

/**
 * Looks a family up on a socket of NETLINK_GENERIC. Throws `KernelError` with errno ENOENT when
 * there is none.
 */
export function genericFamily(socket: NetlinkSocket, name: string): GenericFamily {
  const [reply] = socket.request({
    type: GENL_ID_CTRL,
    object: `generic netlink family ${name}`,
    write: (writer) => {
      writer.u8(CTRL_CMD_GETFAMILY);
      writer.u8(1);
      writer.u16(0);
      writer.attributeString(CTRL_ATTR_FAMILY_NAME, name);
    },
  });
  const fields = new FieldReader(reply?.payload ?? new DataView(new ArrayBuffer(0)));
  fields.skip(4);
  const attributes = fields.attributes();
  return {
    id: attributes.u16(CTRL_ATTR_FAMILY_ID) ?? 0,
    name,
    version: attributes.u32(CTRL_ATTR_VERSION) ?? 0,
    groups: readGroups(attributes.nested(CTRL_ATTR_MCAST_GROUPS)),
  };
}

/** Groups are a list: attributes whose types count from one. */
function readGroups(list: Attributes): ReadonlyMap<string, number> {
  const groups = new Map<string, number>();
  for (let at = 1; at <= GROUPS_MAX && list.has(at); at += 1) {
    const group = list.nested(at);
    const name = group.string(CTRL_ATTR_MCAST_GRP_NAME);
    const id = group.u32(CTRL_ATTR_MCAST_GRP_ID);
    if (name !== undefined && id !== undefined) groups.set(name, id);
  }
  return groups;
}
