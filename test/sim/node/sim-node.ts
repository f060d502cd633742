/**
 * One machine: its disk, its containers, and the agent on it, which may crash and come back. A
 * crashed agent leaves containers alone; a machine that loses power loses them.
 */
import type { NodeId, TaskId } from '../../../src/model/index.ts';
import type { Membership, PeerId } from '../../../src/raft/index.ts';
import { randomBelow } from '../../../src/base/index.ts';
import { SimDisk } from '../engine/disk.ts';
import type { Address, StreamEnd } from '../engine/network.ts';
import type { ApiAsks, Packet, StreamMessage } from '../engine/protocol.ts';
import { answer } from '../load/answers.ts';
import { ManagerHost } from '../manager/manager-host.ts';
import { nodeOfPeer } from '../manager/role-keeper.ts';
import type { World } from '../world.ts';
import { Containers } from './containers.ts';
import { GossipHost } from './gossip-host.ts';
import { NodeClock } from './node-clock.ts';
import { WorkerHost } from './worker-host.ts';

const CLOCKS_FAST_ONE_IN = 10;
const FAST_PACE = 1.1;
const REJOIN_MAX_MS = 3_000;

export class SimNode {
  readonly world: World;
  readonly address: Address;
  readonly disk: SimDisk;
  readonly clock: NodeClock;
  readonly containers = new Containers();
  worker: WorkerHost;
  manager: ManagerHost | undefined;
  /** From when the node is a member of the cluster. */
  gossip: GossipHost | undefined;
  /** Changes when the node is removed from the cluster and joins again. */
  nodeId: NodeId;
  joinsAs: 'worker' | 'manager' = 'worker';
  hasJoined = false;
  /** Where managers were said to be. */
  managers: Address[] = [];
  /** What the agent kept of its rows on disk. */
  keptRows: ConstructorParameters<typeof WorkerHost>[1];
  isUp = false;
  private lives = 0;
  private generation = 0;

  constructor(world: World, address: Address) {
    this.world = world;
    this.address = address;
    const { queue, rng, swarm } = world;
    this.disk = new SimDisk({ queue, rng, swarm });
    const skewMs = swarm.skewMaxMs === 0 ? 0 : randomBelow(rng, swarm.skewMaxMs);
    const pace = randomBelow(rng, CLOCKS_FAST_ONE_IN) === 0 ? FAST_PACE : 1;
    this.clock = new NodeClock(queue, { skewMs, pace });
    this.nodeId = this.newId();
    this.worker = new WorkerHost(this, undefined);
  }

  /** Gives the node a manager's disk; with `members` it begins the group with them. */
  makeManager(peer: PeerId, members: Membership | undefined): ManagerHost {
    const manager = new ManagerHost(this, peer, members);
    this.manager = manager;
    return manager;
  }

  start(): void {
    this.isUp = true;
    this.lives += 1;
    this.worker = new WorkerHost(this, this.keptRows);
    this.manager?.start();
    this.worker.start();
    if (this.hasJoined) this.startGossip();
  }

  crash(kind: 'agent' | 'machine'): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.lives += 1;
    this.world.trace.note(`${this.nodeId} ${kind} crash`);
    this.disk.crash();
    this.manager?.stop();
    this.gossip = undefined;
    this.world.network.forget(this.address);
    if (kind === 'agent') return;
    for (const [id] of this.containers.running()) this.world.checks.allocation.ended(id);
    this.containers.lose();
  }

  /** Calls back unless the agent has ended by then. */
  after(ms: number, act: () => void): void {
    const { lives } = this;
    this.world.queue.after(ms, () => {
      if (lives === this.lives && this.isUp) act();
    });
  }

  receive(from: Address, packet: Packet): void {
    if (!this.isUp) return;
    if (packet.kind === 'gossip') this.gossip?.receive(from, packet.bytes);
    else this.manager?.receive(from, packet);
  }

  /** Somebody dialled: a node that wants a session or gossips, or a client with a question. */
  accept(end: StreamEnd): boolean {
    if (!this.isUp) return false;
    end.take = (message) => this.takeFirst(end, message);
    return true;
  }

  endContainer(id: TaskId, exitCode: number): void {
    const container = this.containers.all.get(id);
    if (container?.state !== 'running') return;
    container.state = 'exited';
    container.exitCode = exitCode;
    this.world.checks.allocation.ended(id);
    if (!this.isUp) return;
    this.gossip?.containersChanged();
    this.worker.look(id);
  }

  welcomed(managers: readonly Address[]): void {
    this.hasJoined = true;
    this.managers = [...new Set([...managers, ...this.managers])];
    if (this.gossip === undefined) this.startGossip();
  }

  /** `isMember`: whether this node's peer takes part in the group. */
  takeRole(role: 'worker' | 'manager', isMember: boolean): void {
    if (role === 'manager' && this.manager === undefined) {
      this.makeManager(this.newPeer(), undefined).start();
      this.worker.sayPeer();
    } else if (role === 'worker' && !isMember && this.manager !== undefined) {
      this.dropManager();
      this.worker.sayPeer();
    }
  }

  /** The node was removed: what it had is gone, and it joins again under another id. */
  becomeUnknown(): void {
    const { world, managers } = this;
    world.trace.note(`${this.nodeId} is unknown`);
    this.crash('machine');
    if (this.manager !== undefined) this.dropManager();
    this.containers.clear();
    this.keptRows = undefined;
    this.hasJoined = false;
    this.joinsAs = 'worker';
    this.generation += 1;
    this.nodeId = this.newId();
    this.managers = managers;
    world.queue.after(1 + randomBelow(world.rng, REJOIN_MAX_MS), () => {
      if (!this.isUp) this.start();
    });
  }

  /** Everything that the agent kept is gone but who it is; a manager begins under another name. */
  loseDisk(): void {
    this.crash('machine');
    this.world.trace.note(`${this.nodeId} lost its disk`);
    this.dropManager();
    this.containers.clear();
    this.keptRows = undefined;
    this.start();
  }

  /** `<node id>:<8 characters>`: one for each disk. */
  newPeer(): PeerId {
    const suffix = randomBelow(this.world.rng, 36 ** 6)
      .toString(36)
      .padStart(8, '0');
    return `${this.nodeId}:${suffix}` as PeerId;
  }

  private newId(): NodeId {
    const id = `n${this.address}${this.generation === 0 ? '' : `x${this.generation}`}` as NodeId;
    this.world.directory.set(id, this.address);
    return id;
  }

  private startGossip(): void {
    this.gossip = new GossipHost(this);
    this.gossip.start();
  }

  private dropManager(): void {
    this.manager?.stop();
    this.manager = undefined;
    this.disk.crash();
    this.disk.remove('journal');
  }

  private takeFirst(end: StreamEnd, message: StreamMessage): void {
    const { manager } = this;
    if (message.kind === 'frame' && this.gossip !== undefined) {
      this.gossip.accept(end, message);
      return;
    }
    if (manager === undefined) {
      end.close();
      return;
    }
    if (message.kind === 'write' || message.kind === 'read') {
      this.answer(manager, end, message);
      return;
    }
    if (message.kind !== 'hello') return;
    const leader = manager.raft?.leader;
    if (manager.desk !== undefined) manager.desk.open(end, message);
    else {
      const address = leader && leader !== manager.peerId ? nodeOfPeer(leader) : undefined;
      const known = address === undefined ? undefined : this.world.directory.get(address);
      end.send({ kind: 'not-leader', leader: known });
    }
  }

  private answer(manager: ManagerHost, end: StreamEnd, asks: ApiAsks): void {
    answer(manager, asks, (said) => {
      end.send(said);
    });
  }
}
