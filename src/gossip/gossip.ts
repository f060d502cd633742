import type { NetworkId, NodeId } from '../model/index.ts';
import { Core, type Life } from './core.ts';
import type { Counters } from './counters.ts';
import type { Deadline, Effect, Input, StreamId } from './effects.ts';
import { hear } from './hear.ts';
import { raiseIncarnation, sayNetwork } from './members/defence.ts';
import { viewOf, type MemberView } from './members/member.ts';
import { tellWhoLeft } from './members/networks.ts';
import { tickSuspicions, nextReapMs, nextSuspicionMs, reap } from './members/rules.ts';
import { checkMeta, type GossipOptions } from './options.ts';
import { tickRelays } from './probe/answers.ts';
import { hasten, nextProbeMs, postponeProbe, tickProbe } from './probe/probe.ts';
import { nextGossipMs, tickGossip } from './spread/gossip-round.ts';
import {
  beginJoin,
  nextReconnectMs,
  nextRowSyncMs,
  tickJoin,
  tickReconnect,
  tickRowSync,
  tickSync,
} from './sync/occasions.ts';
import { nextStreamMs, tickStreams, tryAcceptStream } from './sync/streams.ts';
import type { PeerAddress } from './wire/address.ts';
import type { Incarnation } from './wire/messages.ts';

/** Work that comes up with time: when it is due, and how it is done. */
interface Chore {
  readonly reason: Deadline['reason'];
  readonly nextMs: (core: Core) => number;
  readonly tick: (core: Core) => void;
}

/** Suspicions end last: a probe's or a relay's end may have brought one more accuser. */
const CHORES: readonly Chore[] = [
  { reason: 'relay', nextMs: ({ relays }) => relays.nextAtMs, tick: tickRelays },
  { reason: 'probe', nextMs: nextProbeMs, tick: tickProbe },
  { reason: 'stream', nextMs: nextStreamMs, tick: tickStreams },
  { reason: 'join', nextMs: ({ joining }) => joining?.nextAtMs ?? Infinity, tick: tickJoin },
  { reason: 'sync', nextMs: ({ agenda }) => agenda.syncAtMs, tick: tickSync },
  { reason: 'sync', nextMs: nextRowSyncMs, tick: tickRowSync },
  { reason: 'reconnect', nextMs: nextReconnectMs, tick: tickReconnect },
  { reason: 'suspicion', nextMs: nextSuspicionMs, tick: tickSuspicions },
  { reason: 'gossip', nextMs: nextGossipMs, tick: tickGossip },
  { reason: 'reap', nextMs: nextReapMs, tick: reap },
  { reason: 'leave', nextMs: nextLeaveMs, tick: tickLeave },
];

/**
 * One node's view of who is in the cluster. Never sends, waits or listens: its host does, see
 * `index.ts`. Times are milliseconds of one clock that never goes back.
 */
export class Gossip {
  private readonly core: Core;

  /** Throws `GossipError` for options with which no cluster would work. */
  constructor(options: GossipOptions, nowMs: number) {
    this.core = new Core(options, nowMs);
  }

  get id(): NodeId {
    return this.core.self.id;
  }

  get life(): Life['kind'] {
    return this.core.life.kind;
  }

  get incarnation(): Incarnation {
    return this.core.self.incarnation;
  }

  /** Alive or suspected, this node among them. */
  get liveCount(): number {
    return this.core.members.liveCount;
  }

  /** Everyone that is remembered, this node among them, in no order. */
  get members(): readonly MemberView[] {
    return [...this.core.members.all].map(viewOf);
  }

  /** 0 when this node keeps up with what it has to do; see `Awareness`. */
  get awareness(): number {
    return this.core.awareness.score;
  }

  /** News that wait to be told. */
  get broadcastCount(): number {
    return this.core.broadcasts.length;
  }

  /** News that were left out because too many waited. */
  get broadcastsDropped(): number {
    return this.core.broadcasts.droppedTotal;
  }

  /** Whether a seed is still being looked for. */
  get isJoining(): boolean {
    return this.core.joining !== undefined;
  }

  get counters(): Readonly<Counters> {
    return this.core.counters;
  }

  member(id: NodeId): MemberView | undefined {
    const member = this.core.members.get(id);
    return member === undefined ? undefined : viewOf(member);
  }

  /** Live others that have a network, in no order. */
  membersWith(network: NetworkId): readonly NodeId[] {
    return this.core.members.roster(network).map(({ id }) => id);
  }

  /** Takes something from the network. */
  step(input: Input, nowMs: number): void {
    this.advance(nowMs);
    if (this.core.life.kind !== 'left') hear(this.core, input);
  }

  /** Does what is due; to be called at `nextDeadline`, and whenever it is convenient. */
  tick(nowMs: number): void {
    this.advance(nowMs);
    for (const { nextMs, tick } of CHORES) {
      if (this.core.life.kind === 'left') return;
      if (nextMs(this.core) <= nowMs) tick(this.core);
    }
  }

  /** A peer has opened a stream; `undefined` when there is no room for it. */
  tryAcceptStream(nowMs: number): StreamId | undefined {
    this.advance(nowMs);
    return this.core.life.kind === 'left' ? undefined : tryAcceptStream(this.core);
  }

  /** Looks for a cluster at these addresses, until one answers. The own one may be among them. */
  join(seeds: readonly PeerAddress[], nowMs: number): void {
    this.advance(nowMs);
    beginJoin(this.core, seeds);
    this.core.broadcastSelf();
  }

  /** Tells everyone that this node goes, so that nobody takes it for dead. `Present -> Leaving` */
  leave(nowMs: number): void {
    this.advance(nowMs);
    const { core } = this;
    if (core.life.kind !== 'present') return;
    core.life = { kind: 'leaving', untilMs: nowMs + core.settings.leaveMs };
    core.joining = undefined;
    const { id, incarnation } = core.self;
    core.broadcast({ kind: 'left', id, incarnation });
  }

  /**
   * The host has a reason to doubt a member, say a connection that broke: it is probed next, at
   * once if no probe is under way. Only what comes of the probe counts.
   */
  doubt(id: NodeId, nowMs: number): void {
    this.advance(nowMs);
    const member = this.core.members.get(id);
    if (member !== undefined) hasten(this.core, member);
  }

  /** Throws `GossipError` when it is longer than `META_BYTES_MAX`. */
  setMeta(meta: Uint8Array, nowMs: number): void {
    checkMeta(meta);
    this.advance(nowMs);
    this.core.members.update(this.core.self, { meta: new Uint8Array(meta) });
    raiseIncarnation(this.core, this.core.self.incarnation);
  }

  /**
   * This node has a network from here on, and hears of its rows. Whether there was room for it. The
   * tables have the network already.
   */
  joinNetwork(network: NetworkId, nowMs: number): boolean {
    this.advance(nowMs);
    const own = this.core.self.networks;
    if (own?.get(network)?.isJoined === true) return true;
    const isFull = (own?.size ?? 0) >= this.core.settings.networksPerMemberMax;
    if (isFull && own?.has(network) !== true && !this.dropLeftNetwork()) return false;
    sayNetwork(this.core, { network, isJoined: true });
    tellWhoLeft(this.core, network);
    return true;
  }

  leaveNetwork(network: NetworkId, nowMs: number): void {
    this.advance(nowMs);
    if (this.core.self.networks?.get(network)?.isJoined !== true) return;
    sayNetwork(this.core, { network, isJoined: false });
    this.core.networkSyncedMs.delete(network);
  }

  /** Everything that the host has to do since it was last asked. */
  drain(): Effect[] {
    return this.core.takeEffects();
  }

  /** When `tick` has something to do next. It changes with everything that is done here. */
  nextDeadline(): Deadline {
    const { core } = this;
    let deadline: Deadline = { atMs: Infinity, reason: 'probe' };
    if (core.life.kind === 'left') return deadline;
    for (const { reason, nextMs } of CHORES) {
      const atMs = nextMs(core);
      if (atMs < deadline.atMs) deadline = { atMs, reason };
    }
    return deadline;
  }

  /**
   * Notes the time. When this node was not running, what it did not hear meanwhile must not count
   * against others: their acks and refutations may lie in the host's buffers.
   */
  private advance(nowMs: number): void {
    const { core } = this;
    const beforeMs = core.nowMs;
    core.nowMs = Math.max(beforeMs, nowMs);
    const { stallMs } = core.settings;
    if (nowMs - beforeMs <= stallMs) return;
    const lateMs = nowMs - Math.max(this.nextDeadline().atMs, beforeMs);
    if (lateMs <= stallMs) return;
    core.counters.stalls += 1;
    core.awareness.apply(1);
    postponeProbe(core, lateMs);
    for (const { state } of core.suspects)
      if (state.kind === 'suspect') state.suspicion.postpone(lateMs);
  }

  /** Makes room for another network. Whether there was one that this node has left. */
  private dropLeftNetwork(): boolean {
    for (const [network, { isJoined }] of this.core.self.networks ?? []) {
      if (isJoined) continue;
      this.core.members.forgetClaim(this.core.self, network);
      return true;
    }
    return false;
  }
}

function nextLeaveMs({ life, broadcasts, nowMs, self }: Core): number {
  if (life.kind !== 'leaving') return Infinity;
  return broadcasts.hasMember(self.id) ? life.untilMs : nowMs;
}

/** `Leaving -> Left` */
function tickLeave(core: Core): void {
  core.life = { kind: 'left' };
  core.emit({ kind: 'self.left' });
}
