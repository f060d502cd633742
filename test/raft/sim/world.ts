/**
 * A whole group in virtual time. One seed is one run. First a storm, in which nothing may go wrong
 * for good; then everything heals, and the group has to come together within a bounded time.
 */
import { SeededRng, randomBelow } from '../../../src/base/index.ts';
import type {
  Command,
  Membership,
  MembershipChange,
  PeerId,
  ProposalRefusal,
  ReadId,
} from '../../../src/raft/index.ts';
import { Checkers, Violation } from './checkers.ts';
import { EventQueue } from './event-queue.ts';
import { SimNetwork } from './network.ts';
import { SimClient } from './sim-client.ts';
import { SimPeer, type Parcel, type PeerWorld } from './sim-peer.ts';
import { weatherOf, type Weather } from './weather.ts';

const TICK_UNITS = 10;
const CALM_UNITS = 6000;

/** What happened, so that a test can see that a run was not idle. */
export interface Summary {
  readonly commits: number;
  readonly writes: number;
  readonly reads: number;
  readonly leaderships: number;
  readonly snapshots: number;
  readonly terms: number;
}

export class World implements PeerWorld {
  readonly rng: SeededRng;
  readonly weather: Weather;
  readonly queue = new EventQueue();
  readonly checkers: Checkers;
  readonly peers: readonly SimPeer[];
  private readonly network: SimNetwork;
  private readonly clients: readonly SimClient[];
  private isCalm = false;
  private readIds = 0;
  private leaderships = 0;
  private snapshots = 0;

  constructor(seed: number, weather: Partial<Weather> = {}) {
    this.rng = new SeededRng(seed);
    this.weather = { ...weatherOf(this.rng), ...weather };
    const ids = Array.from({ length: this.weather.peers }, (_, at) => `p${at + 1}` as PeerId);
    const membership = { voters: ids.slice(0, this.weather.voters), learners: [] };
    this.checkers = new Checkers(membership);
    const { rng, queue, weather: swarm } = this;
    this.network = new SimNetwork({
      queue,
      rng,
      weather: swarm,
      deliver: (parcel) => this.peerOf(parcel.message.to)?.receive(parcel),
      report: (parcel, result) => this.report(parcel, result),
    });
    this.peers = ids.map((id) => new SimPeer(initial(id, membership), this, swarm));
    this.clients = Array.from(
      { length: swarm.clients },
      (_, at) => new SimClient(`c${at + 1}`, this),
    );
  }

  /** Throws `Violation`, or the core's assertion, when something went wrong. */
  run(): Summary {
    for (const peer of this.peers) this.startPeer(peer);
    for (const client of this.clients) client.next();
    this.every(this.weather.crashInterval, () => this.crashOne());
    this.every(this.weather.partitionInterval, () => this.repartition());
    this.every(this.weather.membershipInterval, () => this.changeMembership());
    this.every(this.weather.transferInterval, () => this.transfer());
    this.queue.runUntil(this.weather.stormUnits);
    this.calm();
    this.settle();
    return this.summary();
  }

  newReadId(): ReadId {
    this.readIds += 1;
    return this.readIds as ReadId;
  }

  send(parcel: Parcel): void {
    if (parcel.state !== undefined) this.snapshots += 1;
    this.network.send(parcel);
  }

  afterDisk(_peer: SimPeer, done: () => void): void {
    const { diskMax } = this.weather;
    this.queue.after(this.isCalm || diskMax === 0 ? 0 : randomBelow(this.rng, diskMax), done);
  }

  onApplied(peer: SimPeer, command: Command): void {
    for (const client of this.clients) client.onApplied(peer, command);
  }

  onRead(peer: SimPeer, id: ReadId): void {
    for (const client of this.clients) client.onRead(peer, id);
  }

  onLost(
    _peer: SimPeer,
    { reads }: { reads: readonly ReadId[]; refusals: readonly ProposalRefusal[] },
  ): void {
    if (reads.length > 0) for (const client of this.clients) client.onLost(reads);
  }

  private peerOf(id: PeerId): SimPeer | undefined {
    return this.peers.find((peer) => peer.id === id);
  }

  private startPeer(peer: SimPeer): void {
    peer.start();
    const life = peer.raft;
    // Clocks are not in step, and one in ten runs a tenth fast.
    const period = randomBelow(this.rng, 10) === 0 ? TICK_UNITS - 1 : TICK_UNITS;
    const tick = (): void => {
      if (life === undefined || peer.raft !== life) return;
      peer.touch((raft) => raft.tick());
      this.queue.after(period, tick);
    };
    this.queue.after(randomBelow(this.rng, TICK_UNITS), tick);
  }

  private report({ message }: Parcel, result: 'delivered' | 'failed'): void {
    this.peerOf(message.from)?.touch((raft) => raft.reportSnapshot(message.to, result));
  }

  private every(interval: number, act: () => void): void {
    if (interval === 0) return;
    this.queue.after(1 + randomBelow(this.rng, interval * 2), () => {
      if (this.isCalm) return;
      act();
      this.every(interval, act);
    });
  }

  private crashOne(): void {
    // Leaders crash more often than chance would have it: that is where the bugs are.
    const leader = this.peers.find(({ raft }) => raft?.role === 'leader');
    const any = this.peers[randomBelow(this.rng, this.peers.length)];
    const peer = randomBelow(this.rng, 3) === 0 ? (leader ?? any) : any;
    if (peer?.raft === undefined) return;
    this.leaderships += peer.raft.counters.leaderships;
    peer.crash();
    this.queue.after(1 + randomBelow(this.rng, this.weather.downMax), () => {
      if (peer.raft === undefined) this.startPeer(peer);
    });
  }

  private repartition(): void {
    if (randomBelow(this.rng, 3) === 0) this.network.heal();
    else this.network.partition(this.peers.map(({ id }) => id));
  }

  private changeMembership(): void {
    const target = this.peers[randomBelow(this.rng, this.peers.length)];
    if (target === undefined) return;
    for (const peer of this.peers) {
      if (peer.raft?.role !== 'leader') continue;
      const change = this.changeFor(target.id, peer.raft.membership);
      peer.touch((raft) => raft.proposeMembership(change));
    }
  }

  /** One that makes sense to the leader, so that most are taken. */
  private changeFor(peer: PeerId, { voters, learners }: Membership): MembershipChange {
    const isLeaving = randomBelow(this.rng, 3) === 0;
    if (voters.includes(peer)) return { kind: isLeaving ? 'remove' : 'demote', peer };
    if (learners.includes(peer)) return { kind: isLeaving ? 'remove' : 'promote', peer };
    return { kind: 'add-learner', peer };
  }

  private transfer(): void {
    const leader = this.peers.find(({ raft }) => raft?.role === 'leader');
    const target = this.peers[randomBelow(this.rng, this.peers.length)];
    leader?.touch((raft) => raft.transferLeadership(target?.id));
  }

  private calm(): void {
    this.isCalm = true;
    this.network.isCalm = true;
    this.network.heal();
    for (const peer of this.peers) if (peer.raft === undefined) this.startPeer(peer);
  }

  /** Everybody who is a member holds and has applied everything, and clients get on. */
  private settle(): void {
    const before = this.clients.map(({ writesDone }) => writesDone);
    const end = this.queue.now + CALM_UNITS;
    while (!this.isSettled(before)) {
      if (this.queue.now >= end) throw new Violation(`violation: no progress; ${this.describe()}`);
      this.queue.runUntil(this.queue.now + 50);
    }
    for (const peer of this.members()) {
      if (peer.raft === undefined) continue;
      this.checkers.checkMembership(peer.raft);
      this.checkers.checkHistory(peer.id, peer.machine);
    }
    const leader = this.leader();
    if (leader !== undefined) this.checkers.checkComplete(leader.id, leader.machine);
  }

  private leader(): SimPeer | undefined {
    const leaders = this.peers.filter(({ raft }) => raft?.role === 'leader');
    return leaders.sort((a, b) => (b.raft?.term ?? 0) - (a.raft?.term ?? 0))[0];
  }

  private members(): readonly SimPeer[] {
    const membership = this.leader()?.raft?.membership;
    const ids = [...(membership?.voters ?? []), ...(membership?.learners ?? [])];
    return this.peers.filter(({ id }) => ids.includes(id));
  }

  private isSettled(writesBefore: readonly number[]): boolean {
    const leader = this.leader();
    if (leader?.raft === undefined || leader.raft.applied < this.checkers.commitIndex) return false;
    // Clients go on writing, so followers are a little behind when they are up to date.
    const recent = leader.raft.commit - 10;
    const isTogether = this.members().every(({ raft }) => (raft?.applied ?? 0) >= recent);
    return (
      isTogether && this.clients.every((client, at) => client.writesDone > (writesBefore[at] ?? 0))
    );
  }

  private describe(): string {
    return this.peers
      .map(({ id, raft }) => {
        if (raft === undefined) return `${id} down`;
        return `${id} ${raft.role} term ${raft.term} commit ${raft.commit}/${raft.lastIndex}`;
      })
      .join(', ');
  }

  private summary(): Summary {
    const sum = (of: (client: SimClient) => number): number =>
      this.clients.reduce((total, client) => total + of(client), 0);
    return {
      commits: this.checkers.commitIndex,
      writes: sum(({ writesDone }) => writesDone),
      reads: sum(({ readsDone }) => readsDone),
      leaderships: this.leaderships,
      snapshots: this.snapshots,
      terms: Math.max(...this.peers.map(({ raft }) => raft?.term ?? 0)),
    };
  }
}

function initial(id: PeerId, membership: Membership) {
  return { id, membership: membership.voters.includes(id) ? membership : undefined };
}
