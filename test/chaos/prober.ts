/**
 * Pings and TCP streams between all pairs of endpoints, from one process: sockets are opened inside
 * each endpoint's namespace. A ping counts at the moment it was sent; one that is not answered is
 * lost.
 */
import { closeSync, openSync } from 'node:fs';
import { createServer, Socket, type Server } from 'node:net';
import { openClientSocket, openTcpListener } from '../../src/kernel/namespace-sockets.ts';
import { IpSocket, KernelError } from '../../src/kernel/raw-socket.ts';

export interface Endpoint {
  readonly name: string;
  /** Pairs are made within one network. */
  readonly network: string;
  readonly address: string;
  readonly namespacePath: string;
}

export interface ProbeTotals {
  readonly pings: number;
  readonly lost: number;
  readonly messages: number;
}

const IPPROTO_ICMP = 1;
const ECHO_REQUEST = 8;
const IP_HEADER_BYTES = 20;
const ICMP_BYTES = 8;
/** Between two pings of one pair, in so many slices. */
const PERIOD_MS = 200;
const SLICES = 10;
/** Pings remembered of each pair: a minute. */
const KEPT = 300;
const STREAM_PORT = 7707;
const STREAM_PERIOD_MS = 500;

interface Ping {
  readonly atMs: number;
  isAnswered: boolean;
}

interface Pair {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly socket: IpSocket;
  readonly id: number;
  /** By sequence number modulo `KEPT`. */
  readonly pings: Ping[];
  sequence: number;
}

interface Stream {
  readonly name: string;
  readonly socket: Socket;
  sentAtMs: number | undefined;
  failure: string | undefined;
}

export class Prober {
  private readonly sockets: IpSocket[] = [];
  private readonly servers: Server[] = [];
  private readonly accepted = new Set<Socket>();
  private readonly pairs: Pair[] = [];
  private readonly streams: Stream[] = [];
  private readonly timers: NodeJS.Timeout[] = [];
  private slice = 0;
  private messages = 0;
  private pings = 0;
  private answers = 0;

  constructor(endpoints: readonly Endpoint[]) {
    for (const from of endpoints) {
      const peers = endpoints.filter((to) => to.network === from.network && to !== from);
      this.pingFrom(from, peers);
      this.listen(from);
    }
    for (const [at, from] of endpoints.entries())
      for (const to of endpoints.slice(at + 1))
        if (to.network === from.network) this.open(from, to);
    this.timers.push(setInterval(() => this.sendPings(), PERIOD_MS / SLICES));
    this.timers.push(setInterval(() => this.sendMessages(), STREAM_PERIOD_MS));
  }

  get totals(): ProbeTotals {
    return { pings: this.pings, lost: this.pings - this.answers, messages: this.messages };
  }

  get pairCount(): number {
    return this.pairs.length;
  }

  /** Pairs that lost a ping sent in the time; `last` is when the last lost one was sent. */
  losses(sinceMs: number, untilMs = Infinity): { readonly pairs: string[]; readonly last: number } {
    const names: string[] = [];
    let last = sinceMs;
    for (const { from, to, pings } of this.pairs) {
      const lost = pings.filter(
        ({ atMs, isAnswered }) => !isAnswered && atMs >= sinceMs && atMs <= untilMs,
      );
      if (lost.length > 0) names.push(`${from.name} -> ${to.name}`);
      for (const { atMs } of lost) last = Math.max(last, atMs);
    }
    return { pairs: names, last };
  }

  /** Streams that ended, or whose last message is unanswered for longer than that. */
  stuckStreams(limitMs: number): string[] {
    const nowMs = performance.now();
    return this.streams.flatMap(({ name, failure, sentAtMs }) => {
      if (failure !== undefined) return [`${name} ended: ${failure}`];
      const waitedMs = sentAtMs === undefined ? 0 : nowMs - sentAtMs;
      return waitedMs > limitMs ? [`${name} waits for ${Math.round(waitedMs)} ms`] : [];
    });
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    for (const socket of this.sockets) socket.close();
    for (const { socket } of this.streams) socket.removeAllListeners('close').destroy();
    for (const socket of this.accepted) socket.destroy();
    for (const server of this.servers) server.close();
  }

  private pingFrom(from: Endpoint, peers: readonly Endpoint[]): void {
    const socket = new IpSocket({ protocol: IPPROTO_ICMP, namespacePath: from.namespacePath });
    this.sockets.push(socket);
    const id = this.sockets.length;
    const own = new Map<string, Pair>();
    for (const to of peers) {
      const pair = { from, to, socket, id, pings: [], sequence: 0 };
      own.set(to.address, pair);
      this.pairs.push(pair);
    }
    socket.onPacket(({ bytes, from: address }) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (bytes.length < IP_HEADER_BYTES + ICMP_BYTES || bytes[IP_HEADER_BYTES] !== 0) return;
      if (view.getUint16(IP_HEADER_BYTES + 4) !== id) return;
      const ping = own.get(address)?.pings[view.getUint16(IP_HEADER_BYTES + 6) % KEPT];
      if (ping === undefined || ping.isAnswered) return;
      ping.isAnswered = true;
      this.answers += 1;
    });
  }

  private sendPings(): void {
    this.slice = (this.slice + 1) % SLICES;
    for (let at = this.slice; at < this.pairs.length; at += SLICES) {
      const pair = this.pairs[at];
      if (pair !== undefined) this.ping(pair);
    }
  }

  private ping(pair: Pair): void {
    // A multiple of KEPT, so that a number and its place stay together when it begins again.
    pair.sequence = (pair.sequence + 1) % (KEPT * 200);
    pair.pings[pair.sequence % KEPT] = { atMs: performance.now(), isAnswered: false };
    this.pings += 1;
    try {
      pair.socket.send(echoRequest(pair.id, pair.sequence), pair.to.address);
    } catch (error) {
      // No route, no device: it is lost, and that is what is counted.
      if (!(error instanceof KernelError)) throw error;
    }
  }

  private listen(endpoint: Endpoint): void {
    const server = createServer((socket) => {
      this.accepted.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.accepted.delete(socket));
      socket.pipe(socket);
    });
    const fd = inNamespace(endpoint, (namespaceFd) =>
      openTcpListener(namespaceFd, { address: '0.0.0.0', port: STREAM_PORT }),
    ).fd;
    server.listen({ fd });
    this.servers.push(server);
  }

  private open(from: Endpoint, to: Endpoint): void {
    const fd = inNamespace(from, (namespaceFd) => openClientSocket(namespaceFd, 'tcp4'));
    const socket = new Socket({ fd });
    const name = `${from.name} => ${to.name}`;
    const stream: Stream = { name, socket, sentAtMs: undefined, failure: undefined };
    socket.on('data', () => (stream.sentAtMs = undefined));
    socket.on('error', (error) => (stream.failure = error.message));
    socket.on('close', () => (stream.failure ??= 'closed'));
    socket.connect({ host: to.address, port: STREAM_PORT });
    this.streams.push(stream);
  }

  private sendMessages(): void {
    for (const stream of this.streams) {
      if (stream.failure !== undefined || stream.sentAtMs !== undefined) continue;
      stream.sentAtMs = performance.now();
      this.messages += 1;
      stream.socket.write('again');
    }
  }
}

function echoRequest(id: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(ICMP_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ECHO_REQUEST);
  view.setUint16(4, id);
  view.setUint16(6, sequence);
  const sum = (ECHO_REQUEST << 8) + id + sequence;
  view.setUint16(2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
  return bytes;
}

function inNamespace<T>(endpoint: Endpoint, open: (namespaceFd: number) => T): T {
  const namespaceFd = openSync(endpoint.namespacePath, 'r');
  try {
    return open(namespaceFd);
  } finally {
    closeSync(namespaceFd);
  }
}
