import { connect, type TLSSocket } from 'node:tls';
import { messageOf } from '../../../base/index.ts';
import type { PeerId } from '../../../raft/index.ts';
import { ClusterError } from '../../errors.ts';
import { ROLE_UNIT, subjectOf, type Identity } from '../../identity/index.ts';
import { LINK_PROTOCOL, formatHostPort, type HostPort } from '../../transport/index.ts';
import { nodeOfPeer } from './hello.ts';

export interface DialOptions {
  readonly to: HostPort;
  /** Whose certificate is to be at the other end. */
  readonly peer: PeerId;
  readonly identity: Identity;
  readonly waitMs: number;
}

/**
 * A connection to the manager that `peer` is on, and to nobody else. Throws `ClusterError` with
 * code unreachable.
 */
export async function dialPeer({ to, peer, identity, waitMs }: DialOptions): Promise<TLSSocket> {
  const socket = connect({
    host: to.host,
    port: to.port,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [LINK_PROTOCOL],
    servername: ROLE_UNIT.manager,
    ca: identity.authorityPem,
    cert: identity.certificatePem,
    key: identity.keyPem,
  });
  try {
    await secured(socket, waitMs);
    const problem = problemOf(socket, peer, identity);
    if (problem !== undefined) throw new Error(problem);
    return socket;
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    const address = formatHostPort(to);
    const message = `cannot reach the manager at ${address}: ${messageOf(error)}`;
    throw new ClusterError({ code: 'unreachable', address }, message, error);
  }
}

async function secured(socket: TLSSocket, waitMs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), waitMs);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      act();
    };
    socket.once('secureConnect', () => settle(resolve));
    socket.once('error', (error: Error) => settle(() => reject(error)));
    socket.once('close', () => settle(() => reject(new Error('the connection was closed'))));
  });
}

function problemOf(socket: TLSSocket, peer: PeerId, identity: Identity): string | undefined {
  if (socket.alpnProtocol !== LINK_PROTOCOL) return 'it does not speak the protocol of managers';
  const certificate = socket.getPeerX509Certificate();
  const subject = certificate && subjectOf(certificate);
  if (subject?.clusterId !== identity.clusterId) return 'it is of another cluster';
  if (subject.role !== 'manager') return 'it is no manager';
  return subject.nodeId === nodeOfPeer(peer) ? undefined : `it is node ${subject.nodeId}`;
}
