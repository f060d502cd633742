/** Writing responses: whole documents, and streams that wait for slow readers. */
import type { Writable } from 'node:stream';
import type { Exchange, Reply } from './exchange.ts';
import { errorDocument, statusOf } from './errors.ts';

export function writeReply(exchange: Exchange, reply: Reply): void {
  const { response, request } = exchange;
  if (reply.kind === 'written') return;
  response.statusCode = reply.status;
  if (reply.kind === 'empty') {
    response.end();
    return;
  }
  const isJson = reply.kind === 'json';
  const text = isJson ? `${JSON.stringify(reply.document)}\n` : reply.text;
  response.setHeader('Content-Type', isJson ? 'application/json' : 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(request.method === 'HEAD' ? undefined : text);
}

/**
 * Answers with `{"message": …}`, or cuts the connection when a part of another answer is out
 * already.
 */
export function writeError(exchange: Exchange, thrown: unknown): void {
  const { response, request } = exchange;
  if (response.headersSent || response.socket === null) {
    request.socket.destroy();
    return;
  }
  for (const name of ['Content-Length', 'Transfer-Encoding']) response.removeHeader(name);
  writeReply(exchange, {
    kind: 'json',
    status: statusOf(thrown),
    document: errorDocument(thrown),
  });
}

/**
 * Writes and, when the reader is slow, waits until it took what was written. False once the reader
 * is gone.
 */
export async function writeOrWait(
  stream: Writable,
  chunk: Uint8Array | string,
  signal?: AbortSignal,
): Promise<boolean> {
  if (isGone(stream, signal)) return false;
  if (stream.write(chunk)) return true;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      stream.off('drain', settle).off('close', settle);
      signal?.removeEventListener('abort', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
    signal?.addEventListener('abort', settle);
  });
  return !isGone(stream, signal);
}

function isGone(stream: Writable, signal: AbortSignal | undefined): boolean {
  return stream.destroyed || (signal?.aborted ?? false);
}

/**
 * Sends the head of a streamed answer at once, so that the client sees it before the first chunk.
 */
export function startStream(exchange: Exchange, contentType: string): void {
  const { response } = exchange;
  response.statusCode = 200;
  response.setHeader('Content-Type', contentType);
  response.flushHeaders();
}
