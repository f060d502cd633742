/**
 * Frames of JSON, one per line. A line that is too long, not JSON, or not of the schema ends the
 * conversation.
 */
import type { z } from 'zod';
import { messageOf } from '../../base/index.ts';
import { ClusterError } from '../errors.ts';

const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines of at most `lineBytesMax`. */
export class LineSplitter {
  private readonly lineBytesMax: number;
  private parts: Buffer[] = [];
  private heldBytes = 0;

  constructor(lineBytesMax: number) {
    this.lineBytesMax = lineBytesMax;
  }

  /** Whole lines that `chunk` completes. Throws `ClusterError`. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.hold(chunk.subarray(from, end));
      lines.push(this.parts.length === 1 ? (this.parts[0] as Buffer) : Buffer.concat(this.parts));
      this.parts = [];
      this.heldBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) this.hold(chunk.subarray(from));
    return lines;
  }

  private hold(part: Buffer): void {
    this.heldBytes += part.length;
    if (this.heldBytes > this.lineBytesMax)
      throw protocolError(`a frame is longer than ${this.lineBytesMax} bytes`);
    this.parts.push(part);
  }
}

export function encodeLine(message: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}

/** Throws `ClusterError` when the bytes are not JSON of the schema. */
export function decodeJson<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Buffer,
): z.output<Schema> {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString());
  } catch (error) {
    throw protocolError(`not JSON: ${messageOf(error)}`);
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw protocolError(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not of the protocol'}`);
}

export function protocolError(reason: string): ClusterError {
  return new ClusterError({ code: 'protocol', reason }, `protocol error: ${reason}`);
}
