/**
 * The HTTP server on the unix socket: limits, common headers, dispatch, upgrades.
 *
 * Bounds: connections, header bytes, time for headers; bodies are bounded by those who read them. A
 * refused body is drained for a moment, so that a client which is still sending gets to read the
 * answer.
 */
import { createServer, ServerResponse } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import { isRefusal, statusOf } from './errors.ts';
import type { Exchange, Upgrade } from './exchange.ts';
import { writeError, writeReply } from './reply.ts';
import type { Router } from './router.ts';
import { API_VERSION_MAX } from './version.ts';

export interface HttpLimits {
  /** Connections beyond are closed as they come. */
  readonly connectionsMax: number;
  /** From the first look at a JSON body to its last byte. */
  readonly bodyDeadlineMs: number;
}

export const HTTP_LIMITS: HttpLimits = { connectionsMax: 1_024, bodyDeadlineMs: 30_000 };

/** What happened since the start; every field only grows. */
export interface HttpCounters {
  requestsTotal: number;
  /** Answered with an error that somebody meant to give: `STATUS_OF_CODE`. */
  refusedTotal: number;
  /** Answered with 500, because this node failed. */
  failedTotal: number;
  /** Closed because there were `connectionsMax`. */
  connectionsDroppedTotal: number;
}

export const HEADER_BYTES_MAX = 32 * 1024;
const HEADERS_DEADLINE_MS = 10_000;
const KEEP_ALIVE_MS = 60_000;
/** How long an unwanted body is read and dropped before the connection is cut. */
const DRAIN_MS = 10_000;

export interface HttpOptions {
  readonly router: Router;
  readonly logger: Logger;
  /** Value of the `Server` header. */
  readonly serverName: string;
  readonly limits: HttpLimits;
}

export interface HttpServer {
  readonly server: Server;
  readonly counters: Readonly<HttpCounters>;
  /** Aborts every exchange under way and closes their connections. */
  readonly abort: () => void;
}

export function createHttpServer(options: HttpOptions): HttpServer {
  const dispatcher = new Dispatcher(options);
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_DEADLINE_MS,
    // Bodies have deadlines of their own: an image takes as long as it takes.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 5_000,
  });
  server.maxConnections = options.limits.connectionsMax;
  server.on('drop', () => (dispatcher.counters.connectionsDroppedTotal += 1));
  const handle = (request: IncomingMessage, response: ServerResponse): void =>
    void dispatcher.dispatch(request, response, undefined);
  server.on('request', handle);
  server.on('checkContinue', handle);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    // node:http has let go of this socket; a reset must not crash the process. `close` tells the
    // handler.
    socket.on('error', () => undefined);
    response.once('finish', () => socket.end());
    void dispatcher.dispatch(request, response, { socket, head });
  });
  server.on('clientError', refuseMalformed);
  return { server, counters: dispatcher.counters, abort: () => dispatcher.abort() };
}

function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const isTooLong = error.code === 'HPE_HEADER_OVERFLOW';
  const status = isTooLong ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const text = JSON.stringify({
    message: isTooLong ? 'request headers too large' : 'malformed HTTP request',
  });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n` +
      `Connection: close\r\n\r\n${text}`,
  );
}

class Dispatcher {
  private readonly options: HttpOptions;
  readonly counters: HttpCounters = {
    requestsTotal: 0,
    refusedTotal: 0,
    failedTotal: 0,
    connectionsDroppedTotal: 0,
  };
  private readonly underWay = new Set<AbortController>();

  constructor(options: HttpOptions) {
    this.options = options;
  }

  abort(): void {
    for (const exchange of this.underWay) exchange.abort();
  }

  async dispatch(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade: Upgrade | undefined,
  ): Promise<void> {
    this.counters.requestsTotal += 1;
    response.setHeader('Api-Version', API_VERSION_MAX);
    response.setHeader('Ostype', 'linux');
    response.setHeader('Server', this.options.serverName);
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    request.socket.once('close', abort);
    this.underWay.add(gone);
    const exchange: Exchange = {
      request,
      response,
      upgrade,
      minor: 0,
      params: {},
      query: new URLSearchParams(),
      bodyDeadlineMs: this.options.limits.bodyDeadlineMs,
      signal: gone.signal,
    };
    try {
      await this.answer(exchange);
    } finally {
      this.underWay.delete(gone);
      request.socket.off('close', abort);
      drainBody(request);
    }
  }

  private async answer(exchange: Exchange): Promise<void> {
    const { method = 'GET', url = '/' } = exchange.request;
    try {
      const { handle, ...known } = this.options.router.match(method, url);
      const matched = { ...exchange, ...known };
      writeReply(matched, await handle(matched));
    } catch (error) {
      const status = statusOf(error);
      const fields = { method, path: url.slice(0, 200), status, reason: messageOf(error) };
      if (isRefusal(error)) {
        this.counters.refusedTotal += 1;
        this.options.logger.debug(fields, 'a request was refused');
      } else {
        this.counters.failedTotal += 1;
        this.options.logger.error({ ...fields, error }, 'a request failed');
      }
      writeError(exchange, error);
    }
  }
}

function drainBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed || request.socket.destroyed) return;
  request.resume();
  const { socket } = request;
  const deadline = setTimeout(() => socket.destroy(), DRAIN_MS);
  deadline.unref();
  request.once('close', () => clearTimeout(deadline));
}
