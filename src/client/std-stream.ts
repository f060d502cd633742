/**
 * Docker's framing of two output streams in one connection: 1 byte stream (1 stdout, 2 stderr),
 * 3 bytes zero, 4 bytes big-endian length, then that many bytes. A frame may arrive in any number
 * of pieces.
 */
const HEADER_BYTES = 8;

export type StdStreamName = 'stdout' | 'stderr';

export class StdStreamDecoder {
  #pending: Buffer = Buffer.alloc(0);
  readonly #onFrame: (stream: StdStreamName, payload: Buffer) => void;

  constructor(onFrame: (stream: StdStreamName, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#pending.readUInt32BE(4);
      if (this.#pending.length < end) return;
      const payload = this.#pending.subarray(HEADER_BYTES, end);
      this.#onFrame(this.#pending[0] === 2 ? 'stderr' : 'stdout', payload);
      this.#pending = this.#pending.subarray(end);
    }
  }
}
