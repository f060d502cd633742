import { closeSync } from 'node:fs';

export type ClientSocketType = 'udp4' | 'udp6' | 'tcp4' | 'tcp6';

/**
 * Where sockets for questions to a container's own servers come from: made inside a namespace in
 * one native call, close-on-exec, and from then on the resolver's, who closes them.
 */
export interface ClientSockets {
  /** Neither bound nor connected. Throws when it cannot. */
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
