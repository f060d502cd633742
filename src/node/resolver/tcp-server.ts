import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { MessageStream, frameMessage } from '../../dns/index.ts';
import type { QueryHandler } from './query-handler.ts';

export interface TcpLimits {
  /** Of one container; the next one is closed at once. */
  readonly connectionsMax: number;
  /** From the last whole query or reply on. */
  readonly idleMs: number;
  /** Queries of one connection that may wait for their replies; the rest is left in the socket. */
  readonly pipelineMax: number;
}

export const TCP_LIMITS: TcpLimits = { connectionsMax: 64, idleMs: 10_000, pipelineMax: 64 };

/** Answers queries on a listening socket that somebody else made. */
export class TcpServer {
  private readonly server: Server;
  private readonly connections = new Set<Connection>();
  private readonly handler: QueryHandler;
  private readonly limits: TcpLimits;

  private constructor(server: Server, handler: QueryHandler, limits: TcpLimits) {
    this.server = server;
    this.handler = handler;
    this.limits = limits;
    server.maxConnections = limits.connectionsMax;
    server.on('connection', (socket) => this.accept(socket));
    server.on('error', () => undefined);
  }

  /** Takes over `fd`, also when it throws. */
  static async adopt(fd: number, handler: QueryHandler, limits: TcpLimits): Promise<TcpServer> {
    // A client may close its half once it has asked, and still wants the reply.
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    const listening = once(server, 'listening');
    server.listen({ fd });
    await listening;
    return new TcpServer(server, handler, limits);
  }

  close(): void {
    this.server.close();
    for (const connection of this.connections) connection.close();
  }

  private accept(socket: Socket): void {
    const connection = new Connection(socket, this.handler, this.limits);
    this.connections.add(connection);
    socket.on('close', () => this.connections.delete(connection));
  }
}

class Connection {
  private readonly socket: Socket;
  private readonly handler: QueryHandler;
  private readonly limits: TcpLimits;
  private readonly stream = new MessageStream();
  private readonly idle: NodeJS.Timeout;
  private queue: Uint8Array[] = [];
  private waiting = 0;
  private hasEnded = false;

  constructor(socket: Socket, handler: QueryHandler, limits: TcpLimits) {
    this.socket = socket;
    this.handler = handler;
    this.limits = limits;
    // Not the socket's own timeout, which any single byte puts off.
    this.idle = setTimeout(() => this.onIdle(), limits.idleMs);
    socket.on('error', () => this.close());
    socket.on('close', () => clearTimeout(this.idle));
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('drain', () => this.proceed());
    socket.on('end', () => {
      this.hasEnded = true;
      this.endWhenDone();
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(chunk: Uint8Array): void {
    this.queue.push(...this.stream.push(chunk));
    this.proceed();
  }

  /** Handles what there is, and reads on only when nothing is left over. */
  private proceed(): void {
    if (this.socket.destroyed) return;
    while (this.queue.length > 0 && this.hasRoom()) {
      const query = this.queue.shift();
      if (query !== undefined) this.handle(query);
    }
    if (this.queue.length > 0 || !this.hasRoom()) this.socket.pause();
    else this.socket.resume();
    this.endWhenDone();
  }

  private hasRoom(): boolean {
    return this.waiting < this.limits.pipelineMax && !this.socket.writableNeedDrain;
  }

  private handle(query: Uint8Array): void {
    this.idle.refresh();
    const reply = this.handler.handle(query, 'tcp');
    if (!(reply instanceof Promise)) {
      this.send(reply);
      return;
    }
    this.waiting += 1;
    void reply.then((late) => {
      this.waiting -= 1;
      this.send(late);
      this.proceed();
    });
  }

  private send(reply: Uint8Array | undefined): void {
    if (reply === undefined || this.socket.destroyed) return;
    this.idle.refresh();
    this.socket.write(frameMessage(reply));
  }

  private endWhenDone(): void {
    if (this.hasEnded && this.waiting === 0 && this.queue.length === 0) this.socket.end();
  }

  /** A client that waits for an upstream is not idle. */
  private onIdle(): void {
    if (this.waiting > 0 && !this.socket.writableNeedDrain) this.idle.refresh();
    else this.close();
  }
}
