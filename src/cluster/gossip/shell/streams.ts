/**
 * The gossip's TCP: one short connection for each stream of the core.
 *
 * Whoever connects says a whole frame that a key of the ring opens before the core hears of it, so
 * that strangers take none of its few streams: they get a small frame, a short time and one of a
 * bounded number of places, of which an address has a few.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { PacketSeal, PeerAddress, StreamId } from '../../../gossip/index.ts';
import { FrameReader, framed } from './frames.ts';

export interface StreamLimits {
  /** Connections that others made, of all addresses and of one. */
  readonly acceptedMax: number;
  readonly acceptedPerHostMax: number;
  /** The first frame of a connection that another made: a hello or a ping. */
  readonly greetingBytesMax: number;
  readonly greetingMs: number;
  readonly frameBytesMax: number;
  /** For what is written to arrive after the core is done with a stream. */
  readonly closingMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  acceptedMax: 64,
  acceptedPerHostMax: 8,
  greetingBytesMax: 4096,
  greetingMs: 3000,
  frameBytesMax: 65_536,
  closingMs: 3000,
};

export interface StreamEvents {
  /** A peer wants a stream; `undefined` when there is no room for it. */
  accept(): StreamId | undefined;
  frame(stream: StreamId, bytes: Uint8Array): void;
  writable(stream: StreamId): void;
  closed(stream: StreamId): void;
  /** A connection that was not let in, or was ended for what came over it. */
  refused(): void;
}

export interface StreamsOptions {
  /** The address to listen on, and to connect from. */
  readonly host: string;
  readonly seal: PacketSeal;
  readonly events: StreamEvents;
  readonly limits?: Partial<StreamLimits>;
}

/** A connection, and the stream it is once it is one. */
interface Wire {
  readonly socket: Socket;
  readonly reader: FrameReader;
  stream: StreamId | undefined;
}

export class Streams {
  private readonly options: StreamsOptions;
  private readonly limits: StreamLimits;
  private readonly server: Server;
  private readonly wires = new Map<StreamId, Wire>();
  private readonly sockets = new Set<Socket>();
  private readonly acceptedOf = new Map<string, number>();

  constructor(options: StreamsOptions) {
    this.options = options;
    this.limits = { ...STREAM_LIMITS, ...options.limits };
    this.server = createServer((socket) => this.take(socket));
    this.server.maxConnections = this.limits.acceptedMax;
    this.server.on('drop', () => options.events.refused());
  }

  /** Rejects when the address cannot be had. */
  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host: this.options.host, port, exclusive: true }, () => {
        this.server.off('error', reject);
        // An accept that failed, say for want of descriptors, is tried again by its peer.
        this.server.on('error', () => this.options.events.refused());
        resolve();
      });
    });
  }

  open(stream: StreamId, to: PeerAddress, bytes: Uint8Array): void {
    const { host: localAddress } = this.options;
    const socket = createConnection({ host: to.host, port: to.port, localAddress });
    const wire = this.wire(socket, this.limits.frameBytesMax);
    this.bind(wire, stream);
    this.send(stream, bytes);
  }

  /** Says `writable` when the frame is handed to the kernel. */
  send(stream: StreamId, bytes: Uint8Array): void {
    this.wires.get(stream)?.socket.write(framed(bytes), (error) => {
      if (!error && this.wires.has(stream)) this.options.events.writable(stream);
    });
  }

  /** Ends the stream once everything is written; nothing more is heard of it. */
  end(stream: StreamId): void {
    const wire = this.wires.get(stream);
    if (wire === undefined) return;
    this.wires.delete(stream);
    wire.stream = undefined;
    this.finish(wire.socket);
  }

  async close(): Promise<void> {
    this.wires.clear();
    for (const socket of this.sockets) socket.destroy();
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private take(socket: Socket): void {
    const host = socket.remoteAddress ?? '';
    const others = this.acceptedOf.get(host) ?? 0;
    this.acceptedOf.set(host, others + 1);
    socket.once('close', () => this.leave(host));
    const wire = this.wire(socket, this.limits.greetingBytesMax);
    if (others >= this.limits.acceptedPerHostMax) return this.refuse(wire);
    const timer = setTimeout(() => {
      if (wire.stream === undefined) this.refuse(wire);
    }, this.limits.greetingMs);
    socket.once('close', () => clearTimeout(timer));
  }

  private wire(socket: Socket, bytesMax: number): Wire {
    const wire: Wire = { socket, reader: new FrameReader(bytesMax), stream: undefined };
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.read(wire, chunk));
    socket.once('end', () => this.gone(wire));
    // `close` follows, and tells.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.sockets.delete(socket);
      this.gone(wire);
    });
    return wire;
  }

  private read(wire: Wire, chunk: Buffer): void {
    wire.reader.push(chunk);
    while (this.tryReadOne(wire));
  }

  /** Whether there may be another frame. */
  private tryReadOne(wire: Wire): boolean {
    // Of a stream that is done with, the rest is of no interest.
    if (wire.socket.writableEnded || wire.socket.destroyed) return false;
    const frame = wire.reader.next();
    if (frame === 'incomplete') return false;
    const stream = frame === 'too-long' ? undefined : (wire.stream ?? this.tryGreet(wire, frame));
    if (frame === 'too-long' || stream === undefined) {
      this.refuse(wire);
      return false;
    }
    this.options.events.frame(stream, frame);
    return true;
  }

  private tryGreet(wire: Wire, greeting: Buffer): StreamId | undefined {
    const { seal, events } = this.options;
    if (seal.open(greeting) === undefined) return undefined;
    const stream = events.accept();
    if (stream === undefined) return undefined;
    wire.reader.bytesMax = this.limits.frameBytesMax;
    this.bind(wire, stream);
    return stream;
  }

  private bind(wire: Wire, stream: StreamId): void {
    wire.stream = stream;
    this.wires.set(stream, wire);
  }

  /** The other side is done with it, or it broke. */
  private gone(wire: Wire): void {
    const { stream, socket } = wire;
    if (!socket.destroyed) this.finish(socket);
    if (stream === undefined || this.wires.get(stream) !== wire) return;
    wire.stream = undefined;
    this.wires.delete(stream);
    this.options.events.closed(stream);
  }

  private refuse(wire: Wire): void {
    this.options.events.refused();
    wire.socket.destroy();
  }

  private finish(socket: Socket): void {
    if (socket.connecting) {
      socket.destroy();
      return;
    }
    socket.end();
    const timer = setTimeout(() => socket.destroy(), this.limits.closingMs);
    socket.once('close', () => clearTimeout(timer));
  }

  private leave(host: string): void {
    const others = (this.acceptedOf.get(host) ?? 1) - 1;
    if (others > 0) this.acceptedOf.set(host, others);
    else this.acceptedOf.delete(host);
  }
}
