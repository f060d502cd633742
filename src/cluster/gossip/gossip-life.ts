/**
 * One life of this node among the others, at one address: its membership, its tables, and its watch
 * over the hosts of those that fail.
 */
import type { Clock, Rng } from '../../base/index.ts';
import {
  NetworkTables,
  type GossipTiming,
  type KeyRing,
  type MemberEvent,
  type MemberView,
  type PeerAddress,
} from '../../gossip/index.ts';
import type { NetworkId, NodeId, NodeView, Revision } from '../../model/index.ts';
import { FactBoard } from './facts/fact-board.ts';
import type { OwnFact } from './facts/own-facts.ts';
import type { Findings } from './facts/overlay-view.ts';
import { HostWatch } from './hosts/host-watch.ts';
import { seedsMissing, seedsOf } from './seeds.ts';
import { RingSeal } from './shell/ring-seal.ts';
import { GossipShell, type ShellCounters } from './shell/shell.ts';

export interface GossipLifeOptions {
  readonly nodeId: NodeId;
  readonly address: PeerAddress;
  readonly ring: KeyRing;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly timing?: Partial<GossipTiming>;
  /** Whether the host at an address answers, asked from another one. */
  readonly knock: (to: PeerAddress, localAddress: string) => Promise<boolean>;
  /** What `findings` say may be different. */
  readonly changed: () => void;
}

export interface LifeCounters extends ShellCounters {
  readonly factsRefused: number;
  readonly silentHosts: number;
}

/** Between two acknowledged revisions of one network that are told. */
const ACKNOWLEDGE_EVERY_MS = 1000;

export class GossipLife {
  readonly address: PeerAddress;
  readonly findings: Findings;
  private readonly options: GossipLifeOptions;
  private readonly tables: NetworkTables;
  private readonly board: FactBoard;
  private readonly hosts: HostWatch;
  private shell: GossipShell | undefined;
  private view: NodeView | undefined;
  private readonly left = new Set<NodeId>();
  private readonly acknowledged = new Map<NetworkId, Revision>();
  private telling: NodeJS.Timeout | undefined;
  private hasNews = false;

  private constructor(options: GossipLifeOptions) {
    const { nodeId, address, clock, changed } = options;
    this.options = options;
    this.address = address;
    this.tables = new NetworkTables({ nodeId, firstTime: Math.floor(clock.wallMs()) });
    this.board = new FactBoard(this.tables);
    this.hosts = new HostWatch({
      knock: (to) => options.knock(to, address.host),
      changed: () => {
        this.hasNews = true;
        changed();
      },
    });
    this.findings = {
      isLost: (id) => this.left.has(id) || this.hosts.isSilent(id),
      stateOf: (taskId, id) => this.board.stateOf(taskId, id),
    };
  }

  /** Rejects when the address cannot be had. */
  static async open(options: GossipLifeOptions): Promise<GossipLife> {
    const life = new GossipLife(options);
    const { nodeId, address, ring, clock, rng, timing, changed } = options;
    life.shell = await GossipShell.open({
      ...{ nodeId, address, clock, rng },
      ...(timing && { timing }),
      seal: new RingSeal(ring),
      tables: life.tables,
      onEvent: (event) => life.note(event),
      onStep: changed,
    });
    return life;
  }

  get counters(): LifeCounters | undefined {
    if (this.shell === undefined) return undefined;
    const { board, hosts } = this;
    return {
      ...this.shell.counters,
      factsRefused: board.refused,
      silentHosts: hosts.silentCount,
    };
  }

  /** Nodes of the view that are alive, this one among them. */
  get liveMembers(): number {
    const members = this.shell?.members ?? [];
    return members.filter(
      ({ id, state }) =>
        (state === 'alive' || state === 'suspect') && this.view?.peers.has(id) === true,
    ).length;
  }

  /** The oldest revision that any node acknowledged on a network of this one. */
  get lowestRevision(): Revision | undefined {
    let lowest: Revision | undefined;
    for (const networkId of this.tables.networkIds) {
      const revision = this.board.lowestRevision(networkId);
      if (revision !== undefined && (lowest === undefined || revision < lowest)) lowest = revision;
    }
    return lowest;
  }

  /** Takes part in the view's networks, and says of its endpoints what is to be said. */
  useView(view: NodeView, facts: readonly OwnFact[]): void {
    const isFirst = this.view === undefined;
    this.view = view;
    if (isFirst) this.joinAll(view);
    const nowMs = this.nowMs;
    const wanted = new Set(view.networks.keys());
    for (const networkId of this.tables.networkIds) {
      if (wanted.has(networkId)) continue;
      this.acknowledged.delete(networkId);
      this.tables.leaveNetwork(networkId, nowMs);
      this.shell?.leaveNetwork(networkId);
    }
    for (const networkId of wanted) {
      if (this.tables.joinNetwork(networkId, nowMs) !== 'joined') continue;
      this.shell?.joinNetwork(networkId);
    }
    this.write(facts);
  }

  write(facts: readonly OwnFact[]): void {
    this.board.write(facts, this.nowMs);
    this.shell?.wake();
  }

  acknowledge(networkId: NetworkId, revision: Revision): void {
    this.acknowledged.set(networkId, revision);
    if (this.telling !== undefined) return;
    this.tellAcknowledged();
    this.telling = setTimeout(() => {
      this.telling = undefined;
      this.tellAcknowledged();
    }, ACKNOWLEDGE_EVERY_MS);
  }

  /** Looks for members that are missing; to be called every few seconds. */
  lookForOthers(isPatient: boolean): void {
    const { shell, view } = this;
    if (shell === undefined || view === undefined) return;
    const { rng } = this.options;
    const { port } = this.address;
    const seeds = seedsMissing(view, shell, { port, rng, isPatient });
    if (seeds.length > 0) shell.join(seeds);
  }

  /** Whether `findings` may say something else than at the last call. */
  takeChanges(): boolean {
    const { hasNews } = this;
    this.hasNews = false;
    return this.board.takeChanges() || hasNews;
  }

  async leave(): Promise<void> {
    await this.shell?.leave();
  }

  async close(): Promise<void> {
    clearTimeout(this.telling);
    this.hosts.close();
    await this.shell?.close();
  }

  private get nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  private joinAll(view: NodeView): void {
    const seeds = seedsOf(view, this.address.port, this.options.rng);
    if (seeds.length > 0) this.shell?.join(seeds);
  }

  private tellAcknowledged(): void {
    for (const [networkId, revision] of this.acknowledged)
      this.board.acknowledge(networkId, revision, this.nowMs);
    this.shell?.wake();
  }

  private note(event: MemberEvent): void {
    const { kind } = event;
    if (kind === 'member.joined' || kind === 'member.alive') this.found(event.member.id);
    else if (kind === 'member.suspect') this.missed(event.member, false);
    else if (kind === 'member.failed') this.missed(event.member, true);
    else if (kind === 'member.forgotten') this.found(event.id);
    else if (kind === 'member.left') {
      this.found(event.member.id);
      this.left.add(event.member.id);
      this.hasNews = true;
    }
  }

  private found(id: NodeId): void {
    this.hasNews ||= this.left.delete(id);
    this.hosts.release(id);
  }

  private missed({ id, address }: MemberView, hasFailed: boolean): void {
    if (!this.isConcerned(id)) return;
    if (hasFailed) this.hosts.failed(id, address);
    else this.hosts.suspected(id, address);
  }

  /** Of hosts without an endpoint that this node may send to, nothing has to be known. */
  private isConcerned(id: NodeId): boolean {
    for (const { nodeId } of this.view?.endpoints.values() ?? []) if (nodeId === id) return true;
    return false;
  }
}
