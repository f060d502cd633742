/**
 * One connection between two managers, from the end of the TLS handshake on.
 *
 *     greeting --hello of the other end, checked--> open --error, end, silence--> closed
 *
 * Frames that are written in one turn of the event loop leave together.
 */
import type { TLSSocket } from 'node:tls';
import { messageOf } from '../../../base/index.ts';
import type { PeerId } from '../../../raft/index.ts';
import { protocolError } from '../../transport/index.ts';
import { FRAME_TYPES, FrameReader, encodeFrame, type Frame } from './frame.ts';
import {
  LINK_VERSIONS,
  decodeHello,
  decodeRefused,
  encodeHello,
  encodeRefused,
  sharedVersion,
  type Hello,
} from './hello.ts';
import { GREETING_BYTES_MAX, type LinkLimits } from './limits.ts';

/** One write of little is cheaper than several; of more, copying is not. */
const COPY_BYTES_MAX = 64 << 10;

export interface LinkHandler {
  /** Throws `ClusterError` when the hello is not one to be answered. Called once. */
  greeted(link: PeerLink, hello: Hello): void;
  frame(link: PeerLink, frame: Frame): void;
  /** The frames that arrived together have been told. */
  settle(): void;
  /** Called once, also when the link was never open. */
  closed(link: PeerLink, reason: string): void;
}

export interface PeerLinkOptions {
  readonly socket: TLSSocket;
  readonly limits: LinkLimits;
  readonly handler: LinkHandler;
  /** Says hello first. Absent at the end that was dialled. */
  readonly hello?: Omit<Hello, 'versions'>;
}

export class PeerLink {
  readonly isDialler: boolean;
  private readonly options: PeerLinkOptions;
  private readonly reader = new FrameReader(GREETING_BYTES_MAX);
  private greeting: NodeJS.Timeout | undefined;
  private hello: Hello | undefined;
  private hasEnded = false;
  /** Leaves at the end of this turn. */
  private out: Buffer[] = [];
  private outBytes = 0;
  private hasSent = false;
  private hasHeard = false;
  private silentPings = 0;

  constructor(options: PeerLinkOptions) {
    const { socket, limits, hello } = options;
    this.options = options;
    this.isDialler = hello !== undefined;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.close(messageOf(error)));
    socket.on('end', () => this.close('the other end closed the connection'));
    socket.on('close', () => this.close('the connection was closed'));
    this.greeting = setTimeout(() => this.close('no hello in time'), limits.greetingMs);
    if (hello !== undefined) this.sayHello(hello);
  }

  get isOpen(): boolean {
    return this.hello !== undefined && !this.hasEnded;
  }

  /** Who is at the other end, once it is known. */
  get peer(): PeerId | undefined {
    return this.hello?.from;
  }

  get purpose(): Hello['purpose'] | undefined {
    return this.hello?.purpose;
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.options.socket.writableLength + this.outBytes;
  }

  get socket(): TLSSocket {
    return this.options.socket;
  }

  /** False when too much waits to be sent, or the link is closed: the frame is dropped. */
  trySend(frame: Buffer): boolean {
    const { limits } = this.options;
    if (this.hasEnded || this.queuedBytes > limits.queueBytesMax) return false;
    this.hasSent = true;
    if (this.out.length === 0) process.nextTick(() => this.flush());
    this.out.push(frame);
    this.outBytes += frame.length;
    return true;
  }

  /** Says who this end is. */
  sayHello(hello: Omit<Hello, 'versions'>): void {
    const payload = encodeHello({ ...hello, versions: LINK_VERSIONS });
    this.trySend(encodeFrame(FRAME_TYPES.hello, payload));
  }

  /** Time has passed: says that it is there, and looks whether the other end is. */
  tick(): void {
    const { limits } = this.options;
    if (!this.isOpen) return;
    this.silentPings = this.hasHeard ? 0 : this.silentPings + 1;
    this.hasHeard = false;
    if (this.silentPings > limits.silentPingsMax) {
      this.close('nothing was heard for too long');
      return;
    }
    if (!this.hasSent) this.trySend(encodeFrame(FRAME_TYPES.ping));
    this.hasSent = false;
  }

  /** Tells the other end why, if it is there to hear it, and closes. */
  refuse(reason: string): void {
    this.trySend(encodeFrame(FRAME_TYPES.refused, encodeRefused(reason.slice(0, 500))));
    this.flush();
    this.options.socket.end();
    this.close(reason);
  }

  close(reason: string): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    clearTimeout(this.greeting);
    const { socket, handler } = this.options;
    // What is said last leaves before the end; a reader that takes no notice is cut off.
    if (socket.writableEnded) socket.setTimeout(1000, () => socket.destroy());
    else socket.destroy();
    handler.closed(this, reason);
  }

  /** Sends at once what would leave at the end of this turn. */
  flush(): void {
    const { socket } = this.options;
    const { out, outBytes } = this;
    this.out = [];
    this.outBytes = 0;
    if (out.length === 0 || socket.destroyed) return;
    if (out.length === 1 || outBytes <= COPY_BYTES_MAX) {
      socket.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out, outBytes));
      return;
    }
    socket.cork();
    for (const part of out) socket.write(part);
    socket.uncork();
  }

  private receive(chunk: Buffer): void {
    if (this.hasEnded) return;
    this.hasHeard = true;
    try {
      for (const frame of this.reader.push(chunk)) {
        if (this.hello === undefined) this.greet(frame);
        else if (frame.type !== FRAME_TYPES.ping) this.options.handler.frame(this, frame);
        if (!this.isOpen) return;
      }
      this.options.handler.settle();
    } catch (error) {
      this.refuse(messageOf(error));
    }
  }

  private greet({ type, payload }: Frame): void {
    if (type === FRAME_TYPES.refused) {
      this.close(`the other manager refused: ${decodeRefused(payload)}`);
      return;
    }
    if (type !== FRAME_TYPES.hello) throw protocolError('a connection begins with a hello');
    const hello = decodeHello(payload);
    sharedVersion(hello.versions);
    clearTimeout(this.greeting);
    this.reader.payloadBytesMax = this.options.limits.frameBytesMax;
    this.hello = hello;
    this.options.handler.greeted(this, hello);
  }
}
