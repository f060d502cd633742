/** What all parts of a core share: who is known, what waits to be told, what waits to be done. */
import type { Rng } from '../base/index.ts';
import type { NetworkId, NodeId } from '../model/index.ts';
import { Counters } from './counters.ts';
import type { Effect, MemberEvent, StreamId } from './effects.ts';
import { MemberTable } from './members/member-table.ts';
import { aliveNews, viewOf, type Member } from './members/member.ts';
import { settingsOf, type GossipLimits, type GossipOptions, type GossipTiming } from './options.ts';
import { Awareness } from './probe/awareness.ts';
import type { ProbeState } from './probe/probe.ts';
import { Relays } from './probe/relays.ts';
import { ProbeSchedule } from './probe/schedule.ts';
import type { PacketSeal } from './keys/seal.ts';
import { BroadcastQueue } from './spread/broadcast-queue.ts';
import { transmitLimit } from './spread/formulas.ts';
import type { RowTables } from './spread/row-tables.ts';
import type { Stream } from './sync/stream.ts';
import type { PeerAddress } from './wire/address.ts';
import { ByteWriter } from './wire/bytes.ts';
import { WIRE_VERSION, writeMessage } from './wire/encode.ts';
import type { Incarnation, Message, NetworkTime, News, Sequence } from './wire/messages.ts';

/** The versions of the protocol that this one speaks. */
export const PROTOCOL = { min: 1, max: 1 } as const;

const NO_META = new Uint8Array(0);

/** Two nodes with one id speak often; the host need not hear of it as often. */
const CONFLICT_INTERVAL_MS = 5000;

/** Corrections of one packet that its answer carries; with the longest meta one fits. */
const REFUTED_MAX = 1;

export type Life =
  | { readonly kind: 'present' }
  /** Tells everyone, until nothing of it is left to be told or the time is over. */
  | { readonly kind: 'leaving'; readonly untilMs: number }
  | { readonly kind: 'left' };

/** Seeds that were not reached yet. */
export interface Joining {
  readonly seeds: readonly PeerAddress[];
  /** Whether this node knew nobody when it began. */
  readonly isNewcomer: boolean;
  nextAtMs: number;
  retryMs: number;
}

/** When what comes up by itself is due next; `Infinity` for never. */
export interface Agenda {
  gossipAtMs: number;
  syncAtMs: number;
  rowSyncAtMs: number;
  reconnectAtMs: number;
  /** Before that no push/pull is made because of a ping by someone who is not known. */
  strangerAtMs: number;
}

export class Core {
  readonly settings: GossipTiming & GossipLimits;
  readonly rng: Rng;
  readonly tables: RowTables | undefined;
  readonly members: MemberTable;
  readonly awareness: Awareness;
  readonly broadcasts: BroadcastQueue;
  readonly schedule: ProbeSchedule;
  readonly relays: Relays;
  readonly suspects = new Set<Member>();
  readonly streams = new Map<StreamId, Stream>();
  readonly counters = new Counters();
  readonly agenda: Agenda;
  probe: ProbeState;
  joining: Joining | undefined;
  life: Life = { kind: 'present' };
  /** The greatest that this node has said of its networks, or heard said of them. */
  networkTime = 0 as NetworkTime;
  nowMs: number;
  lastDeathMs = -Infinity;
  /** When the rows of each own network were last compared with a peer's. */
  readonly networkSyncedMs = new Map<NetworkId, number>();
  private readonly seal: PacketSeal;
  private readonly writer = new ByteWriter();
  private effects: Effect[] = [];
  private sequence: number;
  private streamsMade = 0;
  private readonly refuted: Member[] = [];
  private conflictToldMs = -Infinity;

  /** Throws `GossipError` for options with which no cluster would work. */
  constructor(options: GossipOptions, nowMs: number) {
    const { id, address, incarnation = 0, meta = NO_META, rng, seal, tables } = options;
    this.settings = settingsOf(options);
    this.rng = rng;
    this.seal = seal;
    this.tables = tables;
    this.nowMs = nowMs;
    const about = { kind: 'alive', id, address, protocol: PROTOCOL, meta } as const;
    this.members = new MemberTable({ ...about, incarnation: incarnation as Incarnation });
    this.awareness = new Awareness(this.settings.awarenessMax);
    this.broadcasts = new BroadcastQueue(this.settings.broadcastsMax);
    this.schedule = new ProbeSchedule(rng);
    this.relays = new Relays(this.settings.relaysMax);
    // A restart must not take answers to its earlier life for its own.
    this.sequence = rng.nextU32();
    this.probe = { kind: 'idle', nextAtMs: nowMs + this.spread(this.settings.probeIntervalMs) };
    const { syncIntervalMs, reconnectIntervalMs } = this.settings;
    this.agenda = {
      gossipAtMs: nowMs,
      syncAtMs: nowMs + this.spread(syncIntervalMs),
      rowSyncAtMs: nowMs + this.spread(syncIntervalMs),
      reconnectAtMs: nowMs + this.spread(reconnectIntervalMs),
      strangerAtMs: nowMs,
    };
  }

  get self(): Member {
    return this.members.self;
  }

  isSelf(id: NodeId): boolean {
    return id === this.self.id;
  }

  /** Evenly in `[1, ms]`, so that nodes started together do not act together. */
  spread(ms: number): number {
    return 1 + Math.floor((this.rng.nextU32() / 2 ** 32) * ms);
  }

  nextSequence(): Sequence {
    this.sequence = (this.sequence + 1) >>> 0;
    return this.sequence as Sequence;
  }

  nextStream(): StreamId {
    this.streamsMade += 1;
    return this.streamsMade as StreamId;
  }

  emit(event: MemberEvent): void {
    this.effects.push({ kind: 'event', event });
  }

  emitMember(kind: Extract<MemberEvent, { member: unknown }>['kind'], member: Member): void {
    this.emit({ kind, member: viewOf(member) });
  }

  /** To be told to everyone. */
  broadcast(news: News): void {
    this.writer.rewind();
    writeMessage(this.writer, news);
    this.broadcasts.add(news, this.writer.take());
  }

  broadcastSelf(): void {
    this.broadcast(aliveNews(this.self));
  }

  /** A packet that begins with `messages` and is filled up with what waits to be told. */
  send(to: PeerAddress, messages: readonly Message[]): void {
    const writer = this.beginFrame();
    for (const message of messages) writeMessage(writer, message);
    const transmitsMax = transmitLimit(this.settings.retransmitFactor, this.members.liveCount);
    this.broadcasts.fill({ writer, bytesMax: this.packetRoom, transmitsMax });
    const bytes = this.sealWritten();
    this.counters.packetsSent += 1;
    this.counters.packetBytesSent += bytes.length;
    this.pushEffect({ kind: 'packet', to, bytes });
  }

  /** Bytes of a packet before it is sealed. */
  get packetRoom(): number {
    return this.settings.packetBytesMax - this.seal.overheadBytes;
  }

  /** Bytes of a stream's frame before it is sealed. */
  get frameRoom(): number {
    return this.settings.frameBytesMax - this.seal.overheadBytes;
  }

  /** To write a frame's messages with, before anything else is begun. */
  beginFrame(): ByteWriter {
    this.writer.rewind();
    this.writer.u8(WIRE_VERSION);
    return this.writer;
  }

  /** The frame that was begun, sealed. */
  sealWritten(): Uint8Array {
    return this.seal.seal(this.writer.take());
  }

  /** A sealed frame of `messages`. */
  sealFrame(messages: readonly Message[]): Uint8Array {
    const writer = this.beginFrame();
    for (const message of messages) writeMessage(writer, message);
    return this.sealWritten();
  }

  open(bytes: Uint8Array): Uint8Array | undefined {
    return this.seal.open(bytes);
  }

  /** The packet at hand accuses a member that has refuted; its sender should hear of that. */
  noteRefuted(member: Member): void {
    if (this.refuted.length < REFUTED_MAX) this.refuted.push(member);
  }

  /** Those that the packet at hand accuses wrongly. */
  takeRefuted(): Member[] {
    return this.refuted.splice(0);
  }

  /** Counts a conflict of addresses; whether it is long enough since one was told. */
  mayReportConflict(): boolean {
    this.counters.conflicts += 1;
    if (this.nowMs < this.conflictToldMs + CONFLICT_INTERVAL_MS) return false;
    this.conflictToldMs = this.nowMs;
    return true;
  }

  pushEffect(effect: Effect): void {
    if (this.effects.length < this.settings.effectsMax) this.effects.push(effect);
    else this.counters.effectsDropped += 1;
  }

  takeEffects(): Effect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }
}
