/**
 * A whole cluster in virtual time: managers, workers, clients, the network between them and the
 * disks below them. One seed is one run. First a storm, in which nothing may go wrong for good;
 * then everything heals, and the cluster has to come together within a bounded time.
 */
import { SeededRng } from '../../src/base/index.ts';
import type { NodeId } from '../../src/model/index.ts';
import type { Membership, PeerId } from '../../src/raft/index.ts';
import type { Store } from '../../src/store/index.ts';
import { EventQueue } from '../raft/sim/event-queue.ts';
import { Checks } from './check/checks.ts';
import { Network, type Address } from './engine/network.ts';
import { Trace } from './engine/trace.ts';
import { Customer } from './load/customer.ts';
import { Operator } from './load/operator.ts';
import { nodeOfPeer } from './manager/role-keeper.ts';
import type { LeaderDesk } from './manager/leader-desk.ts';
import { SimNode } from './node/sim-node.ts';
import { swarmOf, type Swarm } from './swarm.ts';

/** What a run did, so that a test can see that it was not idle. */
export interface Stats {
  writes: number;
  snapshots: number;
  snapshotsSent: number;
  crashes: number;
}

export class World {
  readonly rng: SeededRng;
  readonly swarm: Swarm;
  readonly queue = new EventQueue();
  readonly trace: Trace;
  readonly network: Network;
  readonly checks: Checks;
  readonly nodes: readonly SimNode[];
  readonly customers: readonly Customer[];
  readonly operator: Operator;
  /** Where each node is. */
  readonly directory = new Map<NodeId, Address>();
  readonly stats: Stats = { writes: 0, snapshots: 0, snapshotsSent: 0, crashes: 0 };
  isCalm = false;
  /** Told of each manager that has just been elected. */
  leaderRose: (node: SimNode) => void = () => undefined;

  constructor(seed: number, overrides: Partial<Swarm> = {}) {
    this.rng = new SeededRng(seed);
    this.swarm = { ...swarmOf(this.rng), ...overrides };
    const { queue, rng, swarm } = this;
    this.trace = new Trace(() => queue.now);
    this.network = new Network({
      queue,
      rng,
      swarm,
      trace: this.trace,
      deliver: (from, to, packet) => this.nodes[to]?.receive(from, packet),
      accept: (end) => this.nodes[end.address]?.accept(end) ?? false,
    });
    this.nodes = Array.from({ length: swarm.nodes }, (_, at) => new SimNode(this, at));
    this.checks = new Checks(this.found());
    const first = swarm.nodes;
    this.customers = Array.from(
      { length: swarm.clients },
      (_, at) => new Customer(this, first + 1 + at),
    );
    this.operator = new Operator(this, first);
  }

  /** What an operator's own clock shows. */
  get wallMs(): number {
    return this.nodes[0]?.clock.wallMs() ?? 0;
  }

  /** Nodes that have a manager's disk. */
  get managers(): readonly SimNode[] {
    return this.nodes.filter(({ manager }) => manager !== undefined);
  }

  /** Of the manager that leads, or believes so most recently. */
  get desk(): LeaderDesk | undefined {
    return this.leader?.manager?.desk;
  }

  get leaderStore(): Store | undefined {
    return this.leader?.manager?.replica.store;
  }

  get leader(): SimNode | undefined {
    let found: SimNode | undefined;
    for (const node of this.nodes) {
      if (node.manager?.desk === undefined) continue;
      const term = node.manager.raft?.term ?? 0;
      if (term > (found?.manager?.raft?.term ?? -1)) found = node;
    }
    return found;
  }

  addressOf(peer: PeerId): Address {
    return this.directory.get(nodeOfPeer(peer)) ?? 0;
  }

  start(): void {
    for (const node of this.nodes) node.start();
    for (const customer of this.customers) customer.start();
  }

  /** Heals the network and the disks, and starts what is down. */
  calm(): void {
    this.isCalm = true;
    this.network.isCalm = true;
    this.network.heal();
    for (const node of this.nodes) {
      node.disk.isCalm = true;
      node.disk.isFull = false;
      node.managers = [...new Set([...this.managers.map(({ address }) => address)])];
      if (!node.isUp) node.start();
    }
    this.trace.note('calm');
  }

  private found(): Membership {
    const founders = this.nodes.slice(0, this.swarm.founders);
    const peers = founders.map((node) => node.newPeer());
    const membership = { voters: [...peers].sort(), learners: [] };
    for (const [at, node] of founders.entries()) {
      const peer = peers[at];
      if (peer !== undefined) node.makeManager(peer, membership);
      node.joinsAs = 'manager';
    }
    const addresses = founders.map(({ address }) => address);
    for (const node of this.nodes) node.managers = [...addresses];
    return membership;
  }
}
