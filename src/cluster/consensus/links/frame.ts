/**
 * How bytes between managers are cut:  payload bytes u32 | type u8 | payload, numbers big endian.
 *
 * Frames of a type that a release does not know are skipped, so that a later one may add some.
 */
import { protocolError } from '../../transport/index.ts';

export const FRAME_HEAD_BYTES = 5;

export const FRAME_TYPES = {
  hello: 1,
  refused: 2,
  message: 3,
  ping: 4,
  snapshotBegin: 5,
  snapshotBytes: 6,
  snapshotReceived: 7,
} as const;

export interface Frame {
  readonly type: number;
  /** May share memory with the bytes it came in, which are not written to. */
  readonly payload: Buffer;
}

/** A frame whose payload is to be filled in, from `FRAME_HEAD_BYTES` on. */
export function emptyFrame(type: number, payloadBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payloadBytes);
  frame.writeUInt32BE(payloadBytes, 0);
  frame[4] = type;
  return frame;
}

export function encodeFrame(type: number, ...parts: readonly Uint8Array[]): Buffer {
  let bytes = 0;
  for (const { length } of parts) bytes += length;
  const frame = emptyFrame(type, bytes);
  let at = FRAME_HEAD_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** Puts frames together from the pieces in which they arrive. */
export class FrameReader {
  /** The largest payload that is taken; may be raised once it is known who speaks. */
  payloadBytesMax: number;
  private readonly head = Buffer.alloc(FRAME_HEAD_BYTES);
  private headFill = 0;
  /** The frame whose head is read. */
  private open: { readonly type: number; readonly bytes: number } | undefined;
  /** Its payload, when that arrives in more than one piece. */
  private partial: Buffer | undefined;
  private fill = 0;

  constructor(payloadBytesMax: number) {
    this.payloadBytesMax = payloadBytesMax;
  }

  /** The frames that `chunk` completes, one at a time. Throws `ClusterError` with code protocol. */
  *push(chunk: Buffer): Generator<Frame> {
    let at = 0;
    for (;;) {
      if (this.open === undefined) at = this.readHead(chunk, at);
      if (this.open === undefined) return;
      const { type, bytes } = this.open;
      if (this.partial === undefined && chunk.length - at >= bytes) {
        this.open = undefined;
        yield { type, payload: chunk.subarray(at, at + bytes) };
        at += bytes;
        continue;
      }
      this.partial ??= Buffer.allocUnsafeSlow(bytes);
      const copied = chunk.copy(this.partial, this.fill, at);
      at += copied;
      this.fill += copied;
      if (this.fill < bytes) return;
      yield this.takePartial(type, this.partial);
    }
  }

  /** Gives back where the payload begins. */
  private readHead(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.head, this.headFill, at);
    this.headFill += copied;
    if (this.headFill === FRAME_HEAD_BYTES) {
      const bytes = this.head.readUInt32BE(0);
      if (bytes > this.payloadBytesMax)
        throw protocolError(`a frame of ${bytes} bytes; ${this.payloadBytesMax} is the most`);
      this.open = { type: this.head.readUInt8(4), bytes };
      this.headFill = 0;
    }
    return at + copied;
  }

  private takePartial(type: number, payload: Buffer): Frame {
    this.open = undefined;
    this.partial = undefined;
    this.fill = 0;
    return { type, payload };
  }
}
