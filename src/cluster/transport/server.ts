/**
 * A manager's door: TLS 1.3 on one port; HTTP/2 for nodes that join and for nodes that have joined,
 * and, chosen by ALPN, links of other managers.
 *
 * Certificates are asked for and not demanded, since a joining node has none; `ACCESS` says whom
 * each route takes. Who a peer is comes from its certificate alone. Connections that show none are
 * few and short-lived.
 */
import type { X509Certificate } from 'node:crypto';
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { messageOf, unreachable, type Logger } from '../../base/index.ts';
import type { NodeId } from '../../model/index.ts';
import { ClusterError } from '../errors.ts';
import { leafDigest, subjectOf, type Identity, type NodeRole } from '../identity/index.ts';
import { WINDOWS, SESSION_WINDOW_BYTES } from './windows.ts';
import { formatHostPort, plainAddress, type HostPort } from './addresses.ts';

/** Who is at the other end. */
export interface Peer {
  /** Absent: no certificate of this cluster, or one that is not valid. */
  readonly node: { readonly id: NodeId; readonly role: NodeRole } | undefined;
  /** What is wrong with its certificate; a superseded one proves who it is all the same. */
  readonly problem?: 'certificate-expired' | 'certificate-superseded';
  readonly address: string;
}

export interface ServerRoutes {
  /** Body of `GET /v1/ca`. */
  authority(): object;
  join(body: Buffer, peer: Peer): Promise<object>;
  renew(body: Buffer, peer: RequiredPeer): Promise<object>;
  /** A manager asks to be added to the group. */
  takePart(body: Buffer, peer: RequiredPeer): Promise<object>;
  session(stream: ServerHttp2Stream, peer: RequiredPeer): void;
  /**
   * Whether this very certificate was a node's when the root that it is of was rotated away, and
   * the node has had no other since.
   */
  isSuperseded(nodeId: NodeId, leaf: string): boolean;
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
  readonly wallMs: () => number;
  /** Takes a connection of another manager, `nodeId` by its certificate. */
  readonly link?: (socket: TLSSocket, nodeId: NodeId) => void;
}

/** What links of managers ask for in TLS. */
export const LINK_PROTOCOL = 'hawser-raft/1';

/**
 * Whom each route takes. `anyone`: also who shows no certificate. `node`: a node of the cluster.
 * `superseded`: as `node`, and one that was away while the root was rotated.
 */
export const ACCESS = {
  'GET /v1/ca': 'anyone',
  'POST /v1/join': 'anyone',
  'POST /v1/renew': 'superseded',
  'POST /v1/managers': 'node',
  'POST /v1/session': 'node',
  'POST /v1/logs': 'node',
} as const satisfies Record<string, 'anyone' | 'node' | 'superseded'>;

const CONNECTIONS_MAX = 10_000;
/** Connections without a certificate, all together, and how long each may last. */
const STRANGERS_MAX = 256;
const STRANGER_MS = 15_000;
const HANDSHAKE_MS = 10_000;
const STREAMS_MAX = 128;

export class ClusterServer {
  private readonly options: ServerOptions;
  private readonly server: Server;
  private readonly http: Http2Server;
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly linkSockets = new Set<TLSSocket>();
  private strangers = 0;

  private constructor(options: ServerOptions) {
    this.options = options;
    this.http = createHttp2Server({ settings: { ...WINDOWS, maxConcurrentStreams: STREAMS_MAX } });
    this.server = createServer({
      ...tlsOf(options.identity),
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      ALPNProtocols: options.link === undefined ? ['h2'] : ['h2', LINK_PROTOCOL],
    });
    this.server.maxConnections = CONNECTIONS_MAX;
    this.server.on('secureConnection', (socket) => this.connected(socket));
    this.http.on('session', (session) => this.admit(session));
    this.http.on('stream', (stream, headers) => this.dispatch(stream, headers));
    this.http.on('sessionError', () => undefined);
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
    for (const socket of this.linkSockets) socket.destroy();
    await closed;
  }

  private connected(socket: TLSSocket): void {
    socket.on('error', () => undefined);
    if (socket.alpnProtocol === 'h2') this.http.emit('connection', socket);
    else this.connectLink(socket);
  }

  /** Only managers with a good certificate are heard. */
  private connectLink(socket: TLSSocket): void {
    const { node, problem } = this.peerOf(socket);
    const isWelcome = node?.role === 'manager' && problem === undefined;
    if (socket.alpnProtocol !== LINK_PROTOCOL || !isWelcome) {
      socket.destroy();
      return;
    }
    this.linkSockets.add(socket);
    socket.once('close', () => this.linkSockets.delete(socket));
    this.options.link?.(socket, node.id);
  }

  private admit(session: ServerHttp2Session): void {
    this.sessions.add(session);
    const isStranger = this.peerOf(session.socket as TLSSocket).node === undefined;
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
    this.route(stream, headers).catch((error: unknown) =>
      respondError(stream, error, this.options.wallMs()),
    );
  }

  private async route(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const { routes, bodyBytesMax } = this.options;
    if (stream.session === undefined) return;
    const peer = this.peerOf((stream.session as ServerHttp2Session).socket as TLSSocket);
    const { route, rest } = routeOf(headers);
    switch (route) {
      case 'GET /v1/ca':
        return respond(stream, 200, routes.authority());
      case 'POST /v1/join':
        return respond(stream, 200, await routes.join(await readBody(stream, bodyBytesMax), peer));
      case 'POST /v1/renew': {
        const known = this.admitted(peer, route);
        const body = await readBody(stream, bodyBytesMax);
        return respond(stream, 200, await routes.renew(body, known));
      }
      case 'POST /v1/managers': {
        const known = this.admitted(peer, route);
        const body = await readBody(stream, bodyBytesMax);
        return respond(stream, 200, await routes.takePart(body, known));
      }
      case 'POST /v1/session': {
        const known = this.admitted(peer, route);
        stream.respond({ ':status': 200 });
        return routes.session(stream, known);
      }
      case 'POST /v1/logs':
        if (!routes.logs(rest, stream, this.admitted(peer, route))) throw notFound(route);
        return stream.respond({ ':status': 200 });
      case undefined:
        throw notFound(headers[':path'] ?? '');
      default:
        return unreachable(route);
    }
  }

  private peerOf(socket: TLSSocket): Peer {
    const { identity, routes } = this.options;
    const address = plainAddress(socket.remoteAddress ?? '');
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return { node: undefined, address };
    const node = nodeOf(certificate, identity.clusterId);
    if (socket.authorized) return { node, address };
    if (node === undefined) return { node, address };
    if (!isTimely(certificate)) return { node: undefined, problem: 'certificate-expired', address };
    if (!routes.isSuperseded(node.id, leafDigest(certificate))) return { node: undefined, address };
    return { node, problem: 'certificate-superseded', address };
  }

  /** Throws `ClusterError` unless the route takes the peer. */
  private admitted(peer: Peer, route: keyof typeof ACCESS): RequiredPeer {
    const { node, problem } = peer;
    if (problem === 'certificate-expired') throw expired(this.options.wallMs());
    if (node === undefined)
      throw new ClusterError(
        { code: 'forbidden' },
        'this call needs the certificate of a node of this cluster',
      );
    if (problem === undefined || ACCESS[route] === 'superseded') return { ...peer, node };
    throw new ClusterError(
      { code: 'certificate-superseded' },
      "this node's certificate is of a root that was rotated away; it is to be renewed first",
    );
  }
}

/** The route of a request, and what follows it in the path. */
function routeOf(headers: IncomingHttpHeaders): {
  readonly route: keyof typeof ACCESS | undefined;
  readonly rest: string;
} {
  const text = `${headers[':method'] ?? ''} ${headers[':path'] ?? ''}`;
  const [, logs, rest = ''] = /^(POST \/v1\/logs)\/([0-9a-z]{1,64})$/.exec(text) ?? [];
  const wanted = logs ?? text;
  const isRoute = (name: string): name is keyof typeof ACCESS => Object.hasOwn(ACCESS, name);
  const hasRest = wanted === 'POST /v1/logs';
  return { route: isRoute(wanted) && hasRest === (rest !== '') ? wanted : undefined, rest };
}

function tlsOf(identity: Identity): {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
} {
  return { key: identity.keyPem, cert: identity.certificatePem, ca: identity.authorityPem };
}

/** The node that a certificate of the cluster's authority names. */
export function nodeOf(
  certificate: X509Certificate,
  clusterId: Identity['clusterId'],
): Peer['node'] {
  const subject = subjectOf(certificate);
  if (subject?.clusterId !== clusterId) return undefined;
  return { id: subject.nodeId, role: subject.role };
}

/** Whether it is valid at this time by the machine's clock, which TLS goes by. */
function isTimely({ validFrom, validTo }: X509Certificate): boolean {
  const nowMs = Date.now();
  return Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo);
}

function expired(nowMs: number): ClusterError {
  return new ClusterError(
    { code: 'certificate-expired', nowMs },
    "this node's certificate is not valid at this time, which by the manager's clock is " +
      `${new Date(nowMs).toISOString()}. A node that was away for longer than its certificate was ` +
      'valid must leave ("docker swarm leave") and join again',
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

function respondError(stream: ServerHttp2Stream, error: unknown, nowMs: number): void {
  const code = error instanceof ClusterError ? error.detail.code : 'failed';
  const status = STATUS_OF.get(code) ?? 500;
  respond(stream, status, { code, message: messageOf(error), nowMs });
}

const STATUS_OF: ReadonlyMap<string, number> = new Map([
  ['not-found', 404],
  ['forbidden', 403],
  ['node-removed', 403],
  ['certificate-expired', 403],
  ['certificate-superseded', 403],
  ['invalid-token', 401],
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
