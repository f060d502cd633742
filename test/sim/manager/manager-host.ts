/**
 * One manager: a consensus core with its disk, its replica of the store, and the loop around them
 * that `src/raft/index.ts` asks of a host. While it leads, a `LeaderDesk` does what leaders do.
 */
import { SeededRng } from '../../../src/base/index.ts';
import {
  Raft,
  encodeMessage,
  type LogIndex,
  type Membership,
  type Message,
  type PeerId,
  type Ready,
  type SnapshotRequest,
  type Write,
} from '../../../src/raft/index.ts';
import type { Address } from '../engine/network.ts';
import type { Packet } from '../engine/protocol.ts';
import { violated } from '../engine/violation.ts';
import type { SimNode } from '../node/sim-node.ts';
import type { World } from '../world.ts';
import { messageOf } from './bytes.ts';
import { Courier } from './courier.ts';
import { Journal } from './journal.ts';
import { LeaderDesk } from './leader-desk.ts';
import { Proposer } from './proposer.ts';
import { Replica } from './replica.ts';

const TIMING = { heartbeatTicks: 2, electionTicks: 10 };
const LIMITS = { inflightMessagesMax: 6, promoteLagEntriesMax: 50 };
/** More turns of one pump are an endless loop. */
const TURNS_MAX = 2_000;

export class ManagerHost {
  readonly peerId: PeerId;
  readonly world: World;
  readonly node: SimNode;
  replica: Replica;
  private readonly journal: Journal;
  private core: Raft | undefined;
  private proposing: Proposer | undefined;
  private courier: Courier | undefined;
  private leading: LeaderDesk | undefined;
  private lives = 0;
  private readonly received = new Map<string, string>();
  private isPumping = false;
  private ledTerm = 0;

  /** `members` begin a new group; without them the peer waits to be added to one. */
  constructor(node: SimNode, peerId: PeerId, members: Membership | undefined) {
    this.node = node;
    this.world = node.world;
    this.peerId = peerId;
    this.replica = new Replica(this.world.swarm.sessionClientsMax);
    this.journal = new Journal(node.disk, members, (ms, act) => this.after(ms, act));
  }

  get now(): number {
    return this.world.queue.now;
  }

  get raft(): Raft | undefined {
    return this.core;
  }

  get proposer(): Proposer | undefined {
    return this.proposing;
  }

  /** While this manager leads, and has applied what its predecessors committed. */
  get desk(): LeaderDesk | undefined {
    return this.leading;
  }

  /** What is durable of the log begins after this index. */
  get snapshotIndex(): LogIndex {
    return this.journal.log.snapshot.index;
  }

  start(): void {
    this.lives += 1;
    const { hardState, commit, log, state } = this.journal.recover();
    const { rng, swarm, checks } = this.world;
    this.replica = new Replica(swarm.sessionClientsMax);
    if (state !== undefined) this.replica.restore(state);
    this.received.clear();
    this.core = new Raft({
      id: this.peerId,
      log,
      ...(hardState && { hardState }),
      commit,
      rng: new SeededRng(rng.nextU32()),
      timing: TIMING,
      limits: { ...LIMITS, appendBytesMax: swarm.appendBytesMax },
    });
    this.proposing = new Proposer(this, `${this.peerId}/${this.lives}`);
    this.courier = new Courier(this.courierHost(), this.lives * 1_000_000);
    checks.raft.membership(this.core);
    this.tickLater();
  }

  /** The process is gone; `SimNode` lets the disk forget. */
  stop(): void {
    this.leading?.stop();
    this.leading = undefined;
    this.core = undefined;
    this.proposing = undefined;
    this.courier = undefined;
    this.lives += 1;
    this.isPumping = false;
  }

  /** Calls back unless this life has ended by then. */
  after(ms: number, act: () => void): void {
    const { lives } = this;
    this.world.queue.after(ms, () => {
      if (lives === this.lives && this.core !== undefined) act();
    });
  }

  /** Something happens to the core; then everything that follows from it. */
  touch<Result>(act: (raft: Raft) => Result): Result | undefined {
    if (this.core === undefined) return undefined;
    const result = act(this.core);
    this.pump();
    return result;
  }

  receive(from: Address, packet: Exclude<Packet, { kind: 'gossip' }>): void {
    switch (packet.kind) {
      case 'raft':
        if (packet.peer === this.peerId) this.receiveMessage(messageOf(packet.bytes));
        return;
      case 'chunk':
        if (packet.request.to === this.peerId) this.courier?.take(from, packet);
        return;
      case 'chunk-ack':
        this.courier?.acknowledged(packet.transfer, packet.part);
    }
  }

  private receiveMessage(message: Message): void {
    const { trace } = this.world;
    const event = `${this.peerId} < ${message.from} ${sketch(message)}`;
    if (message.kind.startsWith('heartbeat')) trace.noteOften(event);
    else trace.note(event);
    this.touch((raft) => raft.step(message));
  }

  private tickLater(): void {
    this.after(this.node.clock.span(this.world.swarm.tickMs), () => {
      this.tickLater();
      this.touch((raft) => raft.tick());
    });
  }

  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    const { checks } = this.world;
    for (let turn = 0; this.core?.hasWork === true; turn += 1) {
      if (turn > TURNS_MAX) violated('assertions', `${this.peerId}: the core always has work`);
      checks.raft.peer(this.core);
      this.work(this.core, this.core.drain());
    }
    this.isPumping = false;
    if (this.core === undefined) return;
    checks.raft.peer(this.core);
    this.noteLeadership(this.core);
    this.proposing?.serve();
    this.maybeSnapshot(this.core);
    this.updateDesk(this.core);
  }

  private work(raft: Raft, ready: Ready): void {
    for (const message of ready.messages) this.send(message);
    if (ready.write !== undefined) this.beginWrite(raft, ready.write);
    this.apply(raft, ready);
    this.proposing?.readsReady(ready.reads, ready.lostReads);
    this.proposing?.refused(ready.refusals);
  }

  private apply(raft: Raft, { committed }: Ready): void {
    const { checks } = this.world;
    for (const entry of committed) {
      checks.raft.applied(this.peerId, entry);
      const applied = this.replica.apply(entry);
      checks.replicas.applied(this.peerId, this.replica, applied);
      if (applied !== undefined) this.proposing?.applied(applied);
    }
    const last = committed.at(-1)?.index;
    if (last === undefined) return;
    raft.advance({ applied: last });
    this.leading?.storeChanged();
  }

  private send(message: Message): void {
    if (message.kind === 'snapshot.request') this.sendSnapshot(message);
    else this.sendTo(message.to, { kind: 'raft', peer: message.to, bytes: encodeMessage(message) });
  }

  private sendTo(peer: PeerId, packet: Packet): void {
    this.world.network.send(this.node.address, this.world.addressOf(peer), packet);
  }

  private sendSnapshot(request: SnapshotRequest): void {
    const { state, log } = this.journal;
    this.world.stats.snapshotsSent += 1;
    if (state !== undefined) this.courier?.send(request, log.snapshot, state);
    else this.after(1, () => this.touch((raft) => raft.reportSnapshot(request.to, 'failed')));
  }

  private beginWrite(raft: Raft, write: Write): void {
    this.world.checks.raft.written(raft, write.entries);
    const state = write.snapshot && this.received.get(nameOf(write.snapshot));
    if (write.snapshot !== undefined && state === undefined)
      violated('assertions', `${this.peerId} is to install a snapshot that it does not have`);
    const { lives } = this;
    const done = (): void => {
      if (lives === this.lives) this.endWrite(write, state);
    };
    if (write.needsSync) this.journal.write(write, state, done);
    else done();
  }

  private endWrite(write: Write, state: string | undefined): void {
    for (const message of write.messages) this.send(message);
    if (state !== undefined) {
      this.replica.restore(state);
      this.received.clear();
      this.leading?.storeChanged();
    }
    this.touch((raft) => {
      raft.advance({ persisted: write.id });
      if (state !== undefined) this.world.checks.raft.membership(raft);
    });
  }

  private maybeSnapshot(raft: Raft): void {
    const { swarm, checks } = this.world;
    const { journal, replica } = this;
    const index = replica.applied;
    if (journal.isCompacting || raft.applied !== index) return;
    if (index - journal.log.snapshot.index < swarm.snapshotEntries) return;
    const term = journal.log.term(index);
    if (term === undefined) return;
    const state = replica.snapshot();
    checks.replicas.snapshot(this.peerId, index, state);
    const membership = raft.membershipAt(index);
    this.world.stats.snapshots += 1;
    journal.compact({ index, term, membership }, state, swarm.keptEntries);
  }

  private noteLeadership({ role, term }: Raft): void {
    if (role !== 'leader' || term === this.ledTerm) return;
    this.ledTerm = term;
    this.world.leaderRose(this.node);
  }

  /** A leader begins its duties when it knows what was decided before it. */
  private updateDesk(raft: Raft): void {
    const isLeading = raft.role === 'leader' && this.replica.appliedTerm === raft.term;
    if (isLeading === (this.leading !== undefined)) return;
    this.leading?.stop();
    this.leading = isLeading ? new LeaderDesk(this) : undefined;
    this.world.trace.note(`${this.peerId} ${isLeading ? 'leads' : 'ends'} in term ${raft.term}`);
    this.leading?.start();
  }

  private courierHost(): ConstructorParameters<typeof Courier>[0] {
    return {
      after: (ms, act) => this.after(ms, act),
      sendTo: (peer, packet) => this.sendTo(peer, packet),
      reply: (to, packet) => this.world.network.send(this.node.address, to, packet),
      ended: (peer, result) => this.touch((raft) => raft.reportSnapshot(peer, result)),
      arrived: (request, state) => {
        this.received.set(nameOf(request.snapshot), state);
        this.receiveMessage(request);
      },
    };
  }
}

function nameOf({ index, term }: { readonly index: number; readonly term: number }): string {
  return `${index}.${term}`;
}

function sketch(message: Message): string {
  const term = 'term' in message ? ` t${message.term}` : '';
  if (message.kind !== 'append.request') return `${message.kind}${term}`;
  return `${message.kind}${term} ${message.previousIndex}+${message.entries.length}`;
}
