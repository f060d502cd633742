/** Asks a host whether it is there, whatever has become of its agent. */
import { createConnection } from 'node:net';
import type { PeerAddress } from '../../../gossip/index.ts';

/** Answers of a kernel to a SYN that prove that it runs and is reached. */
const ANSWERS = new Set(['ECONNREFUSED', 'ECONNRESET']);

/** Round trips of a network that is of any use are far shorter. */
export const KNOCK_LIMIT_MS = 400;

/**
 * Whether the kernel at `to` answers a TCP connect in time: a living agent's socket takes it, and
 * where there is none the kernel refuses it. Never rejects.
 */
export async function knock(to: PeerAddress, localAddress: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: to.host, port: to.port, localAddress });
    const timer = setTimeout(() => {
      // This process may have stood still: an answer that lies in the socket is read before.
      setImmediate(() => end(false));
    }, KNOCK_LIMIT_MS);
    const end = (isThere: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true));
    socket.on('error', (error: NodeJS.ErrnoException) => end(ANSWERS.has(error.code ?? '')));
  });
}
