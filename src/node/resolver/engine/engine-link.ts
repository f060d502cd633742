import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ResolverError } from '../errors.ts';
import {
  FrameStream,
  frames,
  type EngineFrame,
  type EnginePorts,
  type HandedQuery,
  type OpenFrame,
} from './frames.ts';

export type Welcome = Extract<EngineFrame, { kind: 'welcome' }>;
type Outcome = Exclude<EngineFrame, { kind: 'welcome' | 'query' }>;

const WELCOME_TIMEOUT_MS = 5000;

interface Waiter {
  resolve(outcome: Outcome): void;
  reject(error: Error): void;
}

/** One connection to an engine, from its welcome until either side ends it. */
export class EngineLink {
  readonly welcome: Welcome;
  /** Called with what the engine's tables do not answer. */
  onQuery: (query: HandedQuery) => void = () => undefined;
  private readonly socket: Socket;
  private readonly waiters = new Map<number, Waiter>();
  private nextRequest = 1;

  private constructor(socket: Socket, welcome: Welcome) {
    this.socket = socket;
    this.welcome = welcome;
  }

  /** Rejects when nobody is there, or who is there says no welcome in time. */
  static async connect(path: string): Promise<EngineLink> {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      socket.write(frames.hello());
      return await greeted(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  static adopt(socket: Socket, stream: FrameStream, welcome: Welcome): EngineLink {
    const link = new EngineLink(socket, welcome);
    socket.on('data', (chunk: Buffer) => link.receive(stream, chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => link.fail());
    return link;
  }

  get isOpen(): boolean {
    return !this.socket.destroyed;
  }

  onClose(listener: () => void): void {
    if (this.isOpen) this.socket.on('close', listener);
    else setImmediate(listener);
  }

  /** Serves the sandbox; resolves with its ports. Throws `ResolverError`. */
  async open(open: OpenFrame): Promise<EnginePorts> {
    const outcome = await this.request((request) => frames.open(request, open));
    if (outcome.kind === 'opened') return outcome.ports;
    const said = outcome.kind === 'failed' ? `${outcome.call}: errno ${outcome.errno}` : 'no ports';
    const { sandboxId, namespacePath } = open;
    throw new ResolverError(
      { code: 'sockets', sandboxId, namespacePath },
      `cannot serve names in ${namespacePath}: ${said}`,
    );
  }

  async closeSandbox(sandboxId: string): Promise<void> {
    await this.request((request) => frames.close(request, sandboxId));
  }

  table(networkId: string, table: Uint8Array): void {
    this.socket.write(frames.table(networkId, table));
  }

  /** Says which tables there are; resolves when the engine answers from them. */
  async keep(networkIds: readonly string[]): Promise<void> {
    await this.request((request) => frames.keep(request, networkIds));
  }

  answer(...answer: Parameters<typeof frames.answer>): void {
    if (this.isOpen) this.socket.write(frames.answer(...answer));
  }

  /** Ends the engine; resolves when it is gone. */
  async stopEngine(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.onClose(resolve));
    this.socket.write(frames.stop());
    await closed;
  }

  /** Ends the connection; the engine goes on. */
  close(): void {
    this.socket.destroy();
  }

  private request(frameOf: (request: number) => Buffer): Promise<Outcome> {
    const request = this.nextRequest;
    this.nextRequest = (this.nextRequest + 1) >>> 0;
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(goneError());
        return;
      }
      this.waiters.set(request, { resolve, reject });
      this.socket.write(frameOf(request));
    });
  }

  private receive(stream: FrameStream, chunk: Buffer): void {
    try {
      for (const frame of stream.push(chunk)) this.take(frame);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.close();
    }
  }

  private take(frame: EngineFrame): void {
    if (frame.kind === 'query') this.onQuery(frame.query);
    if (frame.kind === 'query' || frame.kind === 'welcome') return;
    this.waiters.get(frame.request)?.resolve(frame);
    this.waiters.delete(frame.request);
  }

  private fail(): void {
    const waiting = [...this.waiters.values()];
    this.waiters.clear();
    for (const waiter of waiting) waiter.reject(goneError());
  }
}

/** The engine went away before it answered. */
function goneError(): ResolverError {
  return new ResolverError({ code: 'engine-gone' }, 'the DNS engine ended before it answered');
}

/** Waits for the engine's first frame. */
async function greeted(socket: Socket): Promise<EngineLink> {
  const stream = new FrameStream();
  const signal = AbortSignal.timeout(WELCOME_TIMEOUT_MS);
  const closed = once(socket, 'close', { signal }).then(() => {
    throw goneError();
  });
  closed.catch(() => undefined);
  for (;;) {
    const [chunk] = (await Promise.race([once(socket, 'data', { signal }), closed])) as [Buffer];
    const [first] = stream.push(chunk);
    if (first?.kind === 'welcome') return EngineLink.adopt(socket, stream, first);
    if (first !== undefined) throw goneError();
  }
}
