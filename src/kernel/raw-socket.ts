/**
 * raw-socket: raw IPv4 sockets and packet (Ethernet) sockets, also inside another network
 * namespace. Exported to others as `hawser/raw-socket`.
 *
 * Sending and receiving never wait: `send` throws `KernelError` (EAGAIN when the buffer is full),
 * `receive` returns `undefined` when nothing is there. With `onPacket` the event loop reads, and
 * `close` ends it. Needs CAP_NET_RAW. A packet cut to `packetBytesMax` says so in `isTruncated`.
 */
import { closeSync, openSync } from 'node:fs';
import { formatIpv4, ipv4FromNumber, tryParseMac, type Mac } from '../base/index.ts';
import { invalidArgument } from './kernel-error.ts';
import { IS_LITTLE_ENDIAN } from './netlink/message-writer.ts';
import { socketAddressOf } from './namespace-sockets.ts';
import {
  OWN_NAMESPACE_FD,
  poll,
  receiveFrom,
  sendTo,
  socketIn,
  type Datagram,
  type Poll,
  type SocketRequest,
} from './native.ts';

export { KernelError, type KernelErrorDetail } from './kernel-error.ts';

const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const IPPROTO_IP = 0;
const IP_HDRINCL = 3;
const PACKET_BYTES_MAX = 65_536;
const PACKETS_PER_TURN_MAX = 64;
const MAC_BYTES = 6;

export interface RawSocketOptions {
  /** Path of a network namespace, as /run/netns/blue; the process's own when absent. */
  readonly namespacePath?: string;
  /** Longer packets are cut; 65,536 by default. */
  readonly packetBytesMax?: number;
}

export interface IpSocketOptions extends RawSocketOptions {
  /** IP protocol: 1 is ICMP. 0 to 255. */
  readonly protocol: number;
  /** What is sent begins with an IP header of the caller's. */
  readonly includesHeader?: boolean;
}

export interface PacketSocketOptions extends RawSocketOptions {
  /** Index of the link, in its namespace. */
  readonly link: number;
  /** EtherType to receive: 0x0800 is IPv4, 0x0806 ARP, 3 everything. */
  readonly etherType: number;
}

export interface RawPacket<From> {
  /** With the IP header on an IP socket, with the Ethernet header on a packet socket. */
  readonly bytes: Uint8Array;
  readonly from: From;
  readonly isTruncated: boolean;
}

/** A sender on the link: its MAC and the link it came in by. */
export interface LinkSender {
  readonly mac: Mac | undefined;
  readonly link: number;
}

abstract class RawSocket<From> {
  protected readonly fd: number;
  private readonly buffer: Uint8Array;
  private poll: Poll | undefined;
  private isClosed = false;

  protected constructor(request: Omit<SocketRequest, 'namespaceFd'>, options: RawSocketOptions) {
    this.buffer = new Uint8Array(options.packetBytesMax ?? PACKET_BYTES_MAX);
    this.fd = openIn(options.namespacePath, request);
  }

  protected abstract senderOf(address: Uint8Array): From;

  receive(): RawPacket<From> | undefined {
    const datagram = receiveFrom(this.fd, this.buffer);
    return datagram && this.packetOf(datagram);
  }

  /** Calls back for each packet until closed; a second call replaces the first. */
  onPacket(handler: (packet: RawPacket<From>) => void): void {
    this.poll?.close();
    this.poll = poll(this.fd, () => {
      for (let count = 0; count < PACKETS_PER_TURN_MAX && !this.isClosed; count += 1) {
        const packet = this.receive();
        if (packet === undefined) return;
        handler(packet);
      }
    });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.poll?.close();
    closeSync(this.fd);
  }

  private packetOf(datagram: Datagram): RawPacket<From> {
    return {
      bytes: this.buffer.slice(0, datagram.length),
      from: this.senderOf(datagram.address),
      isTruncated: datagram.length > this.buffer.length,
    };
  }
}

/** A raw IPv4 socket; `from` is the sender's address. */
export class IpSocket extends RawSocket<string> {
  constructor(options: IpSocketOptions) {
    const { protocol, includesHeader } = options;
    if (!isInRange(protocol, 0xff)) throw invalidArgument('protocol', String(protocol));
    super(
      {
        family: AF_INET,
        type: SOCK_RAW,
        protocol,
        options: includesHeader === true ? [[IPPROTO_IP, IP_HDRINCL, 1]] : [],
      },
      options,
    );
  }

  /** Sends one packet to `a.b.c.d`. */
  send(bytes: Uint8Array, to: string): void {
    sendTo(this.fd, bytes, socketAddressOf({ address: to, port: 0 }));
  }

  protected senderOf(address: Uint8Array): string {
    return formatIpv4(ipv4FromNumber(viewOf(address).getUint32(4, false)));
  }
}

/** A packet socket on one link: whole Ethernet frames. */
export class PacketSocket extends RawSocket<LinkSender> {
  constructor(options: PacketSocketOptions) {
    const { link, etherType } = options;
    if (!isInRange(etherType, 0xffff)) throw invalidArgument('etherType', String(etherType));
    if (!isInRange(link, 0x7fffffff)) throw invalidArgument('link', String(link));
    // The kernel wants the protocol in network byte order in an int; 0 here, so that nothing
    // arrives before the bind.
    const request = { family: AF_PACKET, type: SOCK_RAW, protocol: 0, options: [] };
    super({ ...request, bind: linkAddress(link, etherType) }, options);
  }

  send(frame: Uint8Array): void {
    sendTo(this.fd, frame);
  }

  protected senderOf(address: Uint8Array): LinkSender {
    const view = viewOf(address);
    const link = view.getUint32(4, IS_LITTLE_ENDIAN);
    const mac: string[] = [];
    for (let at = 0; at < MAC_BYTES; at += 1)
      mac.push(
        view
          .getUint8(12 + at)
          .toString(16)
          .padStart(2, '0'),
      );
    return { link, mac: view.getUint8(11) === MAC_BYTES ? tryParseMac(mac.join(':')) : undefined };
  }
}

/** `struct sockaddr_ll`. */
function linkAddress(link: number, etherType: number): Uint8Array {
  const bytes = new Uint8Array(20);
  new Uint16Array(bytes.buffer, 0, 1)[0] = AF_PACKET;
  new DataView(bytes.buffer).setUint16(2, etherType, false);
  new Uint32Array(bytes.buffer, 4, 1)[0] = link;
  return bytes;
}

function openIn(
  namespacePath: string | undefined,
  request: Omit<SocketRequest, 'namespaceFd'>,
): number {
  if (namespacePath === undefined)
    return socketIn({ ...request, namespaceFd: OWN_NAMESPACE_FD }, 'raw socket');
  const namespaceFd = openSync(namespacePath, 'r');
  try {
    return socketIn({ ...request, namespaceFd }, `raw socket in ${namespacePath}`);
  } finally {
    closeSync(namespaceFd);
  }
}

function isInRange(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
