/**
 * A snapshot's way over a connection of its own.
 *
 *     begin   state bytes u64 | the request, in the core's wire format
 *     bytes   the state's next bytes, as many as the frame holds; waits while the socket is full
 *     received   u64: how much of it arrived, said by the receiver each megabyte and at the end
 *
 * It is delivered when the receiver has said so of its last byte. Whoever is in the way of the
 * transfer for too long, or closes, has failed it; a later one begins from the start.
 */
import { decodeMessage, encodeMessage, type SnapshotRequest } from '../../../raft/index.ts';
import { protocolError } from '../../transport/index.ts';
import { FRAME_TYPES, encodeFrame, type Frame } from './frame.ts';
import type { LinkLimits } from './limits.ts';
import type { PeerLink } from './peer-link.ts';

const TOTAL_BYTES = 8;
const RECEIPT_BYTES = 1 << 20;
/** Taken out of the state ahead of the socket. */
const QUEUED_BYTES_MAX = 256 << 10;

export interface SendingOptions {
  readonly link: PeerLink;
  readonly request: SnapshotRequest;
  readonly state: Buffer;
  readonly limits: LinkLimits;
}

/** Sends over a link that is open; `done` resolves with whether all of it arrived. */
export class SnapshotSending {
  readonly done: Promise<boolean>;
  private readonly link: PeerLink;
  private readonly state: Buffer;
  private readonly chunkBytes: number;
  private settle: (isDelivered: boolean) => void = () => undefined;
  private at = 0;

  constructor({ link, request, state, limits }: SendingOptions) {
    this.link = link;
    this.state = state;
    this.chunkBytes = limits.snapshotChunkBytes;
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
    const total = u64(state.length);
    link.trySend(encodeFrame(FRAME_TYPES.snapshotBegin, total, encodeMessage(request)));
    link.socket.setTimeout(limits.snapshotIdleMs, () => link.close('the transfer stands still'));
    link.socket.on('drain', () => this.pour());
    this.pour();
  }

  frame({ type, payload }: Frame): void {
    if (type !== FRAME_TYPES.snapshotReceived) return;
    if (readU64(payload) === this.state.length) this.settle(true);
  }

  closed(): void {
    this.settle(false);
  }

  private pour(): void {
    while (this.at < this.state.length && this.link.queuedBytes < QUEUED_BYTES_MAX) {
      const chunk = this.state.subarray(this.at, this.at + this.chunkBytes);
      if (!this.link.trySend(encodeFrame(FRAME_TYPES.snapshotBytes, chunk))) return;
      this.at += chunk.length;
    }
  }
}

/** Puts together what a `SnapshotSending` sends. */
export class SnapshotReceiving {
  private readonly link: PeerLink;
  private readonly limits: LinkLimits;
  private readonly onReceived: (request: SnapshotRequest, state: Buffer) => void;
  private request: SnapshotRequest | undefined;
  private state = Buffer.alloc(0);
  private fill = 0;
  private told = 0;

  constructor(
    link: PeerLink,
    limits: LinkLimits,
    onReceived: (request: SnapshotRequest, state: Buffer) => void,
  ) {
    this.link = link;
    this.limits = limits;
    this.onReceived = onReceived;
    link.socket.setTimeout(limits.snapshotIdleMs, () => link.close('the transfer stands still'));
  }

  /** Throws `ClusterError` with code protocol, and `RaftError`. */
  frame({ type, payload }: Frame): void {
    if (type === FRAME_TYPES.snapshotBegin) this.begin(payload);
    if (type === FRAME_TYPES.snapshotBytes) this.take(payload);
    if (this.request === undefined) return;
    const isWhole = this.fill === this.state.length;
    if (isWhole) this.end(this.request);
    else if (this.fill - this.told >= RECEIPT_BYTES) this.tell();
  }

  private begin(payload: Buffer): void {
    if (this.request !== undefined) throw protocolError('one snapshot at a time');
    const total = readU64(payload);
    if (total > this.limits.snapshotBytesMax)
      throw protocolError(`a snapshot of ${total} bytes; at most ${this.limits.snapshotBytesMax}`);
    const request = decodeMessage(payload.subarray(TOTAL_BYTES));
    if (request.kind !== 'snapshot.request') throw protocolError('a snapshot has a request');
    if (request.from !== this.link.peer) throw protocolError('a peer speaks for itself');
    this.request = request;
    this.state = Buffer.allocUnsafeSlow(total);
  }

  private take(bytes: Buffer): void {
    const isExpected = this.request !== undefined && this.fill + bytes.length <= this.state.length;
    if (!isExpected) throw protocolError('bytes of no snapshot');
    this.fill += bytes.copy(this.state, this.fill);
  }

  private end(request: SnapshotRequest): void {
    this.request = undefined;
    this.onReceived(request, this.state);
    this.tell();
  }

  private tell(): void {
    this.told = this.fill;
    this.link.trySend(encodeFrame(FRAME_TYPES.snapshotReceived, u64(this.fill)));
  }
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(TOTAL_BYTES);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function readU64(payload: Buffer): number {
  if (payload.length < TOTAL_BYTES) throw protocolError('a frame is too short');
  return Number(payload.readBigUInt64BE());
}
