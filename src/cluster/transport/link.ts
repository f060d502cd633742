/**
 * A link carries a session's messages both ways, in order, until either side closes it.
 *
 * Two kinds: over an HTTP/2 stream, and within the process between a manager and the node it is on.
 * Sessions cannot tell them apart. Received messages have passed their schema.
 */
import type { Duplex } from 'node:stream';
import type { z } from 'zod';
import { messageOf } from '../../base/index.ts';
import { LineSplitter, decodeJson, encodeLine } from './lines.ts';

export interface LinkHandler<In> {
  message(message: In): void;
  /** Called once. `reason` is for people. */
  closed(reason: string): void;
}

export interface Link<In, Out> {
  /** Begins delivery; nothing is delivered before. */
  start(handler: LinkHandler<In>): void;
  /** Does nothing on a closed link. A link whose other side does not read is closed in the end. */
  send(message: Out): void;
  /** Resolves when little waits to be sent, or the link is closed. */
  flushed(): Promise<void>;
  close(reason: string): void;
}

/** Bytes that may wait for a slow reader before the link is given up. */
const BACKLOG_BYTES_MAX = 64 << 20;
/** Time that messages sent before `close` get to leave. */
const LINGER_MS = 1000;

export interface StreamLinkOptions<InSchema extends z.ZodType> {
  readonly stream: Duplex;
  readonly schema: InSchema;
  readonly frameBytesMax: number;
}

export class StreamLink<InSchema extends z.ZodType, Out> implements Link<z.output<InSchema>, Out> {
  private readonly stream: Duplex;
  private readonly schema: InSchema;
  private readonly splitter: LineSplitter;
  private handler: LinkHandler<z.output<InSchema>> | undefined;
  private isClosed = false;
  private linger: NodeJS.Timeout | undefined;

  constructor(options: StreamLinkOptions<InSchema>) {
    this.stream = options.stream;
    this.schema = options.schema;
    this.splitter = new LineSplitter(options.frameBytesMax);
  }

  start(handler: LinkHandler<z.output<InSchema>>): void {
    this.handler = handler;
    this.stream.on('data', (chunk: Buffer) => this.receive(chunk));
    this.stream.on('end', () => this.finish('the other side ended the session'));
    this.stream.on('error', (error) => this.finish(messageOf(error)));
    this.stream.on('close', () => {
      clearTimeout(this.linger);
      this.finish('the connection was closed');
    });
    if (this.stream.destroyed) this.finish('the connection was closed');
  }

  send(message: Out): void {
    if (this.isClosed || !this.stream.writable) return;
    this.stream.write(encodeLine(message));
    if (this.stream.writableLength > BACKLOG_BYTES_MAX) this.close('the other side does not read');
  }

  async flushed(): Promise<void> {
    if (this.isClosed || !this.stream.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        this.stream.off('drain', settle);
        this.stream.off('close', settle);
        resolve();
      };
      this.stream.on('drain', settle);
      this.stream.on('close', settle);
    });
  }

  close(reason: string): void {
    if (this.isClosed) return;
    this.stream.end();
    // What was sent last may still be on its way; a reader that takes no notice is cut off.
    this.linger = setTimeout(() => this.stream.destroy(), LINGER_MS);
    this.finish(reason);
  }

  private receive(chunk: Buffer): void {
    try {
      for (const line of this.splitter.push(chunk)) {
        if (this.isClosed) return;
        this.handler?.message(decodeJson(this.schema, line));
      }
    } catch (error) {
      this.close(messageOf(error));
    }
  }

  private finish(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (!this.stream.destroyed && this.linger === undefined) this.stream.destroy();
    this.handler?.closed(reason);
  }
}

/** Two ends of a link within the process. Messages arrive in a later turn, as over a socket. */
export function memoryLinks<LeftOut, RightOut>(): readonly [
  Link<RightOut, LeftOut>,
  Link<LeftOut, RightOut>,
] {
  const left = new MemoryEnd<RightOut, LeftOut>();
  const right = new MemoryEnd<LeftOut, RightOut>();
  left.connect(right);
  right.connect(left);
  return [left, right];
}

class MemoryEnd<In, Out> implements Link<In, Out> {
  private peer: MemoryEnd<Out, In> | undefined;
  private handler: LinkHandler<In> | undefined;
  private waiting: In[] = [];
  private isClosed = false;

  connect(peer: MemoryEnd<Out, In>): void {
    this.peer = peer;
  }

  start(handler: LinkHandler<In>): void {
    this.handler = handler;
    if (this.waiting.length > 0) setImmediate(() => this.deliver());
  }

  send(message: Out): void {
    if (!this.isClosed) this.peer?.receive(message);
  }

  async flushed(): Promise<void> {
    // The other end takes everything in its next turn.
    await new Promise((resolve) => setImmediate(resolve));
  }

  close(reason: string): void {
    setImmediate(() => this.peer?.finish(reason));
    this.finish(reason);
  }

  private receive(message: In): void {
    if (this.isClosed) return;
    this.waiting.push(message);
    if (this.waiting.length === 1) setImmediate(() => this.deliver());
  }

  private deliver(): void {
    const { handler } = this;
    if (handler === undefined || this.isClosed) return;
    for (const message of this.waiting.splice(0)) handler.message(message);
  }

  private finish(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.waiting = [];
    this.handler?.closed(reason);
  }
}
