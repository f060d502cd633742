import { closeSync } from 'node:fs';

/** Open descriptors and the ports they are bound to on 127.0.0.11 of a namespace. */
export interface ServerSockets {
  readonly udpFd: number;
  readonly udpPort: number;
  /** Listening. */
  readonly tcpFd: number;
  readonly tcpPort: number;
}

export type ClientSocketType = 'udp4' | 'udp6' | 'tcp4' | 'tcp6';

/**
 * Where the resolver gets its sockets from: made inside a namespace in one native call,
 * close-on-exec, and from then on the resolver's, who closes them. Both functions throw when they
 * cannot.
 */
export interface ResolverSockets {
  /** UDP and TCP on 127.0.0.11, on ports of the kernel's choice. */
  openServer(namespacePath: string): ServerSockets;
  /** Neither bound nor connected. */
  openClient(namespacePath: string, type: ClientSocketType): number;
}

/** Closes descriptors nobody took over; one that is closed already is no failure. */
export function closeFds(fds: readonly number[]): void {
  for (const fd of fds) {
    try {
      closeSync(fd);
    } catch {
      // EBADF: its new owner closed it on failing.
    }
  }
}
