import { SeededRng, type Rng } from '../../../src/base/index.ts';
import {
  Raft,
  type Command,
  type LogIndex,
  type Membership,
  type Message,
  type PeerId,
  type ProposalRefusal,
  type RaftLimits,
  type ReadId,
  type ReadState,
  type Ready,
  type SnapshotMeta,
  type SnapshotRequest,
  type StepOutcome,
  type Write,
} from '../../../src/raft/index.ts';
import type { Checkers } from './checkers.ts';
import { SimDisk } from './disk.ts';
import { Machine, type MachineState } from './machine.ts';

/** A message on the wire; a snapshot's state travels with its request. */
export interface Parcel {
  readonly message: Message;
  readonly state?: MachineState;
}

/** What a peer needs of the world, and tells it. */
export interface PeerWorld {
  readonly rng: Rng;
  readonly checkers: Checkers;
  send(parcel: Parcel): void;
  /** Runs `done` when the peer's disk would be ready. */
  afterDisk(peer: SimPeer, done: () => void): void;
  onApplied(peer: SimPeer, command: Command): void;
  onRead(peer: SimPeer, id: ReadId): void;
  onLost(
    peer: SimPeer,
    lost: { reads: readonly ReadId[]; refusals: readonly ProposalRefusal[] },
  ): void;
}

export interface SimPolicy {
  readonly appendBytesMax: number;
  readonly snapshotEntries: number;
  readonly keptEntries: number;
  readonly limits?: Partial<RaftLimits>;
}

const LIMITS = { inflightMessagesMax: 4, promoteLagEntriesMax: 20 };

/** One peer with its disk and the loop around it, as `index.ts` of the room says. */
export class SimPeer {
  readonly id: PeerId;
  readonly disk: SimDisk;
  machine = new Machine();
  private core: Raft | undefined;
  private lives = 0;
  private readonly world: PeerWorld;
  private readonly policy: SimPolicy;
  private writing: { write: Write; state: MachineState | undefined } | undefined;
  private received = new Map<string, MachineState>();
  private waitingReads: ReadState[] = [];
  private isPumping = false;

  constructor(
    { id, membership }: { id: PeerId; membership: Membership | undefined },
    world: PeerWorld,
    policy: SimPolicy,
  ) {
    this.id = id;
    this.world = world;
    this.policy = policy;
    this.disk = new SimDisk(membership);
  }

  get raft(): Raft | undefined {
    return this.core;
  }

  start(): void {
    const { hardState, commit, log } = this.disk;
    this.lives += 1;
    this.machine = new Machine(this.disk.state);
    this.received.clear();
    this.waitingReads = [];
    this.core = new Raft({
      id: this.id,
      log,
      ...(hardState && { hardState }),
      commit,
      rng: new SeededRng(this.world.rng.nextU32()),
      timing: { heartbeatTicks: 2, electionTicks: 8 },
      limits: { ...LIMITS, appendBytesMax: this.policy.appendBytesMax, ...this.policy.limits },
    });
    this.world.checkers.checkMembership(this.core);
  }

  crash(): void {
    if (this.writing !== undefined)
      this.disk.tear(this.writing.write, this.writing.state, this.world.rng);
    this.writing = undefined;
    this.core = undefined;
  }

  /** Something happens to the core; then everything that follows from it. */
  touch<Result>(act: (raft: Raft) => Result): Result | undefined {
    if (this.core === undefined) return undefined;
    const result = act(this.core);
    this.pump();
    return result;
  }

  receive({ message, state }: Parcel): StepOutcome | undefined {
    if (message.kind === 'snapshot.request' && state !== undefined)
      this.received.set(nameOf(message.snapshot), state);
    return this.touch((raft) => raft.step(message));
  }

  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    for (let turn = 0; this.core?.hasWork === true; turn += 1) {
      if (turn > 1000) throw new Error('violation: the core always has work');
      this.world.checkers.checkPeer(this.core);
      this.work(this.core, this.core.drain());
    }
    if (this.core !== undefined) {
      this.world.checkers.checkPeer(this.core);
      this.serveReads(this.core);
      this.maybeSnapshot(this.core);
    }
    this.isPumping = false;
  }

  private work(raft: Raft, ready: Ready): void {
    for (const message of ready.messages) {
      if (message.kind === 'snapshot.request') this.sendSnapshot(message);
      else this.world.send({ message });
    }
    if (ready.write !== undefined) this.beginWrite(raft, ready.write);
    for (const entry of ready.committed) {
      this.world.checkers.noteApplied(this.id, entry);
      const command = this.machine.apply(entry);
      if (command !== undefined) this.world.onApplied(this, command);
    }
    const applied = ready.committed.at(-1)?.index;
    if (applied !== undefined) raft.advance({ applied });
    this.waitingReads.push(...ready.reads);
    this.world.onLost(this, { reads: ready.lostReads, refusals: ready.refusals });
  }

  private sendSnapshot(request: SnapshotRequest): void {
    const { snapshot } = this.disk.log;
    this.world.send({ message: { ...request, snapshot }, state: this.disk.state });
  }

  private beginWrite(raft: Raft, write: Write): void {
    this.world.checkers.noteWritten(raft, write.entries);
    const { snapshot } = write;
    const state = snapshot && this.received.get(nameOf(snapshot));
    this.writing = { write, state };
    const { lives } = this;
    const done = (): void => {
      if (this.core !== undefined && lives === this.lives) this.endWrite(write, state);
    };
    if (write.needsSync) this.world.afterDisk(this, done);
    else done();
  }

  private endWrite(write: Write, state: MachineState | undefined): void {
    this.writing = undefined;
    this.disk.write(write, state);
    for (const message of write.messages) this.world.send({ message });
    if (state !== undefined) {
      this.machine = new Machine(state);
      this.received.clear();
    }
    this.touch((raft) => {
      raft.advance({ persisted: write.id });
      if (state !== undefined) this.world.checkers.checkMembership(raft);
    });
  }

  private serveReads(raft: Raft): void {
    const ready = this.waitingReads.filter(({ index }) => index <= raft.applied);
    this.waitingReads = this.waitingReads.filter(({ index }) => index > raft.applied);
    for (const { id } of ready) this.world.onRead(this, id);
  }

  private maybeSnapshot(raft: Raft): void {
    const { applied } = this.machine;
    const due = this.disk.log.snapshot.index + this.policy.snapshotEntries;
    if (raft.applied === applied && applied >= due) this.takeSnapshot(this.policy.keptEntries);
  }

  /** Of what is applied; the log keeps `kept` of the entries that the snapshot holds. */
  takeSnapshot(kept: number): void {
    const index = this.machine.applied;
    const { log } = this.disk;
    const term = log.term(index);
    if (term === undefined) throw new Error('violation: an applied entry is not durable');
    const membership = this.core?.membershipAt(index);
    if (membership === undefined) return;
    this.disk.noteSnapshot({ index, term, membership }, this.machine.snapshot());
    this.world.checkers.checkHistory(this.id, this.machine);
    log.compact(Math.max(0, index - kept) as LogIndex);
  }
}

function nameOf({ index, term }: SnapshotMeta): string {
  return `${index}.${term}`;
}
