/** DNS over TCP (RFC 1035 §4.2.2, RFC 7766): each message after its length in two bytes. */
import { assert } from '../../base/index.ts';
import { MESSAGE_BYTES_MAX } from './message.ts';

const PREFIX_BYTES = 2;

/** Puts the length in front. */
export function frameMessage(message: Uint8Array): Uint8Array {
  assert(message.length <= MESSAGE_BYTES_MAX, 'a DNS message has at most 65535 bytes');
  const framed = new Uint8Array(PREFIX_BYTES + message.length);
  framed[0] = message.length >>> 8;
  framed[1] = message.length & 255;
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/**
 * Cuts a byte stream into messages. Holds at most one incomplete message, so at most 64 KiB and one
 * chunk.
 */
export class MessageStream {
  private bytes = new Uint8Array(512);
  private held = 0;

  /** Whether a message has begun and not ended. */
  get isInsideMessage(): boolean {
    return this.held > 0;
  }

  /** Takes what arrived and returns the messages it completes. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.append(chunk);
    const messages: Uint8Array[] = [];
    let start = 0;
    while (this.held - start >= PREFIX_BYTES) {
      const end = start + PREFIX_BYTES + this.u16(start);
      if (end > this.held) break;
      messages.push(this.bytes.slice(start + PREFIX_BYTES, end));
      start = end;
    }
    if (start > 0) this.bytes.copyWithin(0, start, this.held);
    this.held -= start;
    return messages;
  }

  private append(chunk: Uint8Array): void {
    const needed = this.held + chunk.length;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.held));
      this.bytes = larger;
    }
    this.bytes.set(chunk, this.held);
    this.held = needed;
  }

  private u16(at: number): number {
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }
}
