/**
 * netlink: the kernel's message protocol for links, addresses, routes, rules, neighbours and
 * generic families. Exported to others as `hawser/netlink`.
 *
 * A `NetlinkSocket` is made in a namespace (given by fd; `OWN_NAMESPACE_FD` is the process's own)
 * and stays there. Its calls are synchronous: `request` for one, `dump` for a table, `batch` for
 * thousands with one acknowledgement per send. A request is a value made by the functions of
 * `rtnl/` (`createLink`, `putFdb`, …); what comes back is read by their counterparts (`readLink`,
 * `readFdb`, …), which return `undefined` for rows of other kinds. `NetlinkEvents` reads multicast
 * groups and reports when the kernel had to drop some.
 *
 * Refusals are `KernelError`s with the errno's name and the kernel's extended acknowledgement text.
 * IPv4 only, so far. Start with `netlink-socket.ts`; `message-writer.ts` and `message-reader.ts`
 * are the codec.
 */
export { KernelError, type KernelErrorDetail } from '../kernel-error.ts';
export { OWN_NAMESPACE_FD, type NamespaceFd } from '../native.ts';
export { MessageWriter, type MessageHeader } from './message-writer.ts';
export { Attributes, FieldReader, readMessages, type NetlinkMessage } from './message-reader.ts';
export {
  NETLINK_GENERIC,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  NetlinkSocket,
  extendedAckText,
  type NetlinkRequest,
} from './netlink-socket.ts';
export { errnoName } from './errno.ts';
export { NetlinkEvents, type EventHandlers, type EventSource } from './events.ts';
export { genericFamily, type GenericFamily } from './generic.ts';
export * from './rtnl/link.ts';
export * from './rtnl/address.ts';
export * from './rtnl/route.ts';
export * from './rtnl/rule.ts';
export * from './rtnl/neighbour.ts';
export { namespaceIdOf } from './rtnl/namespace-id.ts';
