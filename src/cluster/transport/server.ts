/**
 * A manager's door: HTTP/2 over TLS 1.3 on one port, for nodes that join and for nodes that have
 * joined.
 *
 * Certificates are asked for and not demanded, since a joining node has none; each route says whom
 * it takes. Who a peer is comes from its certificate alone. Connections that show none are few and
 * short-lived.
 */
import type { X509Certificate } from 'node:crypto';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { messageOf, type Logger } from '../../base/index.ts';
import type { ClusterId, NodeId } from '../../model/index.ts';
import { ClusterError } from '../errors.ts';
import { ROLE_UNIT, type Identity, type NodeRole } from '../identity/index.ts';
import { WINDOWS, SESSION_WINDOW_BYTES } from './windows.ts';
import { formatHostPort, plainAddress, type HostPort } from './addresses.ts';

/** Who is at the other end. */
export interface Peer {
  /** Absent: no certificate of this cluster. */
  readonly node: { readonly id: NodeId; readonly role: NodeRole } | undefined;
  readonly address: string;
}

export interface ServerRoutes {
  /** Body of `GET /v1/ca`. */
  authority(): object;
  join(body: Buffer, peer: Peer): Promise<object>;
  renew(body: Buffer, peer: RequiredPeer): Promise<object>;
  session(stream: ServerHttp2Stream, peer: RequiredPeer): void;
  /** Whether somebody waits for it. */
  logs(requestId: string, stream: ServerHttp2Stream, peer: RequiredPeer): boolean;
}

export interface RequiredPeer extends Peer {
  readonly node: { readonly id: NodeId; readonly role: NodeRole };
}

export interface ServerOptions {
  readonly identity: Identity;
  readonly listen: HostPort;
  readonly routes: ServerRoutes;
  readonly logger: Logger;
  readonly bodyBytesMax: number;
}

const CONNECTIONS_MAX = 10_000;
/** Connections without a certificate, all together, and how long each may last. */
const STRANGERS_MAX = 256;
const STRANGER_MS = 15_000;
const HANDSHAKE_MS = 10_000;
const STREAMS_MAX = 128;

export class ClusterServer {
  private readonly options: ServerOptions;
  private readonly server: Http2SecureServer;
  private readonly sessions = new Set<ServerHttp2Session>();
  private strangers = 0;

  private constructor(options: ServerOptions) {
    this.options = options;
    this.server = createSecureServer({
      ...tlsOf(options.identity),
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      settings: { ...WINDOWS, maxConcurrentStreams: STREAMS_MAX },
    });
    this.server.maxConnections = CONNECTIONS_MAX;
    this.server.on('session', (session) => this.admit(session));
    this.server.on('stream', (stream, headers) => this.dispatch(stream, headers));
    this.server.on('sessionError', () => undefined);
    this.server.on('tlsClientError', (error) =>
      options.logger.debug({ error: messageOf(error) }, 'a TLS handshake failed'),
    );
  }

  /** Throws `ClusterError` when the address cannot be had. */
  static async listen(options: ServerOptions): Promise<ClusterServer> {
    const created = new ClusterServer(options);
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      created.server.once('error', (error) => reject(listenError(options.listen, error)));
      created.server.listen({ host, port }, resolve);
    });
    created.server.removeAllListeners('error');
    created.server.on('error', (error) =>
      options.logger.error({ error: messageOf(error) }, 'the cluster listener failed'),
    );
    return created;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** New connections see the new certificate; those that exist go on. */
  useIdentity(identity: Identity): void {
    this.server.setSecureContext({ ...tlsOf(identity), minVersion: 'TLSv1.3' });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const session of this.sessions) session.destroy();
    await closed;
  }

  private admit(session: ServerHttp2Session): void {
    this.sessions.add(session);
    const isStranger = peerOf(session, this.options.identity.clusterId).node === undefined;
    const timer = isStranger ? setTimeout(() => session.destroy(), STRANGER_MS) : undefined;
    if (isStranger) this.strangers += 1;
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.on('error', () => undefined);
    session.once('close', () => {
      clearTimeout(timer);
      if (isStranger) this.strangers -= 1;
      this.sessions.delete(session);
    });
    if (isStranger && this.strangers > STRANGERS_MAX) session.destroy();
  }

  private dispatch(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', () => undefined);
    this.route(stream, headers).catch((error: unknown) => respondError(stream, error));
  }

  private async route(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const { routes, bodyBytesMax } = this.options;
    if (stream.session === undefined) return;
    const peer = peerOf(stream.session as ServerHttp2Session, this.options.identity.clusterId);
    const method = headers[':method'];
    const path = headers[':path'];
    switch (`${method ?? ''} ${path ?? ''}`) {
      case 'GET /v1/ca':
        return respond(stream, 200, routes.authority());
      case 'POST /v1/join':
        return respond(stream, 200, await routes.join(await readBody(stream, bodyBytesMax), peer));
      case 'POST /v1/renew': {
        const known = requireNode(peer);
        const body = await readBody(stream, bodyBytesMax);
        return respond(stream, 200, await routes.renew(body, known));
      }
      case 'POST /v1/session': {
        const known = requireNode(peer);
        stream.respond({ ':status': 200 });
        return routes.session(stream, known);
      }
    }
    const requestId = /^POST \/v1\/logs\/([0-9a-z]{1,64})$/.exec(
      `${method ?? ''} ${path ?? ''}`,
    )?.[1];
    if (requestId === undefined) throw notFound(path ?? '');
    if (!routes.logs(requestId, stream, requireNode(peer))) throw notFound(path ?? '');
    stream.respond({ ':status': 200 });
  }
}

function tlsOf(identity: Identity): {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
} {
  return { key: identity.keyPem, cert: identity.certificatePem, ca: identity.authorityPem };
}

function peerOf(session: ServerHttp2Session, clusterId: ClusterId): Peer {
  const socket = session.socket as TLSSocket;
  const address = plainAddress(socket.remoteAddress ?? '');
  if (!socket.authorized) return { node: undefined, address };
  const certificate = socket.getPeerX509Certificate();
  return { node: certificate === undefined ? undefined : nodeOf(certificate, clusterId), address };
}

/** The node that a certificate of the cluster's authority names. */
export function nodeOf(certificate: X509Certificate, clusterId: ClusterId): Peer['node'] {
  const parts = new Map<string, string>();
  for (const line of certificate.subject.split('\n')) {
    const [name, value] = line.split('=', 2);
    if (name !== undefined && value !== undefined) parts.set(name, value);
  }
  const id = parts.get('CN');
  if (id === undefined || parts.get('O') !== clusterId) return undefined;
  if (parts.get('OU') === ROLE_UNIT.worker) return { id: id as NodeId, role: 'worker' };
  if (parts.get('OU') === ROLE_UNIT.manager) return { id: id as NodeId, role: 'manager' };
  return undefined;
}

function requireNode(peer: Peer): RequiredPeer {
  if (peer.node !== undefined) return { ...peer, node: peer.node };
  throw new ClusterError(
    { code: 'forbidden' },
    'this call needs the certificate of a node of this cluster',
  );
}

async function readBody(stream: ServerHttp2Stream, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A body that is too large is left unread; the stream stays, to say so.
  const body = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax)
      throw new ClusterError(
        { code: 'too-large', bytes, bytesMax },
        `the request is larger than ${bytesMax} bytes`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function respond(stream: ServerHttp2Stream, status: number, body: object): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': status, 'content-type': 'application/json' });
  stream.end(JSON.stringify(body), () => {
    // A request that was refused before its end has been read is not read any further.
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

function respondError(stream: ServerHttp2Stream, error: unknown): void {
  const code = error instanceof ClusterError ? error.detail.code : 'failed';
  const status = STATUS_OF.get(code) ?? 500;
  respond(stream, status, { code, message: messageOf(error) });
}

const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ['not-found', 404],
  ['forbidden', 403],
  ['node-removed', 403],
  ['invalid-token', 401],
  ['manager-join-unsupported', 400],
  ['invalid-request', 400],
  ['invalid-address', 400],
  ['protocol', 400],
  ['too-large', 413],
  ['too-many-attempts', 429],
  ['busy', 503],
]);

function notFound(path: string): ClusterError {
  return new ClusterError({ code: 'invalid-request' }, `there is nothing at ${path}`);
}

function listenError(listen: HostPort, error: unknown): ClusterError {
  const address = formatHostPort(listen);
  const message =
    `cannot listen on ${address}: ${messageOf(error)}. Choose another with ` + `--listen-addr`;
  return new ClusterError({ code: 'listen-failed', address }, message, error);
}
