/** Request bodies: read whole up to a limit and a deadline, as JSON; or handed on as a stream. */
import type { Readable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { ApiError, badRequest } from './errors.ts';
import type { Exchange, Upgrade } from './exchange.ts';

export const JSON_BODY_BYTES_MAX = 16 * 1024 * 1024;

/**
 * A JSON object from the body. An empty body is an empty object when `isOptional`. Throws
 * `ApiError`.
 */
export async function readJsonObject(
  exchange: Exchange,
  isOptional = false,
): Promise<Readonly<Record<string, unknown>>> {
  const text = (await readWhole(exchange)).toString('utf8');
  if (text.trim() === '' && isOptional) return {};
  const type = exchange.request.headers['content-type'];
  if (type !== undefined && !/^application\/json\b/i.test(type)) {
    throw badRequest(
      `unsupported Content-Type header (${type.slice(0, 100)}): must be 'application/json'`,
    );
  }
  if (text.trim() === '') throw badRequest('invalid JSON: got EOF while reading request body');
  return parseObject(text);
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'syntax error';
    throw badRequest(`invalid JSON: ${reason}`, error);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw badRequest('invalid JSON: the request body must be an object');
  }
  return document as Readonly<Record<string, unknown>>;
}

async function readWhole(exchange: Exchange): Promise<Buffer> {
  const announced = Number(exchange.request.headers['content-length'] ?? 0);
  if (announced > JSON_BODY_BYTES_MAX) throw tooLarge();
  const { upgrade, bodyDeadlineMs } = exchange;
  if (upgrade) return readFromUpgrade(upgrade, { bytes: announced, bodyDeadlineMs });
  if (/^100-continue$/i.test(exchange.request.headers.expect ?? '')) {
    exchange.response.writeContinue();
  }
  return collect(exchange.request, { enough: Infinity, bodyDeadlineMs });
}

function tooLarge(): ApiError {
  return new ApiError(
    { code: 'too-large' },
    `request body too large: the limit is ${JSON_BODY_BYTES_MAX} bytes`,
  );
}

/**
 * An upgrade request's body is not parsed by node:http: it is the first `bytes` bytes on the
 * socket.
 */
async function readFromUpgrade(
  { socket, head }: Upgrade,
  { bytes, bodyDeadlineMs }: { readonly bytes: number; readonly bodyDeadlineMs: number },
): Promise<Buffer> {
  if (head.length > 0) socket.unshift(head);
  if (bytes === 0) return Buffer.alloc(0);
  const body = await collect(socket, { enough: bytes, bodyDeadlineMs });
  if (body.length > bytes) socket.unshift(body.subarray(bytes));
  return body.subarray(0, bytes);
}

/**
 * Collects until the end of the stream or until at least `enough` bytes are there; leaves the
 * stream paused.
 */
function collect(
  stream: Readable,
  { enough, bodyDeadlineMs }: { readonly enough: number; readonly bodyDeadlineMs: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (error?: Error): void => {
      clearTimeout(deadline);
      stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      stream.pause();
      if (error) reject(error);
      else resolve(Buffer.concat(chunks));
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (enough === Infinity && bytes > JSON_BODY_BYTES_MAX) return settle(tooLarge());
      chunks.push(chunk);
      if (bytes >= enough) settle();
    };
    const onEnd = (): void =>
      settle(enough === Infinity ? undefined : badRequest('request body ended early'));
    const onError = (error: Error): void => settle(badRequest('request body broke off', error));
    const onClose = (): void => settle(badRequest('request body broke off'));
    const deadline = setTimeout(() => {
      settle(new ApiError({ code: 'request-timeout' }, 'the request body did not arrive in time'));
    }, bodyDeadlineMs);
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

/**
 * The body as a stream, unlimited: for images. Whoever reads it may give up and destroy it: the
 * connection lives on, so that the client is told why.
 */
export function bodyStream(exchange: Exchange): Readable {
  const { request, response } = exchange;
  if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue();
  const body = new PassThrough();
  // Without a listener, what breaks off before anyone reads would crash the process.
  body.on('error', () => undefined);
  const breakOff = (): void => {
    if (!request.complete) body.destroy(badRequest('request body broke off'));
  };
  request.once('error', breakOff).once('close', breakOff);
  body.once('close', () => request.off('error', breakOff).off('close', breakOff));
  return request.pipe(body);
}
