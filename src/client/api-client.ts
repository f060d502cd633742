/** Requests to one agent. Each call is one connection: agents are near and calls are few. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../base/index.ts';
import { endpointText, type Endpoint } from './endpoint.ts';
import { ApiError } from './errors.ts';
import { StdStreamDecoder, type StdStreamName } from './std-stream.ts';

/** The Engine API version that this client was written against. */
const API_VERSION = 'v1.47';
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PUT';
  /** Without version, for example `/services/create`. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON; a stream is sent as it is. */
  readonly body?: unknown;
  readonly stream?: Readable;
  /** Bounds the whole call; default none, because streams may go on for ever. */
  readonly signal?: AbortSignal;
}

export type OutputSink = (stream: StdStreamName, payload: Buffer) => void;

export class ApiClient {
  readonly endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Asks and returns the parsed answer; `undefined` when it is empty. Throws `ApiError`. */
  async call(request: ApiRequest): Promise<unknown> {
    const text = await this.text(request);
    if (text === '') return undefined;
    try {
      return JSON.parse(text);
    } catch {
      throw new ApiError(
        { code: 'answer-invalid', path: request.path, problem: 'not JSON' },
        `the agent's answer to ${request.path} is not JSON: ${text.slice(0, 80)}`,
      );
    }
  }

  /** As `call`, for answers that are text or lines of JSON. */
  async text(request: ApiRequest): Promise<string> {
    return readWhole(await this.#open(request), request.path);
  }

  /** Feeds stdout and stderr of a framed stream (logs) to `sink` until it ends. */
  async readOutput(request: ApiRequest, sink: OutputSink): Promise<void> {
    const answer = await this.#open(request);
    const decoder = new StdStreamDecoder(sink);
    // A terminal's output is one stream without frames.
    const isRaw = answer.headers['content-type'] === 'application/vnd.docker.raw-stream';
    for await (const chunk of answer) {
      const bytes = chunk as Buffer;
      if (isRaw) sink('stdout', bytes);
      else decoder.push(bytes);
    }
  }

  /** Sends the request and takes over the connection, as `docker exec` does. */
  hijack(request: ApiRequest): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({
        ...this.#options(request),
        headers: {
          'content-type': 'application/json',
          connection: 'Upgrade',
          upgrade: 'tcp',
        },
      });
      outgoing.on('upgrade', (_answer, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      outgoing.on('response', (answer) => {
        const refusal = refusalOf(answer, request.path);
        refusal.then(reject, reject);
      });
      outgoing.on('error', (error) => reject(this.#unreachable(error)));
      outgoing.end(JSON.stringify(request.body ?? {}));
    });
  }

  async #open(request: ApiRequest): Promise<IncomingMessage> {
    const answer = await this.#send(request);
    if ((answer.statusCode ?? 500) < 400) return answer;
    throw await refusalOf(answer, request.path);
  }

  #send(request: ApiRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(this.#options(request), resolve);
      outgoing.on('error', (error) => reject(this.#unreachable(error)));
      if (request.stream !== undefined) {
        // Its failure is the request's: the 'error' above, or an answer before the body's end.
        pipeline(request.stream, outgoing).catch((error: unknown) =>
          reject(this.#unreachable(error)),
        );
        return;
      }
      if (request.body === undefined) outgoing.end();
      else {
        outgoing.setHeader('content-type', 'application/json');
        outgoing.end(JSON.stringify(request.body));
      }
    });
  }

  #options(request: ApiRequest): RequestOptions {
    const where =
      this.endpoint.kind === 'unix'
        ? { socketPath: this.endpoint.path }
        : { host: this.endpoint.host, port: this.endpoint.port };
    return {
      ...where,
      method: request.method,
      path: `/${API_VERSION}${request.path}${queryText(request.query ?? {})}`,
      headers: { host: 'hawser' },
      agent: false,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
  }

  #unreachable(thrown: unknown): ApiError {
    if (thrown instanceof ApiError) return thrown;
    const errno = (thrown as NodeJS.ErrnoException).code ?? 'unknown';
    const endpoint = endpointText(this.endpoint);
    return new ApiError(
      { code: 'unreachable', endpoint, errno },
      `cannot reach an agent at ${endpoint}: ${reasonOf(errno, thrown)}`,
      thrown,
    );
  }
}

function reasonOf(errno: string, thrown: unknown): string {
  switch (errno) {
    case 'ENOENT':
      return (
        'there is no such socket; is the agent running? (hawser agent, or name another: ' +
        '--host)'
      );
    case 'ECONNREFUSED':
      return 'nobody listens there; start the agent (hawser agent), or name another with --host';
    case 'EACCES':
      return 'permission denied; use sudo, or join the group of the socket';
    default:
      return messageOf(thrown);
  }
}

function queryText(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}

async function readWhole(answer: IncomingMessage, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > ANSWER_BYTES_MAX) {
      throw new ApiError(
        { code: 'answer-invalid', path, problem: 'too long' },
        `the agent's answer to ${path} is longer than ${ANSWER_BYTES_MAX} bytes`,
      );
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Docker's error body is `{"message": …}`; anything else is quoted. */
async function refusalOf(answer: IncomingMessage, path: string): Promise<ApiError> {
  const text = await readWhole(answer, path);
  const status = answer.statusCode ?? 500;
  return new ApiError(
    { code: 'refused', status, path },
    messageIn(text) ?? `HTTP ${status}: ${text}`,
  );
}

function messageIn(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { message?: unknown } | null;
    return typeof body?.message === 'string' ? body.message.trim() : undefined;
  } catch {
    return undefined;
  }
}
