/**
 * A netlink socket for requests: synchronous, because rtnetlink answers during the send (3 µs for a
 * request, 1 µs each in a batch), and bound for life to the namespace it was made in.
 */
import { closeSync } from 'node:fs';
import { assert } from '../../base/index.ts';
import { KernelError, systemError } from '../kernel-error.ts';
import { netlinkExchange, socketIn, type NamespaceFd, type SocketOption } from '../native.ts';
import { FieldReader, readMessages, type NetlinkMessage } from './message-reader.ts';
import { MessageWriter } from './message-writer.ts';
import { errnoName } from './errno.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NETLINK_GENERIC = 16;

export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
const NLM_F_DUMP_INTERRUPTED = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_DUMP = 0x300;
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_CAPPED = 0x100;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSG_TYPES_RESERVED = 16;
const NLMSGERR_ATTR_MSG = 1;

/**
 * Messages per send. Each refused one costs up to 1 KiB of receive buffer before it is read, so a
 * batch that fails whole fits into `RECEIVE_BUFFER_BYTES`.
 */
const BATCH_MESSAGES_MAX = 1000;
const BATCH_BYTES_MAX = 96 * 1024;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const RECEIVE_TIMEOUT_SECONDS = 5;
/** A dump is repeated this often when the table changed while it was read. */
const DUMP_ATTEMPTS_MAX = 5;

/**
 * One request: its type and flags beside NLM_F_REQUEST, and a function that writes what follows the
 * header.
 */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags?: number;
  /** What the request is about, for error messages. */
  readonly object: string;
  readonly write: (writer: MessageWriter) => void;
}

export class NetlinkSocket {
  readonly fd: number;
  private readonly writer = new MessageWriter(16 * 1024);
  private sequence = 0;
  private isClosed = false;

  /** `protocol`: `NETLINK_ROUTE`, `NETLINK_GENERIC`, … */
  constructor(namespaceFd: NamespaceFd, protocol: number) {
    this.fd = socketIn(
      {
        namespaceFd,
        family: AF_NETLINK,
        type: SOCK_RAW,
        protocol,
        options: requestOptions(),
      },
      'netlink',
    );
  }

  /**
   * Carries out one request; returns its replies without the acknowledgement. Throws `KernelError`.
   */
  request(request: NetlinkRequest): NetlinkMessage[] {
    this.startSend();
    const replies = this.exchange(this.append(request, NLM_F_ACK));
    throwErrors(replies, request);
    return replies.filter((reply) => reply.type >= NLMSG_TYPES_RESERVED);
  }

  /** Lists a table; what changed meanwhile is read again. */
  dump(request: NetlinkRequest): NetlinkMessage[] {
    for (let attempt = 1; ; attempt += 1) {
      this.startSend();
      const replies = this.exchange(this.append(request, NLM_F_DUMP));
      throwErrors(replies, request);
      const isTorn = replies.some((reply) => (reply.flags & NLM_F_DUMP_INTERRUPTED) !== 0);
      if (!isTorn || attempt === DUMP_ATTEMPTS_MAX)
        return replies.filter((reply) => reply.type >= NLMSG_TYPES_RESERVED);
    }
  }

  /**
   * Carries out many requests with few system calls: only the last of each send asks for an
   * acknowledgement, and refused ones are known by their sequence numbers. Returns one error or
   * `undefined` per request, in order.
   */
  batch(requests: readonly NetlinkRequest[]): (KernelError | undefined)[] {
    const outcomes = new Array<KernelError | undefined>(requests.length).fill(undefined);
    let next = 0;
    while (next < requests.length) next = this.sendSome(requests, next, outcomes);
    return outcomes;
  }

  close(): void {
    if (!this.isClosed) closeSync(this.fd);
    this.isClosed = true;
  }

  /** Sends requests from `first` on until a send is full; returns the index after them. */
  private sendSome(
    requests: readonly NetlinkRequest[],
    first: number,
    outcomes: (KernelError | undefined)[],
  ): number {
    this.startSend();
    const firstSequence = this.sequence + 1;
    let end = first;
    let lastOffset = 0;
    while (end < requests.length && end - first < BATCH_MESSAGES_MAX) {
      if (this.writer.length > BATCH_BYTES_MAX) break;
      lastOffset = this.writer.length;
      this.append(requests[end] as NetlinkRequest, 0);
      end += 1;
    }
    this.writer.addFlags(lastOffset, NLM_F_ACK);
    for (const reply of this.tryExchange(outcomes, { first, end })) {
      const index = first + reply.sequence - firstSequence;
      const request = index < end ? requests[index] : undefined;
      if (request !== undefined) outcomes[index] = errorOf(reply, request);
    }
    return end;
  }

  /**
   * As `exchange`; when the socket itself fails, that is the outcome of every request of the send.
   */
  private tryExchange(
    outcomes: (KernelError | undefined)[],
    range: { readonly first: number; readonly end: number },
  ): NetlinkMessage[] {
    try {
      return this.exchange(this.sequence);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      outcomes.fill(error, range.first, range.end);
      return [];
    }
  }

  private startSend(): void {
    this.writer.reset();
    // Numbers begin again long before they would wrap within a batch.
    if (this.sequence >= 0x7fffffff) this.sequence = 0;
  }

  private append(request: NetlinkRequest, extraFlags: number): number {
    this.sequence += 1;
    const flags = (request.flags ?? 0) | NLM_F_REQUEST | extraFlags;
    this.writer.begin({ type: request.type, flags, sequence: this.sequence });
    request.write(this.writer);
    this.writer.end();
    return this.sequence;
  }

  /** Replies to the current requests; late ones to earlier, given-up requests are dropped. */
  private exchange(lastSequence: number): NetlinkMessage[] {
    assert(!this.isClosed, 'the netlink socket is open');
    return readMessages(netlinkExchange(this.fd, this.writer.bytes(), lastSequence));
  }
}

function requestOptions(): SocketOption[] {
  const timeout = new Uint8Array(new BigInt64Array([BigInt(RECEIVE_TIMEOUT_SECONDS), 0n]).buffer);
  return [
    [SOL_SOCKET, SO_RCVTIMEO, timeout],
    [SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES],
    [SOL_NETLINK, NETLINK_CAP_ACK, 1],
    [SOL_NETLINK, NETLINK_EXT_ACK, 1],
    [SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1],
  ];
}

function throwErrors(replies: readonly NetlinkMessage[], request: NetlinkRequest): void {
  for (const reply of replies) {
    const error = errorOf(reply, request);
    if (error !== undefined) throw error;
  }
}

/** The error a reply carries; `undefined` for an acknowledgement and for data. */
function errorOf(reply: NetlinkMessage, request: NetlinkRequest): KernelError | undefined {
  if (reply.type !== NLMSG_ERROR && reply.type !== NLMSG_DONE) return undefined;
  if (reply.payload.byteLength < 4) return undefined;
  const code = new FieldReader(reply.payload).i32();
  if (code >= 0) return undefined;
  const text = extendedAckText(reply);
  return systemError({ errno: errnoName(-code), call: 'netlink' }, request.object, text);
}

/** The kernel's own words about a refusal, where it has any. */
export function extendedAckText(reply: NetlinkMessage): string {
  if ((reply.flags & NLM_F_ACK_TLVS) === 0) return '';
  const fields = new FieldReader(reply.payload);
  fields.skip(4);
  if (reply.type === NLMSG_ERROR) {
    const requestBytes = fields.u32();
    fields.skip(12);
    // Without NETLINK_CAP_ACK the refused request's body stands between its header and the
    // attributes.
    if ((reply.flags & NLM_F_CAPPED) === 0) fields.skip(Math.max(0, requestBytes - 16));
  }
  return fields.attributes().string(NLMSGERR_ATTR_MSG) ?? '';
}
