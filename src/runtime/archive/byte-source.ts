/** Pulls exact numbers of bytes out of a stream of chunks, and hashes what passes. */
import { createHash } from 'node:crypto';
import { refuseArchive } from '../errors.ts';

export class ByteSource {
  /** Bytes taken from the stream so far. */
  readBytes = 0;
  private readonly chunks: AsyncIterator<Buffer>;
  private readonly hash = createHash('sha256');
  private pending: Buffer = Buffer.alloc(0);
  private hasEnded = false;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `length` bytes, or undefined when the stream ends before the first of them. */
  async tryRead(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for await (const part of this.take(length, 'at the start')) parts.push(part);
    return parts.length === 0 && length > 0 ? undefined : Buffer.concat(parts);
  }

  /**
   * The next `length` bytes as they come. Throws `archive_refused` when the stream ends within
   * them.
   */
  async *take(length: number, mayEnd: 'never' | 'at the start' = 'never'): AsyncGenerator<Buffer> {
    let missing = length;
    while (missing > 0) {
      if (this.pending.length === 0 && !(await this.fill())) {
        if (mayEnd === 'at the start' && missing === length) return;
        throw refuseArchive('it ends in the middle of an entry');
      }
      const part = this.pending.subarray(0, missing);
      this.pending = this.pending.subarray(part.length);
      missing -= part.length;
      yield part;
    }
  }

  /** Reads to the end of the stream, and returns the digest of all of it. */
  async finish(): Promise<string> {
    while (await this.fill()) this.pending = Buffer.alloc(0);
    return `sha256:${this.hash.digest('hex')}`;
  }

  /** Lets the stream's producer end early. */
  async abandon(): Promise<void> {
    await this.chunks.return?.();
  }

  private async fill(): Promise<boolean> {
    if (this.hasEnded) return false;
    const next = await this.chunks.next();
    if (next.done === true) {
      this.hasEnded = true;
      return false;
    }
    this.pending = next.value;
    this.readBytes += next.value.length;
    this.hash.update(next.value);
    return true;
  }
}
