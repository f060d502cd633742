/**
 * Output of a task on an HTTP/2 stream: lines of entries, and a last one that says how it ended.
 */
import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/index.ts';
import { LineSplitter, decodeJson, encodeLine } from './lines.ts';
import { logFrameSchema, type LogFrame } from './messages.ts';

/** An entry as `LocalNode.taskLogs` gives it. */
export interface LogStreamEntry {
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
  readonly line: Buffer;
}

const FRAME_BYTES_MAX = 4 << 20;
/** A longer line travels in pieces. */
const PIECE_BYTES_MAX = 1 << 20;

/** Writes all entries as fast as the other side reads. Ends early when the stream is closed. */
export async function sendLogs(
  stream: Duplex,
  entries: AsyncIterable<LogStreamEntry>,
): Promise<void> {
  let error: string | undefined;
  try {
    for await (const entry of entries) if (!(await trySend(stream, entry))) return;
  } catch (thrown) {
    error = messageOf(thrown).slice(0, 2000);
  }
  await tryWrite(stream, { entries: [], isEnd: true, ...(error !== undefined && { error }) });
  stream.end();
}

/**
 * Reads what `sendLogs` wrote. Throws what the sender's entries threw, or when the stream breaks.
 */
export async function* receiveLogs(stream: Duplex): AsyncGenerator<LogStreamEntry> {
  try {
    for await (const frame of framesFrom(stream)) {
      for (const { line, ...entry } of frame.entries)
        yield { ...entry, line: Buffer.from(line, 'base64') };
      if (frame.error !== undefined) throw new Error(frame.error);
      if (frame.isEnd) return;
    }
    throw new Error('the connection to the node broke');
  } finally {
    stream.destroy();
  }
}

async function* framesFrom(stream: Duplex): AsyncGenerator<LogFrame> {
  const splitter = new LineSplitter(FRAME_BYTES_MAX);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (const line of splitter.push(chunk)) yield decodeJson(logFrameSchema, line);
  }
}

async function trySend(stream: Duplex, entry: LogStreamEntry): Promise<boolean> {
  for (const frame of framesOf(entry)) if (!(await tryWrite(stream, frame))) return false;
  return true;
}

function* framesOf({ stream, time, line }: LogStreamEntry): Generator<LogFrame> {
  let from = 0;
  do {
    const piece = line.subarray(from, from + PIECE_BYTES_MAX);
    yield { entries: [{ stream, time, line: piece.toString('base64') }], isEnd: false };
    from += PIECE_BYTES_MAX;
  } while (from < line.length);
}

async function tryWrite(stream: Duplex, frame: LogFrame): Promise<boolean> {
  if (!stream.writable) return false;
  if (stream.write(encodeLine(frame))) return true;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      stream.off('drain', settle);
      stream.off('close', settle);
      resolve();
    };
    stream.on('drain', settle);
    stream.on('close', settle);
  });
  return stream.writable;
}
