/**
 * A member of Hawser's side: one manager's consensus as it runs in the agent (driver, links over
 * mutual TLS, log on disk) around a map from key to value, behind the same two gRPC calls as etcd.
 */
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { SILENT_LOGGER, SeededRng } from '../../src/base/index.ts';
import { PeerLinks, RaftDriver, type StateMachine } from '../../src/cluster/consensus/index.ts';
import type { Identity } from '../../src/cluster/identity/index.ts';
import { RaftStorage } from '../../src/cluster/log/index.ts';
import { ClusterServer, type HostPort } from '../../src/cluster/transport/index.ts';
import type { PeerId } from '../../src/raft/index.ts';
import { PUT, RANGE, bytesField, fieldsOf, framed, unframed } from './grpc.ts';

/** What the parent says first. */
export interface MemberOrder {
  readonly id: PeerId;
  readonly identity: Identity;
  readonly directory: string;
  readonly clientPort: number;
  readonly clusterPort: number;
  readonly addresses: readonly (readonly [PeerId, HostPort])[];
  readonly isNew: boolean;
  readonly keepsLog: boolean;
}

/** Swarm's defaults, which are Hawser's. */
const SNAPSHOT_POLICY = { intervalEntries: 10_000, oldSnapshots: 0, entriesForSlow: 500 };
const NO_SNAPSHOTS = { ...SNAPSHOT_POLICY, intervalEntries: Infinity };
const PIECE_BYTES = 1 << 20;
const HEAD_BYTES = 4;

/** The state machine: its commands are etcd's own Put requests. */
class Shelf implements StateMachine<number> {
  /** The last Put of each key. */
  private readonly puts = new Map<string, Buffer>();
  private revision = 0;

  apply(data: Uint8Array): number {
    const put = Buffer.from(data.buffer, data.byteOffset, data.length);
    this.puts.set(keyOf(put), put);
    this.revision += 1;
    return this.revision;
  }

  value(key: string): Buffer | undefined {
    const put = this.puts.get(key);
    const value = put && fieldsOf(put).get(2);
    return value instanceof Buffer ? value : undefined;
  }

  snapshot(): Iterable<Uint8Array> {
    return piecesOf([...this.puts.values()]);
  }

  restore(state: Buffer): void {
    this.puts.clear();
    for (let at = 0; at < state.length;) {
      const length = state.readUInt32BE(at);
      this.apply(state.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length));
      at += HEAD_BYTES + length;
    }
  }
}

/** The key of a Put or Range request. */
function keyOf(request: Buffer): string {
  const key = fieldsOf(request).get(1);
  return key instanceof Buffer ? key.toString('latin1') : '';
}

function* piecesOf(puts: readonly Buffer[]): Iterable<Uint8Array> {
  let piece: Buffer[] = [];
  let bytes = 0;
  for (const put of puts) {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(put.length);
    piece.push(head, put);
    bytes += HEAD_BYTES + put.length;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(piece);
    piece = [];
    bytes = 0;
  }
  yield Buffer.concat(piece);
}

class Member {
  private readonly driver: RaftDriver<number>;
  private readonly shelf: Shelf;

  private constructor(driver: RaftDriver<number>, shelf: Shelf) {
    this.driver = driver;
    this.shelf = shelf;
  }

  static async start(order: MemberOrder): Promise<Member> {
    const { id, identity, addresses } = order;
    const rng = new SeededRng(process.pid);
    const byPeer = new Map(addresses);
    const links = new PeerLinks({
      self: id,
      identity: () => identity,
      addressOf: (peer) => byPeer.get(peer),
      maySpeak: () => true,
      rng,
      logger: SILENT_LOGGER,
    });
    await openDoor(order, links);
    const shelf = new Shelf();
    const driver = await RaftDriver.open<number>({
      id,
      opened: await openLog(order),
      machine: shelf,
      wire: links,
      snapshotPolicy: () => (order.keepsLog ? NO_SNAPSHOTS : SNAPSHOT_POLICY),
      ...(order.keepsLog && { limits: { snapshotBytes: Infinity } }),
      rng,
      logger: SILENT_LOGGER,
    });
    return new Member(driver, shelf);
  }

  get isLeader(): boolean {
    return this.driver.status.role === 'leader';
  }

  listen(port: number): void {
    const server = createServer({ settings: { initialWindowSize: 4 << 20 } });
    server.on('stream', (stream, headers) => this.serve(stream, headers));
    server.on('sessionError', () => undefined);
    server.listen({ host: '127.0.0.1', port });
  }

  private serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      this.answer(headers[':path'], unframed(body)).then(
        (message) => reply(stream, '0', message),
        () => reply(stream, '14', Buffer.alloc(0)),
      );
    });
  }

  private async answer(path: string | undefined, request: Buffer): Promise<Buffer> {
    if (path === PUT) {
      await this.driver.propose(request);
      return Buffer.alloc(0);
    }
    if (path !== RANGE) throw new Error(`no method ${String(path)}`);
    await this.driver.readBarrier();
    const value = this.shelf.value(keyOf(request));
    // Of RangeResponse: 2 kvs; of KeyValue: 5 value.
    return value === undefined ? Buffer.alloc(0) : bytesField(2, bytesField(5, value));
  }
}

function reply(stream: ServerHttp2Stream, status: string, message: Buffer): void {
  if (stream.destroyed) return;
  // The status goes ahead of the message instead of after it; the client takes both.
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status });
  stream.end(framed(message));
}

async function openDoor(order: MemberOrder, links: PeerLinks): Promise<void> {
  await ClusterServer.listen({
    identity: order.identity,
    listen: { host: '127.0.0.1', port: order.clusterPort },
    routes: {
      authority: () => ({}),
      join: async () => ({}),
      takePart: async () => ({}),
      renew: async () => ({}),
      session: (stream) => stream.close(),
      isSuperseded: () => false,
      logs: () => false,
    },
    logger: SILENT_LOGGER,
    bodyBytesMax: 1024,
    wallMs: () => Date.now(),
    link: (socket, nodeId) => links.accept(socket, nodeId),
  });
}

async function openLog({
  directory,
  addresses,
  isNew,
}: MemberOrder): Promise<Awaited<ReturnType<typeof RaftStorage.open>>> {
  const options = { directory, logger: SILENT_LOGGER };
  if (!isNew) return RaftStorage.open(options);
  const voters = addresses.map(([id]) => id).sort();
  const storage = await RaftStorage.create(options, { membership: { voters, learners: [] } });
  return { storage, commit: storage.log.snapshot.index };
}

async function main(): Promise<void> {
  const order = await new Promise<MemberOrder>((resolve) => process.once('message', resolve));
  const member = await Member.start(order);
  member.listen(order.clientPort);
  // Nobody is left to stop it.
  process.on('disconnect', () => process.exit());
  process.on('message', () => process.send?.({ isLeader: member.isLeader }));
  process.send?.({ isLeader: member.isLeader });
}

await main();
