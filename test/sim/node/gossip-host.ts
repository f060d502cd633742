/**
 * The part of a node that gossips: the core, its rows, and the loop around them that
 * `src/gossip/index.ts` asks of a host. Its rows say which endpoints run on the node.
 */
import { SeededRng, type Rng } from '../../../src/base/index.ts';
import { seedsMissing } from '../../../src/cluster/gossip/seeds.ts';
import {
  Gossip,
  NetworkTables,
  encodeFact,
  factKey,
  type Effect,
  type EndpointFact,
  type PeerAddress,
  type StreamId,
} from '../../../src/gossip/index.ts';
import type { NetworkId } from '../../../src/model/index.ts';
import type { Address, StreamEnd } from '../engine/network.ts';
import type { StreamMessage } from '../engine/protocol.ts';
import { vtepOf } from './description.ts';
import type { SimNode } from './sim-node.ts';

const PORT = 7946;
const LOOK_MS = 3_000;
/** AES-256-GCM with a random nonce: a byte for the key, 12 of nonce, 16 of tag. */
const SEAL_BYTES = 29;
/** Rarer than by default are only the safety nets; a run does not last long enough for them. */
const TIMING = { syncIntervalMs: 5_000, reconnectIntervalMs: 3_000 };

interface OwnRow {
  readonly network: NetworkId;
  readonly fact: EndpointFact;
}

export class GossipHost {
  readonly core: Gossip;
  readonly tables: NetworkTables;
  private readonly node: SimNode;
  private readonly streams = new Map<StreamId, StreamEnd>();
  private readonly told = new Map<string, OwnRow>();
  private readonly rng: Rng;
  private timerAtMs = Infinity;

  /** With clocks, a node's later lives are known from its earlier ones by their first numbers. */
  constructor(node: SimNode) {
    const { nodeId, clock, world, address } = node;
    const wallMs = world.swarm.isGossipTimed ? clock.wallMs() : 0;
    this.node = node;
    this.rng = new SeededRng(world.rng.nextU32());
    this.tables = new NetworkTables({ nodeId, firstTime: wallMs });
    this.core = new Gossip(
      {
        id: nodeId,
        address: placeOf(address),
        incarnation: Math.floor(wallMs / 1000) % 2 ** 31,
        rng: this.rng,
        seal: { overheadBytes: SEAL_BYTES, seal: same, open: same },
        tables: this.tables,
        timing: TIMING,
      },
      this.nowMs,
    );
  }

  /** Looks for the others where the managers are. */
  start(): void {
    const seeds = this.node.managers.filter((address) => address !== this.node.address);
    this.core.join(seeds.map(placeOf), this.nowMs);
    this.containersChanged();
    this.look();
  }

  receive(from: Address, bytes: Uint8Array): void {
    this.node.world.trace.noteOften(`${from}>${this.node.address} gossip ${bytes.length}`);
    this.core.step({ kind: 'packet', from: placeOf(from), bytes }, this.nowMs);
    this.settle();
  }

  /** A peer opened a stream and has sent its first frame. */
  accept(end: StreamEnd, first: StreamMessage): void {
    const id = this.core.tryAcceptStream(this.nowMs);
    if (id === undefined) {
      end.close();
      return;
    }
    this.listen(id, end);
    end.take(first);
  }

  /** Tells of the containers that run, and has the networks that they are on. */
  containersChanged(): void {
    const wanted = new Map(this.ownRows().map((row) => [nameOf(row), row]));
    const networks = new Set([...wanted.values()].map(({ network }) => network));
    for (const [name, row] of [...this.told])
      if (!wanted.has(name)) {
        this.told.delete(name);
        const key = { networkId: row.network, ...factKey(row.fact) };
        if (networks.has(row.network)) this.tables.delete(key, this.nowMs);
      }
    for (const network of this.tables.networkIds)
      if (!networks.has(network)) {
        this.tables.leaveNetwork(network, this.nowMs);
        this.core.leaveNetwork(network, this.nowMs);
      }
    for (const network of networks) this.joinNetwork(network);
    for (const [name, { network, fact }] of wanted) {
      const row = { networkId: network, ...factKey(fact) };
      this.tables.put(row, encodeFact(fact), this.nowMs);
      this.told.set(name, { network, fact });
    }
    this.settle();
  }

  /** Whom the managers know and gossip never heard of is asked for, again and again. */
  private look(): void {
    this.node.after(this.node.clock.span(LOOK_MS), () => this.look());
    const { core, node, rng } = this;
    const seeds = seedsMissing(node.worker.view, core, { port: PORT, rng, isPatient: false });
    if (seeds.length > 0) core.join(seeds, this.nowMs);
    this.settle();
  }

  private joinNetwork(network: NetworkId): void {
    if (this.tables.joinNetwork(network, this.nowMs) !== 'joined') return;
    this.core.joinNetwork(network, this.nowMs);
  }

  /** The node's own clock for intervals. */
  private get nowMs(): number {
    return this.node.clock.monotonicMs();
  }

  private ownRows(): OwnRow[] {
    const { containers, address } = this.node;
    return containers.running().flatMap(([taskId, { attachments, serviceId }]) =>
      attachments.map(({ networkId, address: plain, mac }): OwnRow => {
        const fact = {
          kind: 'endpoint',
          addresses: [{ address: plain }],
          mac,
          vtep: vtepOf(address),
          taskId,
          serviceId,
          state: 'ready',
        } as const;
        return { network: networkId, fact };
      }),
    );
  }

  /** Does what the core asks for, and comes again when it says. */
  private settle(): void {
    for (const effect of this.core.drain()) this.perform(effect);
    const { atMs } = this.core.nextDeadline();
    if (atMs >= this.timerAtMs || atMs === Infinity) return;
    this.timerAtMs = atMs;
    this.node.after(this.node.clock.span(Math.max(1, Math.ceil(atMs) - this.nowMs)), () => {
      if (this.timerAtMs === atMs) this.tick();
    });
  }

  private tick(): void {
    this.timerAtMs = Infinity;
    this.core.tick(this.nowMs);
    this.settle();
  }

  private perform(effect: Effect): void {
    const { network, trace } = this.node.world;
    switch (effect.kind) {
      case 'packet':
        return network.send(this.node.address, addressOf(effect.to), {
          kind: 'gossip',
          bytes: effect.bytes,
        });
      case 'stream.open':
        this.listen(effect.stream, network.dial(this.node.address, addressOf(effect.to)));
        return this.sendFrame(effect.stream, effect.bytes);
      case 'stream.frame':
        return this.sendFrame(effect.stream, effect.bytes);
      case 'stream.close':
        this.streams.get(effect.stream)?.close();
        return void this.streams.delete(effect.stream);
      case 'event': {
        const { event } = effect;
        const who = 'member' in event ? event.member.id : '';
        trace.note(`${this.node.nodeId} ${event.kind} ${who}`);
      }
    }
  }

  private listen(stream: StreamId, end: StreamEnd): void {
    this.streams.set(stream, end);
    end.take = (message) => {
      if (message.kind !== 'frame') return;
      this.core.step({ kind: 'stream.frame', stream, bytes: message.bytes }, this.nowMs);
      this.settle();
    };
    end.onClosed = () => {
      if (!this.streams.delete(stream)) return;
      this.core.step({ kind: 'stream.closed', stream }, this.nowMs);
      this.settle();
    };
  }

  private sendFrame(stream: StreamId, bytes: Uint8Array): void {
    const end = this.streams.get(stream);
    end?.send({ kind: 'frame', bytes });
    this.node.after(1, () => {
      if (this.streams.get(stream) !== end) return;
      this.core.step({ kind: 'stream.writable', stream }, this.nowMs);
      this.settle();
    });
  }
}

function placeOf(address: Address): PeerAddress {
  return { host: vtepOf(address), port: PORT };
}

function addressOf({ host }: PeerAddress): Address {
  const [, , high = 0, low = 0] = host.split('.').map(Number);
  return high * 256 + low;
}

function nameOf({ network, fact }: OwnRow): string {
  return `${network}/${fact.taskId}`;
}

function same(bytes: Uint8Array): Uint8Array {
  return bytes;
}
