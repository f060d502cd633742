/**
 * Sockets inside a namespace that Node adopts through their fd (`listen({ fd })`, `bind({ fd })`).
 */
import { addressOf } from './netlink/rtnl/addresses.ts';
import { socketAddress, socketIn, type NamespaceFd, type SocketOption } from './native.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
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

export function openTcpListener(namespaceFd: NamespaceFd, place: SocketPlace): BoundSocket {
  return open(namespaceFd, place, { type: SOCK_STREAM, backlog: BACKLOG });
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
  kind: { readonly type: number; readonly backlog?: number },
): BoundSocket {
  const options: SocketOption[] = kind.type === SOCK_STREAM ? [[SOL_SOCKET, SO_REUSEADDR, 1]] : [];
  const fd = socketIn(
    {
      namespaceFd,
      family: AF_INET,
      protocol: 0,
      options,
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
  view.setUint32(4, addressOf(place.address), false);
  return bytes;
}
