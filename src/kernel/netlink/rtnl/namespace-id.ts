/** How one network namespace numbers another: RTM_GETNSID. */
import { FieldReader } from '../message-reader.ts';
import type { NetlinkSocket } from '../netlink-socket.ts';

const RTM_GETNSID = 90;
const AF_UNSPEC = 0;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;

/**
 * The number by which the socket's namespace knows the other; `undefined` when it has given none.
 */
export function namespaceIdOf(socket: NetlinkSocket, namespaceFd: number): number | undefined {
  const replies = socket.request({
    type: RTM_GETNSID,
    object: 'namespace id',
    write: (writer) => {
      writer.u8(AF_UNSPEC);
      writer.u8(0);
      writer.u16(0);
      writer.attributeU32(NETNSA_FD, namespaceFd);
    },
  });
  const [reply] = replies;
  if (reply === undefined) return undefined;
  const fields = new FieldReader(reply.payload);
  fields.skip(4);
  const id = fields.attributes().i32(NETNSA_NSID);
  return id === undefined || id < 0 ? undefined : id;
}
