/**
 * One question to one server: a socket, a port and an id of its own each time, so that an answer
 * can be told from a forged one by all of them (RFC 5452). Sockets of the host's servers are the
 * agent's; those of a container's own servers are made in the container's namespace.
 */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { isIPv6, Socket as TcpSocket } from 'node:net';
import {
  MessageStream,
  decodeHeader,
  frameMessage,
  isSameQuestion,
  withId,
  type Upstream,
} from '../../dns/index.ts';
import { closeFds, type ResolverSockets } from './resolver-sockets.ts';

export type Transport = 'udp' | 'tcp';

export interface Exchange {
  readonly query: Uint8Array;
  readonly transport: Transport;
  readonly upstream: Upstream;
  /** Gives up and closes the socket. */
  readonly signal: AbortSignal;
}

export interface UpstreamClientOptions {
  readonly namespacePath: string;
  readonly sockets: Pick<ResolverSockets, 'openClient'>;
  /** For connecting, asking and reading together. */
  readonly timeoutMs: number;
}

export class UpstreamClient {
  private readonly options: UpstreamClientOptions;

  constructor(options: UpstreamClientOptions) {
    this.options = options;
  }

  /**
   * The server's answer under whatever id it was asked; `undefined` when there is none in time. An
   * answer that UDP cut short is fetched whole over TCP, or passed as it is where that fails. Never
   * rejects.
   */
  async ask(exchange: Exchange): Promise<Uint8Array | undefined> {
    if (exchange.transport === 'tcp') return this.askOver('tcp', exchange);
    const answer = await this.askOver('udp', exchange);
    if (answer === undefined || !decodeHeader(answer).isTruncated) return answer;
    return (await this.askOver('tcp', exchange)) ?? answer;
  }

  private askOver(transport: Transport, exchange: Exchange): Promise<Uint8Array | undefined> {
    const query = withId(exchange.query, randomInt(0x10000));
    const wait = new Wait(query, exchange.signal, this.options.timeoutMs);
    if (wait.isOver) return wait.answer;
    try {
      if (transport === 'udp') this.sendUdp(query, exchange.upstream, wait);
      else this.sendTcp(query, exchange.upstream, wait);
    } catch {
      // No descriptors left, or the namespace is gone: as good as a server that does not answer.
      wait.settle(undefined);
    }
    return wait.answer;
  }

  private sendUdp(query: Uint8Array, upstream: Upstream, wait: Wait): void {
    const type = isIPv6(upstream.address) ? 'udp6' : 'udp4';
    const socket: UdpSocket = createSocket(type);
    wait.onEnd(() => socket.close());
    socket.on('error', () => wait.settle(undefined));
    socket.on('message', (bytes) => wait.offer(bytes));
    socket.on('connect', () => socket.send(query));
    if (upstream.from === 'container') this.adoptUdp(socket, type);
    // A connected socket hears its peer only.
    socket.connect(upstream.port, upstream.address);
  }

  private adoptUdp(socket: UdpSocket, type: 'udp4' | 'udp6'): void {
    const fd = this.options.sockets.openClient(this.options.namespacePath, type);
    try {
      socket.bind({ fd, exclusive: true });
    } catch (error) {
      closeFds([fd]);
      throw error;
    }
  }

  private sendTcp(query: Uint8Array, upstream: Upstream, wait: Wait): void {
    const socket = this.tcpSocket(upstream);
    const stream = new MessageStream();
    wait.onEnd(() => socket.destroy());
    socket.on('error', () => wait.settle(undefined));
    socket.on('end', () => wait.settle(undefined));
    socket.on('data', (chunk: Buffer) => {
      for (const bytes of stream.push(chunk)) wait.offer(bytes);
    });
    socket.connect({ host: upstream.address, port: upstream.port });
    socket.write(frameMessage(query));
  }

  private tcpSocket(upstream: Upstream): TcpSocket {
    if (upstream.from === 'host') return new TcpSocket();
    const type = isIPv6(upstream.address) ? 'tcp6' : 'tcp4';
    const fd = this.options.sockets.openClient(this.options.namespacePath, type);
    try {
      return new TcpSocket({ fd });
    } catch (error) {
      closeFds([fd]);
      throw error;
    }
  }
}

/** Waits for the answer to one query, for a time or until told to stop. */
class Wait {
  readonly answer: Promise<Uint8Array | undefined>;
  isOver = false;
  private readonly query: Uint8Array;
  private readonly signal: AbortSignal;
  private readonly timer: NodeJS.Timeout;
  private readonly abort = (): void => this.settle(undefined);
  private resolve: (answer: Uint8Array | undefined) => void = () => undefined;
  private release: () => void = () => undefined;

  constructor(query: Uint8Array, signal: AbortSignal, timeoutMs: number) {
    this.query = query;
    this.signal = signal;
    this.answer = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.timer = setTimeout(this.abort, timeoutMs);
    signal.addEventListener('abort', this.abort);
    if (signal.aborted) this.abort();
  }

  /** What to close once the wait is over. */
  onEnd(release: () => void): void {
    this.release = release;
  }

  /** Takes the message if it answers the query, and goes on waiting if not. */
  offer(bytes: Uint8Array): void {
    const kind = classify(this.query, bytes);
    if (kind !== 'foreign') this.settle(kind === 'answer' ? bytes : undefined);
  }

  settle(answer: Uint8Array | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.abort);
    this.release();
    this.resolve(answer);
  }
}

/**
 * Some servers leave out the question when they refuse; with the right id that is a failure, not a
 * forgery.
 */
function classify(query: Uint8Array, bytes: Uint8Array): 'answer' | 'failure' | 'foreign' {
  try {
    const asked = decodeHeader(query);
    const header = decodeHeader(bytes);
    if (!header.isResponse || header.id !== asked.id || header.opcode !== asked.opcode)
      return 'foreign';
    const hasQuestion = bytes[4] !== 0 || bytes[5] !== 0;
    if (!hasQuestion) return header.rcode === 0 ? 'foreign' : 'failure';
    return isSameQuestion(query, bytes) ? 'answer' : 'foreign';
  } catch {
    return 'foreign';
  }
}
