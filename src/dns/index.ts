/**
 * dns: what a name means to a container, and the bytes that say so.
 *
 * Decides for each question of a container whether the node's own view answers it, whether it goes
 * outside, or whether it is refused; writes the two files a container's C library reads
 * (/etc/resolv.conf, /etc/hosts). Never opens a socket, waits, or remembers a question: the shell
 * in `node/resolver` does, and a native engine that serves from the same tables has this room as
 * its specification.
 *
 * In: a `NodeView`, a question, who asks, randomness; bytes of messages; the host's resolv.conf.
 * Out: `Names` (immutable, one for all containers of a node), a `Resolution`, bytes, file contents,
 * `Upstream`s. Limits: messages of 65,535 bytes, names of 255, labels of 63, pointers only
 * backwards, 4,096 records; all refusals are `DnsError` with a code. IPv4 addresses only: AAAA for
 * a local name is always empty.
 *
 * Decisions (2026-11-21)
 * - Two modes. `compatible` is Docker's behaviour to the letter: TTL 600, no PTR for VIPs, misses
 *   of `tasks.` asked outside. `default` differs in what users asked for: TTL 5 s, so that clients
 *   follow a change; PTR for VIPs; a service's name stays known while the service has no task (its
 *   VIP, or NODATA) instead of being asked of the internet; `tasks.<label>` and
 *   `tasks.<name>.<network>` that name nothing are NXDOMAIN at once. Cost: a host `tasks.<top-level
 *   domain>` of the outside cannot be reached by name in that mode.
 * - A service's name wins over a task's hostname or alias of the same text, where Docker mixes both
 *   sets of addresses. Because a client that gets the VIP and a task in one answer loses the VIP's
 *   balancing at random.
 * - Of networks, the spec's order decides which one answers first; ingress networks name nothing.
 *
 * Start with `names/resolve.ts` (the table of answers), then `names/name-table.ts` (the table of
 * names); `wire/message.ts` is the codec's vocabulary, `wire/rewrite.ts` what a forwarder does to
 * bytes it passes on.
 */
export { DnsError, type DnsErrorDetail } from './errors.ts';
export {
  HEADER_BYTES,
  MESSAGE_BYTES_MAX,
  Opcode,
  Rcode,
  RecordClass,
  RecordType,
  UDP_BYTES_ADVERTISED,
  UDP_BYTES_DEFAULT,
  type DnsName,
  type Edns,
  type Header,
  type Message,
  type Question,
  type RecordData,
  type ResourceRecord,
} from './wire/message.ts';
export { decodeHeader, decodeMessage, type DecodeLimits } from './wire/decode.ts';
export { encodeMessage } from './wire/encode.ts';
export { isDnsName } from './wire/writer.ts';
export { answerFor, isSameQuestion, questionEnd, truncateMessage, withId } from './wire/rewrite.ts';
export { MessageStream, frameMessage } from './wire/framing.ts';
export {
  buildNames,
  type Names,
  type NamesMode,
  type NamesOptions,
  type NetworkNames,
} from './names/names.ts';
export { resolve, type Asker, type Resolution } from './names/resolve.ts';
export {
  RESOLVER_ADDRESS,
  buildResolvConf,
  type ResolvConf,
  type Upstream,
} from './files/resolv-conf.ts';
export { buildHostsFile, type HostsFileOptions } from './files/hosts-file.ts';
