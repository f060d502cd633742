/** An agent that answers from a table, and a terminal that keeps what is written to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { main } from '../../src/cli/index.ts';

export interface Asked {
  /** `POST /services/create?x=1`, without the API's version. */
  readonly line: string;
  readonly body: string;
}

/** Answers by `METHOD /path` (without query): text and bytes are sent as they are, a number is a
 * status, anything else is sent as JSON. */
export type Answers = Readonly<Record<string, unknown>>;

export class FakeAgent {
  readonly asked: Asked[] = [];
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async start(t: ExecutionContext, answers: Answers): Promise<FakeAgent> {
    const directory = await mkdtemp(join(tmpdir(), 'hawser-cli-'));
    const agent = new FakeAgent(join(directory, 'hawser.sock'));
    const server = createServer((request, response) => {
      const target = (request.url ?? '').replace(/^\/v1\.\d+/, '');
      const line = `${request.method ?? ''} ${target}`;
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        agent.asked.push({ line, body });
        const answer = answers[line.split('?')[0] ?? ''];
        const isStatus = typeof answer === 'number';
        response.statusCode = answer === undefined ? 404 : isStatus ? answer : 200;
        const text = answer === undefined || isStatus ? { message: 'no such thing' } : answer;
        const isRaw = typeof text === 'string' || Buffer.isBuffer(text);
        response.end(isRaw ? text : JSON.stringify(text));
      });
    });
    await new Promise<void>((resolve) => server.listen(agent.#path, resolve));
    t.teardown(async () => {
      server.closeAllConnections();
      server.close();
      await rm(directory, { recursive: true });
    });
    return agent;
  }

  run(...words: string[]): Promise<Ran> {
    return runProgram(['-H', `unix://${this.#path}`, ...words]);
  }

  runWithInput(input: string, ...words: string[]): Promise<Ran> {
    return runProgram(['-H', `unix://${this.#path}`, ...words], input);
  }

  /** Body of the last request to `METHOD /path`, parsed. */
  bodyOf(line: string): unknown {
    const found = this.asked.findLast((asked) => asked.line.split('?')[0] === line);
    return found === undefined ? undefined : JSON.parse(found.body);
  }
}

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runProgram(words: readonly string[], input = ''): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const text = (bytes: string | Uint8Array): string =>
    typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString();
  const status = await main(words, {
    env: { FROM_SHELL: 'yes' },
    stdin: Readable.from([input]),
    write: (bytes) => (stdout += text(bytes)),
    writeError: (bytes) => (stderr += text(bytes)),
  });
  return { status, stdout, stderr };
}
