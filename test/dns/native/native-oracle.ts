/** The engine's parser, tables and answers in a process of their own, built with sanitizers. */
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { packageRoot } from '../../../src/base/index.ts';
import { QUERY_OUTCOMES, type QueryOutcome, type Transport } from '../../../src/dns/index.ts';

const ROOT = packageRoot(import.meta.dirname);
const SOURCES = ['native/dns/oracle', 'native/dns/answer'];
const FLAGS = '-std=c++20 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined';
const KINDS = ['reply', 'drop', 'forward'] as const;
const RESULT_HEAD_BYTES = 8;

export interface NativeQuery {
  readonly seed: number;
  readonly transport: Transport;
  readonly bytes: Uint8Array;
}

export interface NativeAnswer {
  readonly kind: (typeof KINDS)[number];
  readonly outcome: QueryOutcome;
  readonly type: number;
  readonly reply: Buffer;
}

/** Compiles the program where its sources changed, and returns its path. */
function built(): string {
  const files = SOURCES.flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => join(ROOT, folder, name)),
  ).sort();
  const digest = createHash('sha256').update(FLAGS);
  for (const file of files) digest.update(readFileSync(file));
  const directory = join(ROOT, 'build/dns');
  const program = join(directory, `oracle-${digest.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(directory, { recursive: true });
  const draft = `${program}.${process.pid}`;
  const sources = files.filter((file) => file.endsWith('.cc'));
  const flags = [...FLAGS.split(' '), '-fno-sanitize-recover=all'];
  execFileSync('g++', [...flags, ...sources, '-o', draft]);
  renameSync(draft, program);
  return program;
}

export class NativeOracle {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly chunks: AsyncIterator<Buffer>;
  private held: Buffer = Buffer.alloc(0);
  private complaint = '';

  constructor() {
    this.child = spawn(built(), { stdio: ['pipe', 'pipe', 'pipe'] });
    this.chunks = this.child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.child.stdin.on('error', () => undefined);
    this.child.stderr.on('data', (chunk: Buffer) => (this.complaint += chunk.toString()));
  }

  /** Whether the table was accepted; if so it has the next number. */
  async table(bytes: Uint8Array): Promise<boolean> {
    this.send('T', [bytes]);
    return (await this.read(1))[0] === 1;
  }

  asker(flags: number, tables: readonly number[]): void {
    this.send('A', [Uint8Array.of(flags, ...tables)]);
  }

  async ask(queries: readonly NativeQuery[]): Promise<readonly NativeAnswer[]> {
    for (const { seed, transport, bytes } of queries) {
      const head = Buffer.alloc(5);
      head.writeUInt32LE(seed);
      head[4] = transport === 'udp' ? 0 : 1;
      this.send('Q', [head, bytes]);
    }
    const answers: NativeAnswer[] = [];
    while (answers.length < queries.length) answers.push(await this.answer());
    return answers;
  }

  /** Ends the process; rejects with what a sanitizer had to say. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.child.on('close', resolve));
    this.child.stdin.end();
    const status = await closed;
    if (status !== 0) throw new Error(`the native oracle ended with ${String(status)}`);
  }

  private async answer(): Promise<NativeAnswer> {
    const head = await this.read(RESULT_HEAD_BYTES);
    return {
      kind: KINDS[head[0] as number] as NativeAnswer['kind'],
      outcome: QUERY_OUTCOMES[head[1] as number] as QueryOutcome,
      type: head.readUInt16BE(2),
      reply: await this.read(head.readUInt32LE(4)),
    };
  }

  private send(kind: string, parts: readonly Uint8Array[]): void {
    const rest = Buffer.concat(parts);
    const head = Buffer.alloc(5);
    head.writeUInt32LE(rest.length + 1);
    head.write(kind, 4, 'latin1');
    this.child.stdin.write(head);
    this.child.stdin.write(rest);
  }

  private async read(size: number): Promise<Buffer> {
    while (this.held.length < size) {
      const next = await this.chunks.next();
      if (next.done === true) throw new Error(`the native oracle is gone: ${this.complaint}`);
      this.held = Buffer.concat([this.held, next.value]);
    }
    const bytes = this.held.subarray(0, size);
    this.held = this.held.subarray(size);
    return bytes;
  }
}
