/**
 * Runs one `Gossip` on real sockets: gives it packets, frames and time, and does what it says.
 *
 * Every call into the core is followed by `drain`, so nothing waits for a later one. Ticks come in
 * the event loop's last phase: when this process was held up, the sockets are read before, and
 * what lies there is not taken for silence.
 */
import { unreachable, type Clock, type Rng } from '../../../base/index.ts';
import {
  GOSSIP_LIMITS,
  Gossip,
  type Effect,
  type GossipCounters,
  type GossipTiming,
  type Input,
  type MemberEvent,
  type MemberView,
  type NetworkTables,
  type PacketSeal,
  type PeerAddress,
} from '../../../gossip/index.ts';
import type { NetworkId, NodeId } from '../../../model/index.ts';
import { Datagrams, type DatagramCounters } from './datagrams.ts';
import { Streams } from './streams.ts';

export interface GossipShellOptions {
  readonly nodeId: NodeId;
  /** IPv4 address to bind, at which others reach this node, and the port for UDP and TCP. */
  readonly address: PeerAddress;
  readonly seal: PacketSeal;
  readonly tables: NetworkTables;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly timing?: Partial<GossipTiming>;
  readonly onEvent: (event: MemberEvent) => void;
  /** Something was heard or done: rows may have changed. */
  readonly onStep: () => void;
}

export interface ShellCounters {
  readonly core: Readonly<GossipCounters>;
  readonly datagrams: Readonly<DatagramCounters>;
  /** Connections of strangers, and those beyond the limits. */
  readonly streamsRefused: number;
}

/** Longest a timer can run. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class GossipShell {
  private readonly options: GossipShellOptions;
  private readonly core: Gossip;
  private readonly datagrams: Datagrams;
  private readonly streams: Streams;
  private readonly hosts = new Map<NodeId, string>();
  private streamsRefused = 0;
  private timer: NodeJS.Timeout | undefined;
  private timerAtMs = Infinity;
  private tickDue: NodeJS.Immediate | undefined;
  private tellLeft: () => void = () => undefined;
  private isClosed = false;

  private constructor(options: GossipShellOptions) {
    const { nodeId: id, address, seal, tables, clock, rng, timing } = options;
    this.options = options;
    // Seconds since the epoch grow from life to life.
    const incarnation = Math.floor(clock.wallMs() / 1000);
    const coreOptions = { id, address, incarnation, rng, seal, tables };
    this.core = new Gossip({ ...coreOptions, ...(timing && { timing }) }, this.nowMs);
    this.datagrams = new Datagrams({
      host: address.host,
      packetBytesMax: GOSSIP_LIMITS.packetBytesMax,
      nowMs: () => this.nowMs,
      received: (from, bytes) => this.hear({ kind: 'packet', from, bytes }),
    });
    this.streams = new Streams({
      host: address.host,
      seal,
      events: {
        accept: () => (this.isClosed ? undefined : this.core.tryAcceptStream(this.nowMs)),
        frame: (stream, bytes) => this.hear({ kind: 'stream.frame', stream, bytes }),
        writable: (stream) => this.hear({ kind: 'stream.writable', stream }),
        closed: (stream) => this.hear({ kind: 'stream.closed', stream }),
        refused: () => (this.streamsRefused += 1),
      },
    });
  }

  /** Rejects when the address or the port cannot be had; nothing is left open then. */
  static async open(options: GossipShellOptions): Promise<GossipShell> {
    const shell = new GossipShell(options);
    try {
      const { port } = options.address;
      await shell.datagrams.bind(port);
      await shell.streams.listen(port);
    } catch (error) {
      await shell.close();
      throw error;
    }
    shell.step(() => undefined);
    return shell;
  }

  /** Alive or suspected, this node among them. */
  get liveCount(): number {
    return this.core.liveCount;
  }

  get members(): readonly MemberView[] {
    return this.core.members;
  }

  get isJoining(): boolean {
    return this.core.isJoining;
  }

  get counters(): ShellCounters {
    const { core, datagrams, streamsRefused } = this;
    return { core: core.counters, datagrams: datagrams.counters, streamsRefused };
  }

  member(id: NodeId): MemberView | undefined {
    return this.core.member(id);
  }

  join(seeds: readonly PeerAddress[]): void {
    this.step(() => this.core.join(seeds, this.nowMs));
  }

  joinNetwork(network: NetworkId): void {
    this.step(() => this.core.joinNetwork(network, this.nowMs));
  }

  leaveNetwork(network: NetworkId): void {
    this.step(() => this.core.leaveNetwork(network, this.nowMs));
  }

  /** Rows were written: they may be due at once. */
  wake(): void {
    this.step(() => undefined);
  }

  /** Tells everyone that this node goes; resolves when they are told, or it has taken too long. */
  async leave(): Promise<void> {
    if (this.isClosed || this.core.life !== 'present') return;
    await new Promise<void>((resolve) => {
      this.tellLeft = resolve;
      this.step(() => this.core.leave(this.nowMs));
    });
  }

  /** Others find this node failed unless it has said that it leaves. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearImmediate(this.tickDue);
    this.tellLeft();
    await Promise.all([this.datagrams.close(), this.streams.close()]);
  }

  private get nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  private hear(input: Input): void {
    this.step(() => this.core.step(input, this.nowMs));
  }

  private step(work: () => void): void {
    if (this.isClosed) return;
    work();
    for (const effect of this.core.drain()) this.perform(effect);
    this.options.onStep();
    this.schedule();
  }

  private perform(effect: Effect): void {
    switch (effect.kind) {
      case 'packet':
        return this.datagrams.send(effect.to, effect.bytes);
      case 'stream.open':
        return this.streams.open(effect.stream, effect.to, effect.bytes);
      case 'stream.frame':
        return this.streams.send(effect.stream, effect.bytes);
      case 'stream.close':
        return this.streams.end(effect.stream);
      case 'event':
        return this.note(effect.event);
      default:
        return unreachable(effect);
    }
  }

  private note(event: MemberEvent): void {
    if ('member' in event) this.noteHost(event.member);
    else if (event.kind === 'self.left') this.tellLeft();
    this.options.onEvent(event);
  }

  /** Packets of members are not counted with those of strangers. */
  private noteHost({ id, state, address }: MemberView): void {
    const { limits } = this.datagrams;
    const before = this.hosts.get(id);
    const isLive = state === 'alive' || state === 'suspect';
    if (before !== undefined && before !== address.host) limits.forgetMember(before);
    if (isLive) {
      this.hosts.set(id, address.host);
      limits.noteMember(address.host, this.nowMs);
    } else {
      this.hosts.delete(id);
      limits.forgetMember(address.host);
    }
  }

  private schedule(): void {
    const { atMs } = this.core.nextDeadline();
    if (this.isClosed || this.tickDue !== undefined || atMs === this.timerAtMs) return;
    clearTimeout(this.timer);
    this.timerAtMs = atMs;
    if (atMs === Infinity) return;
    const delayMs = Math.min(Math.max(0, Math.ceil(atMs - this.nowMs)), TIMER_MAX_MS);
    this.timer = setTimeout(() => this.tickSoon(), delayMs);
  }

  /** After the sockets were read. */
  private tickSoon(): void {
    this.timerAtMs = Infinity;
    this.tickDue = setImmediate(() => {
      this.tickDue = undefined;
      this.step(() => this.core.tick(this.nowMs));
    });
  }
}
