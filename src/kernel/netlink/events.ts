/** Multicast events of a netlink protocol, until closed. */
import { closeSync } from 'node:fs';
import { isErrno, KernelError } from '../kernel-error.ts';
import { poll, receiveFrom, socketIn, type NamespaceFd, type Poll } from '../native.ts';
import { readMessages, type NetlinkMessage } from './message-reader.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
/** Events are small; the kernel puts some thousands into 4 MiB while the event loop is busy. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 64 * 1024;
/** Datagrams read per turn of the event loop, so that a storm does not stop everything else. */
const READS_PER_TURN_MAX = 256;

export interface EventSource {
  readonly namespaceFd: NamespaceFd;
  readonly protocol: number;
  /** Numbers of multicast groups (`RTNLGRP_*`, not bit masks). */
  readonly groups: readonly number[];
  /** Bytes of events that the kernel keeps for a reader that is busy; 4 MiB by default. */
  readonly receiveBufferBytes?: number;
}

export interface EventHandlers {
  readonly onMessages: (messages: readonly NetlinkMessage[]) => void;
  /** Events were lost: what they told must be read again. */
  readonly onOverrun: () => void;
}

/**
 * Reads events. An overflow of the socket's buffer (ENOBUFS) is reported and survived; so is a
 * datagram that is no netlink message, as an overrun, because it too is an event that was not
 * understood.
 */
export class NetlinkEvents {
  private readonly fd: number;
  private readonly poll: Poll;
  private readonly handlers: EventHandlers;
  private readonly buffer = new Uint8Array(READ_BYTES);
  private isClosed = false;

  constructor(source: EventSource, handlers: EventHandlers) {
    this.handlers = handlers;
    this.fd = socketIn(
      {
        namespaceFd: source.namespaceFd,
        family: AF_NETLINK,
        type: SOCK_RAW,
        protocol: source.protocol,
        options: [
          [SOL_SOCKET, SO_RCVBUFFORCE, source.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES],
          ...source.groups.map((group) => [SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group] as const),
        ],
        bind: boundTo(source.groups),
      },
      'netlink events',
    );
    this.poll = poll(this.fd, () => this.read());
  }

  /** Lets the process end although events are awaited. */
  unref(): void {
    this.poll.unref();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.poll.close();
    closeSync(this.fd);
  }

  private read(): void {
    for (let reads = 0; reads < READS_PER_TURN_MAX && !this.isClosed; reads += 1) {
      const messages = this.readOne();
      if (messages === undefined) return;
      if (messages.length > 0) this.handlers.onMessages(messages);
    }
  }

  /** One datagram's messages; `undefined` when there is none. */
  private readOne(): readonly NetlinkMessage[] | undefined {
    try {
      const datagram = receiveFrom(this.fd, this.buffer);
      if (datagram === undefined) return undefined;
      // Copied, because handlers may keep messages and the buffer is used again.
      return readMessages(this.buffer.slice(0, datagram.length));
    } catch (error) {
      if (!isErrno(error, 'ENOBUFS') && !isMalformed(error)) throw error;
      this.handlers.onOverrun();
      return [];
    }
  }
}

/**
 * `struct sockaddr_nl` with port 0, which the kernel replaces. An unbound socket does not get what
 * the kernel sends as port 0; binding sets the first 32 memberships anew, so they are repeated
 * here.
 */
function boundTo(groups: readonly number[]): Uint8Array {
  const low = groups.filter((group) => group >= 1 && group <= 32);
  const mask = low.reduce((bits, group) => bits | (1 << (group - 1)), 0);
  const bytes = new Uint8Array(12);
  new Uint16Array(bytes.buffer, 0, 1)[0] = AF_NETLINK;
  new Uint32Array(bytes.buffer, 8, 1)[0] = mask >>> 0;
  return bytes;
}

function isMalformed(error: unknown): boolean {
  return error instanceof KernelError && error.detail.code === 'MALFORMED_MESSAGE';
}
