import { randomBelow } from '../../../src/base/index.ts';
import type { ClientId, Command, LogIndex, PeerId, ReadId } from '../../../src/raft/index.ts';
import type { SimPeer } from './sim-peer.ts';
import type { World } from './world.ts';

interface Attempt {
  readonly number: number;
  readonly peer: PeerId;
  readonly read: { readonly id: ReadId; readonly since: LogIndex } | undefined;
}

const PATIENCE_UNITS = 150;

/** Does one thing after the other: a write, tried until it is acknowledged, or a read. */
export class SimClient {
  private readonly id: ClientId;
  private readonly world: World;
  private sequence = 1;
  private readonly since = 0 as LogIndex;
  private attempts = 0;
  private current: Attempt | undefined;
  writesDone = 0;
  readsDone = 0;

  constructor(id: string, world: World) {
    this.id = id as ClientId;
    this.world = world;
  }

  next(): void {
    const { rng, peers } = this.world;
    const peer = peers[randomBelow(rng, peers.length)];
    this.attempts += 1;
    if (peer !== undefined) this.tryOn(peer, this.attempts);
    const { attempts } = this;
    this.world.queue.after(PATIENCE_UNITS, () => {
      if (attempts === this.attempts) this.next();
    });
  }

  private tryOn(peer: SimPeer, number: number): void {
    const isWrite = randomBelow(this.world.rng, 3) > 0;
    const outcome = isWrite ? this.tryWrite(peer, number) : this.tryRead(peer, number);
    if (outcome?.kind !== 'appended' && outcome?.kind !== 'forwarded' && outcome?.kind !== 'queued')
      this.retryLater();
  }

  private tryWrite(peer: SimPeer, number: number) {
    this.current = { number, peer: peer.id, read: undefined };
    const command: Command = {
      data: new Uint8Array(randomBelow(this.world.rng, 120)),
      session: {
        client: this.id,
        sequence: this.sequence,
        floor: this.sequence,
        since: this.since,
      },
    };
    return peer.touch((raft) => raft.propose([command]));
  }

  private tryRead(peer: SimPeer, number: number) {
    const id = this.world.newReadId();
    this.current = {
      number,
      peer: peer.id,
      read: { id, since: this.world.checkers.visibleIndex },
    };
    return peer.touch((raft) => raft.readIndex(id));
  }

  /** The peer that this client asked applied a command. */
  onApplied(peer: SimPeer, command: Command): void {
    if (this.current?.peer !== peer.id || this.current.read !== undefined) return;
    const { client, sequence } = command.session;
    if (client !== this.id || sequence !== this.sequence) return;
    this.world.checkers.noteAcknowledged(command, peer.machine.applied);
    this.sequence += 1;
    this.writesDone += 1;
    this.goOn();
  }

  onRead(peer: SimPeer, id: ReadId): void {
    const { current } = this;
    if (current?.read?.id !== id || current.peer !== peer.id) return;
    this.world.checkers.noteRead(peer.id, peer.machine.applied, current.read.since);
    this.readsDone += 1;
    this.goOn();
  }

  onLost(reads: readonly ReadId[]): void {
    if (this.current?.read !== undefined && reads.includes(this.current.read.id)) this.goOn();
  }

  private goOn(): void {
    this.current = undefined;
    this.retryLater();
  }

  private retryLater(): void {
    const { attempts, world } = this;
    world.queue.after(1 + randomBelow(world.rng, 15), () => {
      if (attempts === this.attempts) this.next();
    });
  }
}
