/**
 * A group whose network and disks a script holds in its hands. Messages wait until they are
 * delivered, and disks are quick unless held; the simulation's checkers look on.
 */
import type { Rng } from '../../../src/base/index.ts';
import {
  decodeMessage,
  encodeMessage,
  type Entry,
  type HardState,
  type Membership,
  type PeerId,
  type ProposalRefusal,
  type Raft,
  type RaftLimits,
  type ReadId,
} from '../../../src/raft/index.ts';
import { Checkers } from '../sim/checkers.ts';
import { SimPeer, type Parcel, type PeerWorld } from '../sim/sim-peer.ts';
import { describeMessage, describeStamp } from './describe.ts';

export interface GroupOptions {
  readonly membership: Membership;
  /** Beside the members: peers that have nothing yet. */
  readonly others: readonly PeerId[];
  readonly limits: Partial<RaftLimits>;
}

/** Which messages a command means; every field that is there must fit. */
export interface Selection {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly kind?: string | undefined;
}

const DELIVERIES_MAX = 2000;

export class ScriptGroup implements PeerWorld {
  /** Always nought: every timeout is the shortest, and a crash loses all that is not durable. */
  readonly rng: Rng = { nextU32: () => 0 };
  readonly checkers: Checkers;
  private readonly peers: ReadonlyMap<PeerId, SimPeer>;
  private parcels: Parcel[] = [];
  private readonly cuts = new Set<string>();
  /** Writes that wait, of the peers whose disk is held. */
  private readonly held = new Map<SimPeer, (() => void)[]>();
  private readonly shown = new Map<SimPeer, { standing: string; commit: number }>();
  private lines: string[] = [];

  constructor({ membership, others, limits }: GroupOptions) {
    this.checkers = new Checkers(membership);
    const policy = { appendBytesMax: 1 << 20, snapshotEntries: Infinity, keptEntries: 0, limits };
    const members = [...membership.voters, ...membership.learners];
    const disks = [
      ...members.map((id) => ({ id, membership })),
      ...others.map((id) => ({ id, membership: undefined })),
    ];
    this.peers = new Map(disks.map((disk) => [disk.id, new SimPeer(disk, this, policy)]));
    for (const peer of this.peers.values()) peer.start();
    this.look();
    this.takeLines();
  }

  get all(): readonly SimPeer[] {
    return [...this.peers.values()];
  }

  get inFlight(): readonly string[] {
    return this.parcels.map(({ message }) => describeMessage(message));
  }

  peer(id: string | undefined): SimPeer {
    const peer = this.peers.get(id as PeerId);
    if (peer === undefined) throw new Error(`there is no peer ${id ?? ''}`);
    return peer;
  }

  /** Something is asked of a running peer. */
  touch<Result>(id: string | undefined, act: (raft: Raft) => Result): Result | undefined {
    const result = this.peer(id).touch(act);
    this.look();
    return result;
  }

  /** What was noticed since this was last asked. */
  takeLines(): readonly string[] {
    const { lines } = this;
    this.lines = [];
    return lines;
  }

  /** Hands over what is on its way at this moment. */
  deliver(selection: Selection): void {
    const due = this.take(selection);
    for (const parcel of due) this.hand(parcel);
  }

  /** Hands over until nothing is on its way any more, of what is selected. */
  run(selection: Selection): void {
    for (let count = 0; count < DELIVERIES_MAX; count += 1) {
      const [first, ...rest] = this.take(selection);
      if (first === undefined) return;
      this.parcels = [...rest, ...this.parcels];
      this.hand(first);
    }
    throw new Error('it never comes to rest');
  }

  drop(selection: Selection): void {
    for (const parcel of this.take(selection)) this.lose(parcel);
  }

  /** What is on its way arrives, and is on its way once more. */
  repeat(selection: Selection): void {
    const due = this.take(selection);
    this.parcels = [...due, ...this.parcels];
    for (const parcel of due) this.hand(parcel);
  }

  cut(side: readonly string[], other: readonly string[]): void {
    for (const from of side)
      for (const to of other) {
        this.cuts.add(`${from}>${to}`);
        this.cuts.add(`${to}>${from}`);
      }
  }

  heal(): void {
    this.cuts.clear();
  }

  holdDisk(peer: SimPeer): void {
    this.held.set(peer, []);
  }

  /** The write that waits becomes durable; the next one waits again. */
  sync(peer: SimPeer): void {
    const due = this.held.get(peer) ?? [];
    if (this.held.has(peer)) this.held.set(peer, []);
    for (const done of due) done();
    this.look();
  }

  releaseDisk(peer: SimPeer): void {
    const due = this.held.get(peer) ?? [];
    this.held.delete(peer);
    for (const done of due) done();
    this.look();
  }

  /** Starts a peer anew with this on its disk. */
  seed(peer: SimPeer, entries: readonly Entry[], hardState: HardState): void {
    peer.disk.log.append(entries);
    peer.disk.hardState = hardState;
    peer.start();
    this.look();
  }

  crash(peer: SimPeer): void {
    peer.crash();
    this.held.delete(peer);
    this.look();
  }

  start(peer: SimPeer): void {
    peer.start();
    this.look();
  }

  send({ message, ...rest }: Parcel): void {
    this.parcels.push({ message: decodeMessage(encodeMessage(message)), ...rest });
  }

  afterDisk(peer: SimPeer, done: () => void): void {
    const held = this.held.get(peer);
    if (held === undefined) done();
    else held.push(done);
  }

  onApplied(): void {
    // A script asks for what was applied.
  }

  onRead(peer: SimPeer, id: ReadId): void {
    this.lines.push(`${peer.id} answers read ${id} as of ${peer.machine.applied}`);
  }

  onLost(
    peer: SimPeer,
    { reads, refusals }: { reads: readonly ReadId[]; refusals: readonly ProposalRefusal[] },
  ): void {
    for (const id of reads) this.lines.push(`${peer.id} gives read ${id} up`);
    for (const { session, reason } of refusals)
      this.lines.push(`${peer.id} is refused ${describeStamp(session)}: ${reason}`);
  }

  private take({ from, to, kind }: Selection): readonly Parcel[] {
    const isMeant = ({ message }: Parcel): boolean =>
      (from === undefined || from === message.from) &&
      (to === undefined || to === message.to) &&
      (kind === undefined || message.kind.startsWith(kind));
    const due = this.parcels.filter(isMeant);
    this.parcels = this.parcels.filter((parcel) => !isMeant(parcel));
    return due;
  }

  private hand(parcel: Parcel): void {
    const { message, state } = parcel;
    if (this.cuts.has(`${message.from}>${message.to}`)) {
      this.lose(parcel);
      return;
    }
    this.lines.push(describeMessage(message));
    const outcome = this.peer(message.to).receive(parcel);
    if (outcome === undefined) this.lines.push(`${message.to} is down`);
    else if (outcome.kind !== 'taken') this.lines.push(`${message.to}: ${JSON.stringify(outcome)}`);
    this.look();
    if (state !== undefined) this.report(parcel, outcome === undefined ? 'failed' : 'delivered');
  }

  private lose(parcel: Parcel): void {
    this.lines.push(`lost: ${describeMessage(parcel.message)}`);
    if (parcel.state !== undefined) this.report(parcel, 'failed');
  }

  private report({ message }: Parcel, result: 'delivered' | 'failed'): void {
    this.touch(message.from, (raft) => raft.reportSnapshot(message.to, result));
  }

  /** Notes what changed of each peer. */
  private look(): void {
    for (const peer of this.peers.values()) {
      const standing = standingOf(peer.raft);
      const commit = peer.raft?.commit ?? 0;
      const before = this.shown.get(peer);
      if (before?.standing !== standing) this.lines.push(`${peer.id} is ${standing}`);
      if ((before?.commit ?? 0) < commit) this.lines.push(`${peer.id} commits ${commit}`);
      this.shown.set(peer, { standing, commit });
    }
  }
}

function standingOf(raft: Raft | undefined): string {
  return raft === undefined ? 'down' : `${raft.role} in term ${raft.term}`;
}
