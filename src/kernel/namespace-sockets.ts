/**
 * Sockets inside a namespace that Node adopts through their fd (`listen({ fd })`, `bind({ fd })`).
 */
import { tryParseIpv4 } from '../base/index.ts';
import { invalidArgument } from './kernel-error.ts';
import { socketAddress, socketIn, type NamespaceFd, type SocketOption } from './native.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_NO_CHECK = 11;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_PROBE = 3;
const BACKLOG = 511;

export interface SocketPlace {
  /** `a.b.c.d` */
  readonly address: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

export interface BoundSocket {
  /** The caller's to close, or to give to Node. */
  readonly fd: number;
  readonly port: number;
}

export function openUdpSocket(namespaceFd: NamespaceFd, place: SocketPlace): BoundSocket {
  return open(namespaceFd, place, { type: SOCK_DGRAM });
}

/**
 * A UDP socket whose packets have DF set and are sent at any size, whatever is known of the path;
 * without a UDP checksum unless `isSummed`.
 */
export function openPathSocket(
  namespaceFd: NamespaceFd,
  place: SocketPlace,
  { isSummed }: { readonly isSummed: boolean },
): BoundSocket {
  const bare: SocketOption[] = isSummed ? [] : [[SOL_SOCKET, SO_NO_CHECK, 1]];
  const options: SocketOption[] = [[IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE], ...bare];
  return open(namespaceFd, place, { type: SOCK_DGRAM, options });
}

export function openTcpListener(namespaceFd: NamespaceFd, place: SocketPlace): BoundSocket {
  const options: SocketOption[] = [[SOL_SOCKET, SO_REUSEADDR, 1]];
  return open(namespaceFd, place, { type: SOCK_STREAM, backlog: BACKLOG, options });
}

/** For connections that leave the namespace. */
export type ClientSocketType = 'udp4' | 'udp6' | 'tcp4' | 'tcp6';

/** A socket that is neither bound nor connected; returns its fd, which is the caller's. */
export function openClientSocket(namespaceFd: NamespaceFd, type: ClientSocketType): number {
  return socketIn(
    {
      namespaceFd,
      family: type.endsWith('6') ? AF_INET6 : AF_INET,
      type: (type.startsWith('udp') ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK,
      protocol: 0,
      options: [],
    },
    type,
  );
}

function open(
  namespaceFd: NamespaceFd,
  place: SocketPlace,
  kind: {
    readonly type: number;
    readonly backlog?: number;
    readonly options?: readonly SocketOption[];
  },
): BoundSocket {
  const fd = socketIn(
    {
      namespaceFd,
      family: AF_INET,
      protocol: 0,
      options: [],
      bind: socketAddressOf(place),
      ...kind,
      type: kind.type | SOCK_NONBLOCK,
    },
    `${place.address}:${place.port}`,
  );
  const bound = socketAddress(fd);
  return { fd, port: new DataView(bound.buffer, bound.byteOffset).getUint16(2, false) };
}

/** `struct sockaddr_in`. */
export function socketAddressOf(place: SocketPlace): Uint8Array {
  const bytes = new Uint8Array(16);
  new Uint16Array(bytes.buffer, 0, 1)[0] = AF_INET;
  const view = new DataView(bytes.buffer);
  view.setUint16(2, place.port, false);
  const address = tryParseIpv4(place.address);
  if (address === undefined) throw invalidArgument('address', place.address);
  view.setUint32(4, address, false);
  return bytes;
}
