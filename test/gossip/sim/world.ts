/**
 * Many nodes in one process, on a virtual clock, over a network that loses and delays, with nodes
 * that crash, return, are cut off, or pause. One seed gives one run.
 */
import { SeededRng, randomBelow, randomId } from '../../../src/base/index.ts';
import type { Effect, GossipOptions, MemberEvent, PeerAddress } from '../../../src/gossip/index.ts';
import { Gossip, NetworkTables } from '../../../src/gossip/index.ts';
import type { Core } from '../../../src/gossip/core.ts';
import type { Alive, Incarnation } from '../../../src/gossip/wire/messages.ts';
import type { NodeId } from '../../../src/model/index.ts';
import { SimStreams } from './streams.ts';
import { TimeLine } from './time-line.ts';

/** AES-256-GCM with a random nonce: a byte for the key, 12 of nonce, 16 of tag. */
export const SEAL_BYTES = 29;
const PACKET_BYTES_MAX = 1400;
/** IPv4 and UDP. */
export const DATAGRAM_HEADER_BYTES = 28;

export interface WorldOptions {
  readonly nodes: number;
  readonly seed: number;
  /** Random ones, as real nodes have, when left out. */
  readonly idOf?: (index: number) => string;
  /** Datagrams lost, in 1,000. */
  readonly loss?: number;
  /** Datagrams that come a second time, seconds later, in 1,000. */
  readonly straggling?: number;
  /** One way, at least and at most. */
  readonly delayMs?: readonly [number, number];
  /** Nodes, the first ones, that pause again and again; see `pause`. */
  readonly slow?: number;
  readonly pauseMs?: readonly [number, number];
  /** From one pause to the next, at least and at most. */
  readonly pauseEveryMs?: readonly [number, number];
  readonly timing?: GossipOptions['timing'];
  readonly limits?: GossipOptions['limits'];
  /** Whether nodes keep tables of rows. */
  readonly hasRows?: boolean;
}

export interface Sighting {
  readonly atMs: number;
  readonly observer: number;
  readonly event: MemberEvent;
}

export class SimNode {
  readonly index: number;
  readonly id: NodeId;
  address: PeerAddress;
  gossip: Gossip | undefined;
  /** Its networks' rows; theirs who have any. */
  tables: NetworkTables | undefined;
  pausedUntilMs = 0;
  timerAtMs = Infinity;
  bytesSent = 0;
  packetsSent = 0;

  constructor(index: number, id: NodeId) {
    this.index = index;
    this.id = id;
    this.address = { host: `10.1.${index >> 8}.${index & 255}`, port: 7946 };
  }
}

export class World {
  readonly options: WorldOptions;
  readonly time = new TimeLine();
  readonly rng: SeededRng;
  readonly nodes: SimNode[];
  readonly sightings: Sighting[] = [];
  readonly streams: SimStreams;
  /** Which side of a cut a node is on; messages stay on their side. */
  readonly sides = new Map<number, number>();
  private readonly byHost = new Map<string, SimNode>();

  constructor(options: WorldOptions) {
    this.options = options;
    this.rng = new SeededRng(options.seed);
    this.nodes = Array.from({ length: options.nodes }, (_, index) => {
      return new SimNode(index, (options.idOf?.(index) ?? randomId(this.rng)) as NodeId);
    });
    for (const node of this.nodes) this.byHost.set(node.address.host, node);
    this.streams = new SimStreams(this);
    for (let index = 0; index < (options.slow ?? 0); index += 1) this.pauseNowAndThen(index);
  }

  get nowMs(): number {
    return this.time.nowMs;
  }

  node(index: number): SimNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  gossip(index: number): Gossip {
    const { gossip } = this.node(index);
    if (gossip === undefined) throw new Error(`node ${index} does not run`);
    return gossip;
  }

  /** A node's machine gets another address; what is sent to the old one is lost. */
  move(index: number, host: string): void {
    const node = this.node(index);
    this.byHost.delete(node.address.host);
    node.address = { host, port: node.address.port };
    this.byHost.set(host, node);
  }

  nodeAt(host: string): SimNode | undefined {
    return this.byHost.get(host);
  }

  /** All nodes, each knowing all others, as if they had met long ago. */
  startAcquainted(): void {
    const everyone = this.nodes.map(({ id, address }): Alive => {
      const protocol = { min: 1, max: 1 };
      const incarnation = 0 as Incarnation;
      return { kind: 'alive', id, incarnation, address, protocol, meta: new Uint8Array(0) };
    });
    for (const node of this.nodes) {
      const { members, schedule } = coreOf(this.start(node.index));
      // Past the rules and the wire: nobody is told of what everyone knows.
      for (const alive of everyone) {
        if (alive.id === node.id) continue;
        schedule.add(members.add(alive));
        node.tables?.restoreOwner(alive.id);
      }
    }
    this.sightings.length = 0;
  }

  start(index: number, options: Partial<GossipOptions> = {}): Gossip {
    const node = this.node(index);
    const { timing = {}, limits = {} } = this.options;
    const rng = new SeededRng(this.rng.nextU32());
    const { id, address } = node;
    const seal = { overheadBytes: SEAL_BYTES, seal: same, open: same };
    node.tables = this.options.hasRows === true ? new NetworkTables({ nodeId: id }) : undefined;
    const rows = node.tables === undefined ? {} : { tables: node.tables };
    const made = { id, address, rng, seal, timing, limits, ...rows, ...options };
    node.gossip = new Gossip(made, this.nowMs);
    node.timerAtMs = Infinity;
    this.settle(node);
    return node.gossip;
  }

  /** The machine is gone: nothing answers, not even its kernel. */
  crash(index: number): void {
    this.node(index).tables = undefined;
    this.node(index).gossip = undefined;
    this.streams.forget(this.node(index));
  }

  /**
   * The node does not run for a while. Then, as an event loop does, it looks at its clock before it
   * looks at what came meanwhile.
   */
  pause(index: number, ms: number): void {
    const node = this.node(index);
    node.pausedUntilMs = this.nowMs + ms;
    this.time.after(ms, () => this.deliver(node, (gossip) => gossip.tick(this.nowMs)));
  }

  /** Something that the host of a node asks of it. */
  command(index: number, run: (gossip: Gossip, nowMs: number) => void): void {
    run(this.gossip(index), this.nowMs);
    this.settle(this.node(index));
  }

  run(ms: number): void {
    this.time.runUntil(this.nowMs + ms);
  }

  /** Whether a message between them would arrive. */
  isJoined(one: SimNode, other: SimNode): boolean {
    return (this.sides.get(one.index) ?? 0) === (this.sides.get(other.index) ?? 0);
  }

  /** Runs `work` on a node as soon as it does not pause. */
  deliver(node: SimNode, work: (gossip: Gossip) => void): void {
    const { gossip } = node;
    if (gossip === undefined) return;
    if (node.pausedUntilMs > this.nowMs) {
      this.time.at(node.pausedUntilMs, () => this.deliver(node, work));
      return;
    }
    work(gossip);
    this.settle(node);
  }

  delayMs(): number {
    const [least, most] = this.options.delayMs ?? [1, 3];
    return least + randomBelow(this.rng, most - least + 1);
  }

  isLost(): boolean {
    const { loss = 0 } = this.options;
    return loss > 0 && randomBelow(this.rng, 1000) < loss;
  }

  private settle(node: SimNode): void {
    const { gossip } = node;
    if (gossip === undefined) return;
    for (const effect of gossip.drain()) this.perform(node, effect);
    const { atMs } = gossip.nextDeadline();
    if (atMs >= node.timerAtMs || atMs === Infinity) return;
    const dueMs = Math.max(Math.ceil(atMs), this.nowMs);
    node.timerAtMs = dueMs;
    this.time.at(dueMs, () => this.wake(node, dueMs));
  }

  private wake(node: SimNode, dueMs: number): void {
    if (node.timerAtMs !== dueMs) return;
    node.timerAtMs = Infinity;
    this.deliver(node, (gossip) => gossip.tick(this.nowMs));
  }

  private perform(node: SimNode, effect: Effect): void {
    switch (effect.kind) {
      case 'packet':
        this.send(node, effect);
        return;
      case 'event':
        this.sightings.push({ atMs: this.nowMs, observer: node.index, event: effect.event });
        return;
      default:
        this.streams.perform(node, effect);
    }
  }

  private send(node: SimNode, { to, bytes }: Extract<Effect, { kind: 'packet' }>): void {
    node.packetsSent += 1;
    if (bytes.length + SEAL_BYTES > PACKET_BYTES_MAX) throw new Error('a packet is too large');
    node.bytesSent += bytes.length + SEAL_BYTES + DATAGRAM_HEADER_BYTES;
    const target = this.byHost.get(to.host);
    if (target === undefined || !this.isJoined(node, target) || this.isLost()) return;
    const from = node.address;
    const arrive = (): void =>
      this.deliver(target, (gossip) => gossip.step({ kind: 'packet', from, bytes }, this.nowMs));
    this.time.after(this.delayMs(), arrive);
    const { straggling = 0 } = this.options;
    if (straggling > 0 && randomBelow(this.rng, 1000) < straggling)
      this.time.after(500 + randomBelow(this.rng, 4500), arrive);
  }

  /** Now and then such a node does not run, and finds everything that came meanwhile at once. */
  private pauseNowAndThen(index: number): void {
    const [least, most] = this.options.pauseMs ?? [100, 1000];
    const [soonest, latest] = this.options.pauseEveryMs ?? [1000, 5000];
    this.time.after(soonest + randomBelow(this.rng, latest - soonest), () => {
      const pauseMs = least + randomBelow(this.rng, most - least + 1);
      this.pause(index, pauseMs);
      this.time.after(pauseMs, () => this.pauseNowAndThen(index));
    });
  }
}

/** What only tests look at. */
export function coreOf(gossip: Gossip): Core {
  return (gossip as unknown as { core: Core }).core;
}

function same(bytes: Uint8Array): Uint8Array {
  return bytes;
}
