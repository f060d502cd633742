/** Frames on a stream: the length in 4 bytes, big endian, and so many bytes. */

const LENGTH_BYTES = 4;
const NOTHING = Buffer.alloc(0);

/** A frame with its length before it. */
export function framed(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(LENGTH_BYTES);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

export type FrameOutcome = Buffer | 'incomplete' | 'too-long';

/** Puts frames together from what a socket yields; holds one of them and one chunk at most. */
export class FrameReader {
  /** Longest frame; may change from one to the next. */
  bytesMax: number;
  private chunks: Buffer[] = [];
  private length = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.length += chunk.length;
  }

  /** The next whole frame. After `too-long` nothing that follows makes sense. */
  next(): FrameOutcome {
    if (this.length < LENGTH_BYTES) return 'incomplete';
    const needed = LENGTH_BYTES + this.head().readUInt32BE();
    if (needed > LENGTH_BYTES + this.bytesMax) return 'too-long';
    if (this.length < needed) return 'incomplete';
    const whole = this.joined();
    this.keep(whole.subarray(needed));
    return whole.subarray(LENGTH_BYTES, needed);
  }

  private head(): Buffer {
    const [first = NOTHING] = this.chunks;
    return first.length >= LENGTH_BYTES ? first : this.joined();
  }

  private joined(): Buffer {
    const whole =
      this.chunks.length === 1 ? (this.chunks[0] ?? NOTHING) : Buffer.concat(this.chunks);
    this.chunks = [whole];
    return whole;
  }

  private keep(rest: Buffer): void {
    this.chunks = rest.length === 0 ? [] : [rest];
    this.length = rest.length;
  }
}
