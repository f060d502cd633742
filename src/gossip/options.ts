/** How often and how long a core does what, and how much of everything it holds. */
import type { Rng } from '../base/index.ts';
import type { NodeId } from '../model/index.ts';
import { optionError } from './errors.ts';
import type { PacketSeal } from './keys/seal.ts';
import type { RowTables } from './spread/row-tables.ts';
import type { PeerAddress } from './wire/address.ts';
import { ID_BYTES_MAX, INCARNATION_MAX, META_BYTES_MAX } from './wire/messages.ts';

/**
 * Times in milliseconds. Defaults are for a local network of 2 to 5,000 members; memberlist's LAN
 * defaults are named beside them. They are justified by the figures in test/gossip/sim.
 */
export interface GossipTiming {
  /**
   * Each member probes one other in this time (memberlist: 1,000). Less: crashes meet a probe
   * sooner, more bytes. A push/pull that exchanges digests saves more bytes than this spends.
   */
  readonly probeIntervalMs: number;
  /**
   * How long a direct ping may take before others are asked to ping, who have twice as long
   * (memberlist: 500, and the rest of the interval). Above the slowest usual round trip, at most a
   * third of `probeIntervalMs`.
   */
  readonly probeTimeoutMs: number;
  /** News that wait are sent this often (memberlist: 200). Nothing is sent when none wait. */
  readonly gossipIntervalMs: number;
  /** The dead are gossiped to for this long, should they be alive (memberlist: 30,000). */
  readonly gossipToDeadMs: number;
  /**
   * How long an accused member may be silent, beyond the time that news need to reach it and to
   * come back. More: long pauses of a process are forgiven. Less: crashes are known sooner.
   */
  readonly suspicionBaseMs: number;
  /**
   * Push/pulls with a random member, up to 32 members; rarer above (memberlist: 30,000). They
   * repair what gossip missed.
   */
  readonly syncIntervalMs: number;
  /** A dead member is tried again this often, one at a time, so that parted halves meet again. */
  readonly reconnectIntervalMs: number;
  /** Seeds are tried again after this, doubled each time up to 30 times it, until one answers. */
  readonly joinRetryMs: number;
  /** Members that are dead or left are remembered this long. */
  readonly goneKeptMs: number;
  /** A stream on which nothing moves is given up after this. */
  readonly streamTimeoutMs: number;
  /** A tick that comes this late means that this node was not running. */
  readonly stallMs: number;
  /** A leaving member says so for this long at most. */
  readonly leaveMs: number;
}

/**
 * Chosen by the simulation (test/gossip/simulation.test.ts prints its figures), on a network of
 * 1 to 3 ms. A crash is known to every other member, p50 and p99, within 1.5 s and 2.2 s among 3
 * members, 1.8 s and 2.8 s among 5, 2.5 s and 4.4 s among 1,000; most of the tail is the wait for
 * the first probe, which a host shortens to nothing with `doubt`. Idle members send 280 to 295
 * bytes a second each, headers of IP, UDP and TCP among them: as much as one probe in a second and
 * push/pulls of the whole state cost memberlist among 5, and half of it among 1,000. Members that
 * pause for up to a second, at 5 % loss, are not declared dead.
 */
export const DEFAULT_TIMING: GossipTiming = {
  probeIntervalMs: 500,
  probeTimeoutMs: 150,
  gossipIntervalMs: 100,
  gossipToDeadMs: 30_000,
  suspicionBaseMs: 550,
  syncIntervalMs: 60_000,
  reconnectIntervalMs: 30_000,
  joinRetryMs: 1000,
  goneKeptMs: 86_400_000,
  streamTimeoutMs: 10_000,
  stallMs: 250,
  leaveMs: 3000,
};

export interface GossipLimits {
  /** Members alive or suspected, this node among them; those beyond are not taken. */
  readonly membersMax: number;
  /** Dead and left members that are remembered; beyond, the oldest is forgotten. */
  readonly goneMax: number;
  /** Networks of one member, those that it left among them. */
  readonly networksPerMemberMax: number;
  /** Others asked to ping (SWIM's k; memberlist: 3). */
  readonly indirectProbes: number;
  /** Others that are told at each `gossipIntervalMs` (memberlist: 3). */
  readonly gossipFanout: number;
  /** SWIM's lambda (memberlist: 4); see `transmitLimit`. */
  readonly retransmitFactor: number;
  /** Further accusers after whom a suspicion is as short as it gets (memberlist: 2). */
  readonly confirmations: number;
  /** An unconfirmed suspicion lasts this many times as long (memberlist: 6). */
  readonly suspicionMaxFactor: number;
  /** The worst local health (memberlist's multiplier of 8 is a score of 7). */
  readonly awarenessMax: number;
  /** A sealed packet: what fits an Ethernet frame, also within a tunnel (memberlist: 1,400). */
  readonly packetBytesMax: number;
  /** A sealed frame of a stream. */
  readonly frameBytesMax: number;
  readonly broadcastsMax: number;
  /** Probes for others that are under way. */
  readonly relaysMax: number;
  /** Streams that this node has opened, and as many that others have. */
  readonly streamsMax: number;
  readonly seedsMax: number;
  /** Effects that wait for `drain`; packets and frames beyond are left out. */
  readonly effectsMax: number;
}

export const GOSSIP_LIMITS: GossipLimits = {
  membersMax: 5000,
  goneMax: 5000,
  networksPerMemberMax: 512,
  indirectProbes: 3,
  gossipFanout: 3,
  retransmitFactor: 4,
  confirmations: 2,
  suspicionMaxFactor: 6,
  awarenessMax: 7,
  packetBytesMax: 1400,
  frameBytesMax: 65_536,
  broadcastsMax: 8192,
  relaysMax: 512,
  streamsMax: 16,
  seedsMax: 64,
  effectsMax: 16_384,
};

export interface GossipOptions {
  readonly id: NodeId;
  /** Where others reach this node. */
  readonly address: PeerAddress;
  /** At most `META_BYTES_MAX` bytes, opaque here. */
  readonly meta?: Uint8Array;
  /**
   * The first incarnation. A node that comes back without knowledge of its earlier life is heard at
   * once when this grows from life to life: seconds since the epoch do. Otherwise it is heard as
   * soon as it has learnt its earlier incarnation from the others.
   */
  readonly incarnation?: number;
  readonly rng: Rng;
  readonly seal: PacketSeal;
  /** Rows to carry along. */
  readonly tables?: RowTables;
  readonly timing?: Partial<GossipTiming>;
  readonly limits?: Partial<GossipLimits>;
}

/** Both merged with their defaults. Throws `GossipError` for what no cluster would work with. */
export function settingsOf(options: GossipOptions): GossipTiming & GossipLimits {
  const settings = { ...DEFAULT_TIMING, ...GOSSIP_LIMITS, ...options.timing, ...options.limits };
  for (const [option, value] of Object.entries<number>(settings))
    if (!Number.isSafeInteger(value) || value < 1) throw optionError(option, 'must be at least 1');
  if (settings.probeTimeoutMs * 3 > settings.probeIntervalMs)
    throw optionError('probeTimeoutMs', 'must be at most a third of probeIntervalMs');
  if (settings.packetBytesMax < 1200)
    throw optionError('packetBytesMax', 'must hold the longest message, so be at least 1,200');
  if (settings.frameBytesMax > 65_536) throw optionError('frameBytesMax', 'must be at most 65,536');
  checkSelf(options);
  return settings;
}

function checkSelf({ id, address, incarnation = 0, meta }: GossipOptions): void {
  if (!/^[\x21-\x7e]+$/.test(id) || id.length > ID_BYTES_MAX)
    throw optionError('id', `must be 1 to ${ID_BYTES_MAX} printable characters`);
  if (!(Number.isInteger(address.port) && address.port > 0 && address.port <= 65_535))
    throw optionError('address', 'must have a port');
  if (!(Number.isInteger(incarnation) && incarnation >= 0 && incarnation <= INCARNATION_MAX))
    throw optionError('incarnation', 'must be an incarnation');
  if (meta !== undefined) checkMeta(meta);
}

/** Throws `GossipError` when it is too long. */
export function checkMeta(meta: Uint8Array): void {
  if (meta.length > META_BYTES_MAX)
    throw optionError('meta', `must be at most ${META_BYTES_MAX} bytes`);
}
