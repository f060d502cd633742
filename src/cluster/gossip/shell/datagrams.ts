/** The gossip's UDP socket, and what is dropped before the core sees it. */
import { createSocket, type Socket } from 'node:dgram';
import type { PeerAddress } from '../../../gossip/index.ts';
import { SourceLimits } from './source-limits.ts';

export interface DatagramCounters {
  received: number;
  receivedBytes: number;
  sent: number;
  sentBytes: number;
  /** Longer than a packet may be. */
  oversized: number;
  /** Of sources that sent more than their share. */
  throttled: number;
  /** The kernel took it not: no route, no buffer, a full queue. */
  unsent: number;
}

export interface DatagramsOptions {
  /** The address to bind, and to send from. */
  readonly host: string;
  readonly packetBytesMax: number;
  readonly nowMs: () => number;
  readonly received: (from: PeerAddress, bytes: Uint8Array) => void;
}

/** Bytes that wait for the kernel before more is dropped: a second of the busiest gossip. */
const SEND_QUEUE_BYTES_MAX = 1 << 20;

export class Datagrams {
  readonly limits = new SourceLimits();
  readonly counters: DatagramCounters = {
    received: 0,
    receivedBytes: 0,
    sent: 0,
    sentBytes: 0,
    oversized: 0,
    throttled: 0,
    unsent: 0,
  };
  private readonly options: DatagramsOptions;
  private readonly socket: Socket;
  private isClosed = false;

  constructor(options: DatagramsOptions) {
    this.options = options;
    // Members have addresses, no names: nothing is to be looked up.
    const lookup = (host: string, _: unknown, done: LookedUp): void => done(null, host, 4);
    this.socket = createSocket({ type: 'udp4', lookup });
  }

  /** Resolves with the port; rejects when the address cannot be had. */
  async bind(port: number): Promise<number> {
    const { socket } = this;
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: this.options.host, port, exclusive: true }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    // What the kernel says of single packets ends nothing.
    socket.on('error', () => (this.counters.unsent += 1));
    socket.on('message', (bytes, { address: host, port: from }) =>
      this.take({ host, port: from }, bytes),
    );
    return socket.address().port;
  }

  send(to: PeerAddress, bytes: Uint8Array): void {
    const { socket, counters } = this;
    if (this.isClosed) return;
    if (socket.getSendQueueSize() > SEND_QUEUE_BYTES_MAX) {
      counters.unsent += 1;
      return;
    }
    counters.sent += 1;
    counters.sentBytes += bytes.length;
    socket.send(bytes, to.port, to.host, (error) => {
      if (error !== null) counters.unsent += 1;
    });
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await new Promise<void>((resolve) => this.socket.close(() => resolve()));
  }

  private take(from: PeerAddress, bytes: Uint8Array): void {
    const { counters, options } = this;
    counters.received += 1;
    counters.receivedBytes += bytes.length;
    if (bytes.length > options.packetBytesMax) counters.oversized += 1;
    else if (!this.limits.allow(from.host, options.nowMs())) counters.throttled += 1;
    else if (!this.isClosed) options.received(from, bytes);
  }
}

type LookedUp = (error: null, address: string, family: number) => void;
