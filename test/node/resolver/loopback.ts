/** What tests of the resolver need around it: sockets, servers to forward to, and clients. */
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import packet, { type DecodedPacket, type Packet } from 'dns-packet';
import { SILENT_LOGGER, SYSTEM_CLOCK, SeededRng } from '../../../src/base/index.ts';
import { MessageStream, frameMessage, type Upstream } from '../../../src/dns/index.ts';
import { OWN_NAMESPACE_FD, socketIn } from '../../../src/kernel/native.ts';
import { openTcpListener, openUdpSocket } from '../../../src/kernel/namespace-sockets.ts';
import type {
  ClientSocketType,
  ResolverOptions,
  ResolverSockets,
  SandboxOptions,
} from '../../../src/node/resolver/index.ts';

const RESOLVER_PLACE = { address: '127.0.0.11', port: 0 };
const DEADLINE_MS = 10_000;

/** The path of a sandbox that is no namespace of its own. */
export const OWN_NAMESPACE = '';

/** Sockets of a namespace by its path, made by the addon. `OWN_NAMESPACE` needs no privilege. */
export const namespaceSockets: ResolverSockets = {
  openServer: (path) =>
    inNamespace(path, (namespaceFd) => {
      const udp = openUdpSocket(namespaceFd, RESOLVER_PLACE);
      const tcp = openTcpListener(namespaceFd, RESOLVER_PLACE);
      return { udpFd: udp.fd, udpPort: udp.port, tcpFd: tcp.fd, tcpPort: tcp.port };
    }),
  openClient: (path, type) =>
    inNamespace(path, (namespaceFd) =>
      socketIn({ namespaceFd, ...kindOf(type), protocol: 0, options: [] }, path),
    ),
};

function kindOf(type: ClientSocketType): { family: number; type: number } {
  return { family: type.endsWith('6') ? 10 : 2, type: type.startsWith('udp') ? 2 : 1 };
}

function inNamespace<Result>(path: string, action: (fd: number) => Result): Result {
  if (path === OWN_NAMESPACE) return action(OWN_NAMESPACE_FD);
  const fd = openSync(path, 'r');
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

export function resolverOptions(change: Partial<ResolverOptions> = {}): ResolverOptions {
  return {
    sockets: namespaceSockets,
    rng: new SeededRng(1),
    clock: SYSTEM_CLOCK,
    logger: SILENT_LOGGER,
    ...change,
  };
}

export function sandboxOptions(change: Partial<SandboxOptions> = {}): SandboxOptions {
  return {
    networkNamespacePath: OWN_NAMESPACE,
    asker: { networks: [], hasNdots: false },
    upstreams: [],
    hasExternalAccess: true,
    ...change,
  };
}

/** One query as an upstream saw it. */
export interface SeenQuery {
  readonly transport: 'udp' | 'tcp';
  readonly packet: DecodedPacket;
  readonly bytes: Buffer;
  readonly peer: { readonly address: string; readonly port: number };
}

/** The replies to send, in order; none is silence. May answer later. */
export type Behaviour = (query: SeenQuery) => readonly Buffer[] | Promise<readonly Buffer[]>;

/** A server on 127.0.0.1 that behaves as told, on one port over UDP and TCP. */
export class FakeUpstream {
  readonly seen: SeenQuery[] = [];
  behaviour: Behaviour;
  private readonly udp: UdpSocket;
  private readonly tcp: Server;
  private readonly connections = new Set<Socket>();

  private constructor(udp: UdpSocket, tcp: Server, behaviour: Behaviour) {
    this.udp = udp;
    this.tcp = tcp;
    this.behaviour = behaviour;
    udp.on('message', (bytes, peer) => void this.receiveUdp(bytes, peer));
    tcp.on('connection', (socket) => this.receiveTcp(socket));
  }

  static async start(behaviour: Behaviour, attempts = 20): Promise<FakeUpstream> {
    const tcp = createServer();
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    const udp = createSocket('udp4');
    try {
      const listening = once(udp, 'listening');
      udp.bind((tcp.address() as AddressInfo).port, '127.0.0.1');
      await listening;
    } catch (error) {
      udp.close();
      tcp.close();
      // A port that is free for TCP may be somebody's for UDP; another will do.
      if (attempts <= 1) throw error;
      return FakeUpstream.start(behaviour, attempts - 1);
    }
    return new FakeUpstream(udp, tcp, behaviour);
  }

  get upstream(): Upstream {
    return { address: '127.0.0.1', port: this.udp.address().port, from: 'host' };
  }

  /** Sends a datagram from this server's port. */
  sendFrom(bytes: Buffer, port: number, done: () => void): void {
    this.udp.send(bytes, port, '127.0.0.1', done);
  }

  async stop(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    this.udp.close();
    this.tcp.close();
    await once(this.tcp, 'close');
  }

  private async receiveUdp(bytes: Buffer, peer: RemoteInfo): Promise<void> {
    for (const reply of await this.replies({ transport: 'udp', bytes, peer })) {
      this.udp.send(reply, peer.port, peer.address, () => undefined);
    }
  }

  private receiveTcp(socket: Socket): void {
    const stream = new MessageStream();
    this.connections.add(socket);
    const peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const one of stream.push(chunk)) {
        const query = { transport: 'tcp', bytes: Buffer.from(one), peer } as const;
        void this.replies(query).then((replies) =>
          replies.forEach((reply) => socket.write(frameMessage(reply))),
        );
      }
    });
  }

  private async replies(query: Omit<SeenQuery, 'packet'>): Promise<readonly Buffer[]> {
    const seen = { ...query, packet: packet.decode(query.bytes) };
    this.seen.push(seen);
    return this.behaviour(seen);
  }
}

/** A response to the query. */
export function replyTo(query: SeenQuery, change: Partial<Packet> = {}): Buffer {
  const { id, questions = [] } = query.packet;
  const flags = packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE;
  return packet.encode({ type: 'response', id: id ?? 0, flags, questions, ...change });
}

/** A response with these addresses for the question's name. */
export function addressReply(query: SeenQuery, ...addresses: readonly string[]): Buffer {
  const name = query.packet.questions?.[0]?.name ?? '';
  const answers = addresses.map((data) => ({ type: 'A' as const, name, ttl: 60, data }));
  return replyTo(query, { answers });
}

export function question(name: string, change: Partial<Packet> = {}): Buffer {
  return packet.encode({
    type: 'query',
    id: 4321,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type: 'A' }],
    ...change,
  });
}

/** Sends one datagram to the resolver and returns what comes back. */
export async function askUdp(port: number, query: Uint8Array): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    socket.send(query, port, '127.0.0.11');
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const [reply] = (await once(socket, 'message', { signal })) as [Buffer];
    return reply;
  } finally {
    socket.close();
  }
}

/** Sends the queries in one go over one connection and returns as many replies. */
export async function askTcp(port: number, queries: readonly Uint8Array[]): Promise<Buffer[]> {
  const socket = connect(port, '127.0.0.11');
  const stream = new MessageStream();
  const replies: Buffer[] = [];
  try {
    socket.write(Buffer.concat(queries.map(frameMessage)));
    const signal = AbortSignal.timeout(DEADLINE_MS);
    while (replies.length < queries.length) {
      const [chunk] = (await once(socket, 'data', { signal })) as [Buffer];
      replies.push(...stream.push(chunk).map((one) => Buffer.from(one)));
    }
    return replies;
  } finally {
    socket.destroy();
  }
}

/** Waits until the condition holds; throws with `what` when it does not in time. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function rcodeOf(reply: Buffer): string {
  const { rcode } = packet.decode(reply) as DecodedPacket & { rcode: string };
  return rcode;
}

export function addressesOf(reply: Buffer): string[] {
  return (packet.decode(reply).answers ?? []).map((answer) =>
    answer.type === 'A' ? answer.data : answer.type,
  );
}
