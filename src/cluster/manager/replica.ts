/**
 * The replicated state on this manager: its log, the store that the log makes, and its place in the
 * consensus group.
 */
import type { Logger } from '../../base/index.ts';
import type { NodeId } from '../../model/index.ts';
import type { Membership, MembershipChange, PeerId } from '../../raft/index.ts';
import { Store, type ApplyOutcome, type Command } from '../../store/index.ts';
import {
  PeerLinks,
  RaftDriver,
  forceNewCluster,
  type DriverStatus,
  type OpenedConsensus,
  type StateMachine,
} from '../consensus/index.ts';
import { createLogSeal, type Identity, type RekeyableSeal } from '../identity/index.ts';
import { RaftStorage, type RaftStorageOptions } from '../log/index.ts';
import { inSlices } from './slices.ts';
import { DEFAULT_PORT, parseHostPort, type HostPort } from '../transport/index.ts';
import type { ClusterMetrics, MemberTuning } from '../tuning.ts';
import { createRng } from './join-desk.ts';

export interface ReplicaOptions {
  /** Where the log lies. */
  readonly directory: string;
  readonly peerId: PeerId;
  /** Seal the log; the newest first. */
  readonly dataKeys: readonly string[];
  /** Asked for at each connection: certificates are renewed. */
  readonly identity: () => Identity;
  readonly logger: Logger;
  readonly metrics: ClusterMetrics;
  readonly tuning: MemberTuning;
}

const SNAPSHOT_INTERVAL_DEFAULT = 10_000;
const ENTRIES_FOR_SLOW_DEFAULT = 500;

export class Replica {
  readonly store: Store;
  readonly links: PeerLinks;
  private readonly seal: RekeyableSeal;
  private readonly options: ReplicaOptions;
  private readonly driver: RaftDriver<ApplyOutcome>;

  private constructor(
    options: ReplicaOptions,
    parts: {
      store: Store;
      links: PeerLinks;
      driver: RaftDriver<ApplyOutcome>;
      seal: RekeyableSeal;
    },
  ) {
    this.options = options;
    this.store = parts.store;
    this.links = parts.links;
    this.driver = parts.driver;
    this.seal = parts.seal;
  }

  /**
   * Begins a log in a directory that holds none: with itself as the only voter that of a new
   * cluster, with nobody that of a manager which is to be added. Throws `ClusterError`.
   */
  static async create(options: ReplicaOptions, membership: Membership): Promise<Replica> {
    const seal = createLogSeal(options.dataKeys);
    const storage = await RaftStorage.create(storageOptions(options, seal), { membership });
    return Replica.run(options, { storage }, seal);
  }

  /** Goes on with an existing log. Throws `ClusterError` when it is damaged. */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const seal = createLogSeal(options.dataKeys);
    return Replica.run(options, await RaftStorage.open(storageOptions(options, seal)), seal);
  }

  /**
   * Makes this manager the only one, in the log of one that is not running. Throws `ClusterError`.
   */
  static async forceAlone(options: ReplicaOptions): Promise<void> {
    const seal = createLogSeal(options.dataKeys);
    const opened = await RaftStorage.open(storageOptions(options, seal));
    try {
      await forceNewCluster({ id: options.peerId, opened, machine: machineOf(new Store()) });
    } finally {
      await opened.storage.close();
    }
  }

  private static async run(
    options: ReplicaOptions,
    opened: OpenedConsensus,
    seal: RekeyableSeal,
  ): Promise<Replica> {
    const store = new Store();
    const held: { driver?: RaftDriver<ApplyOutcome> } = {};
    const links = new PeerLinks({
      self: options.peerId,
      identity: options.identity,
      addressOf: (peer) => addressOf(store, peer),
      maySpeak: (peer) => held.driver === undefined || maySpeak(store, held.driver.status, peer),
      rng: createRng(),
      logger: options.logger,
    });
    const driver = await RaftDriver.open({
      id: options.peerId,
      opened,
      machine: machineOf(store),
      wire: links,
      snapshotPolicy: () => policyOf(store),
      rng: createRng(),
      logger: options.logger,
      metrics: options.metrics,
      ...options.tuning.consensus,
    });
    held.driver = driver;
    return new Replica(options, { store, links, driver, seal });
  }

  get peerId(): PeerId {
    return this.options.peerId;
  }

  get status(): DriverStatus {
    return this.driver.status;
  }

  get isLeader(): boolean {
    return this.driver.status.role === 'leader';
  }

  /** Whether this peer is in the group, as far as it knows. */
  get isMember(): boolean {
    const { voters, learners } = this.driver.status.membership;
    return voters.includes(this.peerId) || learners.includes(this.peerId);
  }

  onStatus(listener: (status: DriverStatus) => void): () => void {
    return this.driver.onStatus(listener);
  }

  async propose(command: Command): Promise<ApplyOutcome> {
    return this.driver.propose(Buffer.from(JSON.stringify(command)));
  }

  async sync(): Promise<void> {
    return this.driver.readBarrier();
  }

  async changeMembership(change: MembershipChange): Promise<void> {
    return this.driver.changeMembership(change);
  }

  /** Keys that are in `member.json` by now: what is written from here on has the first one. */
  useDataKeys(dataKeys: readonly string[]): void {
    this.seal.use(dataKeys);
  }

  async transferLeadership(): Promise<void> {
    return this.driver.transferLeadership();
  }

  async close(): Promise<void> {
    await this.driver.close();
    this.links.close();
  }
}

/** The node that a peer is on. */
export function nodeOf(peer: PeerId): NodeId {
  return peer.slice(0, peer.indexOf(':')) as NodeId;
}

function storageOptions(
  { directory, logger }: ReplicaOptions,
  seal: RekeyableSeal,
): RaftStorageOptions {
  return { directory, logger, seal };
}

function machineOf(store: Store): StateMachine<ApplyOutcome> {
  return {
    apply: (data) => store.apply(JSON.parse(Buffer.from(data).toString()) as Command),
    snapshot: () => store.snapshotPieces(),
    restore: (state) => inSlices(store.loadSteps(state)),
  };
}

function policyOf({ cluster }: Store): {
  readonly intervalEntries: number;
  readonly oldSnapshots: number;
  readonly entriesForSlow: number;
} {
  const raft = cluster?.spec.Raft;
  return {
    intervalEntries: raft?.SnapshotInterval ?? SNAPSHOT_INTERVAL_DEFAULT,
    oldSnapshots: raft?.KeepOldSnapshots ?? 0,
    entriesForSlow: raft?.LogEntriesForSlowFollowers ?? ENTRIES_FOR_SLOW_DEFAULT,
  };
}

function addressOf(store: Store, peer: PeerId): HostPort | undefined {
  const address = store.nodes.get(nodeOf(peer))?.managerAddress;
  return address === undefined ? undefined : parseHostPort(address, DEFAULT_PORT);
}

/**
 * While a leader is known, the store is as new as it gets, and only who takes part by it is heard.
 * Without one this store may be old: whoever leads by now may have come after, so every manager's
 * certificate is good enough, and the group's own rules decide.
 */
function maySpeak(store: Store, status: DriverStatus, peer: PeerId): boolean {
  if (status.leader === undefined || status.leader === peer) return true;
  return store.nodes.get(nodeOf(peer))?.peerId === peer;
}
