/**
 * A node's way to a manager: HTTP/2 over TLS 1.3, trusting only the cluster's authority and only
 * managers' certificates.
 *
 * Before a node has joined it knows just the digest in its token: `fetchAuthority` asks over a
 * connection that proves nothing, and the caller compares before it says anything more.
 */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { z } from 'zod';
import { messageOf } from '../../base/index.ts';
import { ClusterError, type ClusterErrorDetail } from '../errors.ts';
import { ROLE_UNIT, type Identity } from '../identity/index.ts';
import { SESSION_WINDOW_BYTES, WINDOWS } from './windows.ts';
import { formatHostPort, type HostPort } from './addresses.ts';
import { decodeJson, protocolError } from './lines.ts';
import { BODY_BYTES_MAX, authoritySchema, errorReplySchema } from './messages.ts';

const CONNECT_MS = 3_000;
const REQUEST_MS = 20_000;
const LINGER_MS = 1_500;

/** What a connection trusts and shows. Without `authorityPem` it trusts anyone. */
export interface ClientTrust {
  readonly authorityPem?: string;
  readonly certificatePem?: string;
  readonly keyPem?: string;
}

export class ClusterClient {
  private readonly session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  /** Throws `ClusterError` with code `unreachable`. */
  static async connect(to: HostPort, trust: ClientTrust): Promise<ClusterClient> {
    const session = connect(`https://${formatHostPort(to)}`, {
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      rejectUnauthorized: trust.authorityPem !== undefined,
      // Managers' certificates carry their role as a name; workers' do not, and cannot serve.
      servername: ROLE_UNIT.manager,
      settings: WINDOWS,
      ...(trust.authorityPem === undefined ? {} : { ca: trust.authorityPem }),
      ...(trust.certificatePem === undefined ? {} : { cert: trust.certificatePem }),
      ...(trust.keyPem === undefined ? {} : { key: trust.keyPem }),
    });
    try {
      await connected(session);
    } catch (error) {
      session.destroy();
      const address = formatHostPort(to);
      const message = `cannot reach a manager at ${address}: ${messageOf(error)}`;
      throw new ClusterError({ code: 'unreachable', address }, message, error);
    }
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    // What happens later shows on the streams.
    session.on('error', () => undefined);
    return new ClusterClient(session);
  }

  /** Address of this end, as the manager sees it unless something between rewrites it. */
  get localAddress(): string | undefined {
    return this.session.socket.localAddress;
  }

  /**
   * Sends a document, gives back the answer's. Throws `ClusterError`, also for what the manager
   * refuses.
   */
  async request<Schema extends z.ZodType>(
    route: string,
    schema: Schema,
    body?: object,
  ): Promise<z.output<Schema>> {
    const stream = this.open(route, body === undefined);
    if (body !== undefined) stream.end(JSON.stringify(body));
    stream.setTimeout(REQUEST_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    const { status, bytes } = await readReply(stream);
    if (status === 200) return decodeJson(schema, bytes);
    throw refusalOf(decodeJson(errorReplySchema, bytes));
  }

  /** A stream in both directions, once the manager has agreed to it. */
  async openStream(route: string): Promise<ClientHttp2Stream> {
    const stream = this.open(route, false);
    stream.setTimeout(REQUEST_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    const status = await responseStatus(stream);
    stream.setTimeout(0);
    if (status === 200) return stream;
    const { bytes } = await readBytes(stream);
    throw refusalOf(decodeJson(errorReplySchema, bytes));
  }

  /** Lets streams that are ending end, and then closes; not later than in `LINGER_MS`. */
  close(): void {
    this.session.close();
    setTimeout(() => this.session.destroy(), LINGER_MS).unref();
  }

  private open(route: string, endStream: boolean): ClientHttp2Stream {
    const [method, path] = route.split(' ', 2);
    const headers = { ':method': method ?? 'GET', ':path': path ?? '/' };
    return this.session.request(headers, { endStream });
  }
}

/** Trust of a node that has joined. */
export function trustOf(identity: Identity): ClientTrust {
  const { authorityPem, certificatePem, keyPem } = identity;
  return { authorityPem, certificatePem, keyPem };
}

/**
 * The authority's certificate, and the time, as whoever answers at `to` tells them. Proves nothing
 * by itself.
 */
export async function fetchAuthority(to: HostPort): Promise<z.output<typeof authoritySchema>> {
  const client = await ClusterClient.connect(to, {});
  try {
    return await client.request('GET /v1/ca', authoritySchema);
  } finally {
    client.close();
  }
}

async function connected(session: ClientHttp2Session): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), CONNECT_MS);
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      session.off('error', settle);
      session.off('close', closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = (): void => settle(new Error('the connection was closed'));
    session.once('connect', () => settle());
    session.once('error', settle);
    session.once('close', closed);
  });
}

async function responseStatus(stream: ClientHttp2Stream): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    stream.once('response', (headers) => resolve(headers[':status'] ?? 0));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the connection was closed')));
  }).catch((error: unknown) => {
    throw protocolError(messageOf(error));
  });
}

interface Reply {
  readonly status: number;
  readonly bytes: Buffer;
}

async function readReply(stream: ClientHttp2Stream): Promise<Reply> {
  const status = await responseStatus(stream);
  return { status, bytes: (await readBytes(stream)).bytes };
}

async function readBytes(stream: ClientHttp2Stream): Promise<{ readonly bytes: Buffer }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) throw protocolError('the answer is too long');
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof ClusterError ? error : protocolError(messageOf(error));
  }
  return { bytes: Buffer.concat(chunks) };
}

const PASSED_ON = new Set([
  'invalid-token',
  'too-many-attempts',
  'invalid-request',
  'node-removed',
  'forbidden',
  'certificate-superseded',
  'signing-failed',
  'busy',
] as const satisfies ClusterErrorDetail['code'][]);

/** A manager's refusal as this room's own error. */
function refusalOf(reply: z.output<typeof errorReplySchema>): ClusterError {
  for (const code of PASSED_ON)
    if (code === reply.code) return new ClusterError({ code }, reply.message);
  if (reply.code === 'certificate-expired' && reply.nowMs !== undefined)
    return new ClusterError({ code: reply.code, nowMs: reply.nowMs }, reply.message);
  return new ClusterError({ code: 'refused', reason: reply.code }, reply.message);
}
