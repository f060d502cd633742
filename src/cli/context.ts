/** What a command may use of the process around it; tests give their own. */
import type { Readable } from 'node:stream';
import { ApiClient, parseEndpoint, type ApiRequest, type Query } from '../client/index.ts';
import { renderTemplate } from './print/template.ts';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  /** Writes as it is. */
  write(text: string | Uint8Array): void;
  writeError(text: string | Uint8Array): void;
}

const DEFAULT_HOST = 'unix:///run/hawser/hawser.sock';

/** One run of the program: where the agent is, and where output goes. */
export class CliContext {
  readonly terminal: Terminal;
  /** What the program ends with when nothing throws; `exec` sets the command's own status. */
  exitStatus = 0;
  #host: string | undefined;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** `--host` wins over HAWSER_HOST, which wins over DOCKER_HOST. */
  useHost(host: string): void {
    this.#host = host;
  }

  get client(): ApiClient {
    const { HAWSER_HOST, DOCKER_HOST } = this.terminal.env;
    return new ApiClient(parseEndpoint(this.#host ?? HAWSER_HOST ?? DOCKER_HOST ?? DEFAULT_HOST));
  }

  print(line: string): void {
    this.terminal.write(`${line}\n`);
  }

  /** A line for people, beside the output that scripts read. */
  note(line: string): void {
    this.terminal.writeError(`${line}\n`);
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.client.call({ method: 'GET', path, query })) as T;
  }

  async send<T>(request: ApiRequest): Promise<T> {
    return (await this.client.call(request)) as T;
  }

  /** As `docker inspect`: a JSON array with four spaces, or one rendered template per object. */
  printInspected(objects: readonly unknown[], format: string | undefined): void {
    if (format === undefined) this.print(JSON.stringify(objects, undefined, 4));
    else for (const object of objects) this.print(renderTemplate(format, object));
  }
}

/** Path of one object: names may hold characters that a path must not. */
export function objectPath(collection: string, reference: string, action?: string): string {
  const path = `/${collection}/${encodeURIComponent(reference)}`;
  return action === undefined ? path : `${path}/${action}`;
}
