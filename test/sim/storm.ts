/** Everything that goes wrong until the world is calm, by chance and at the seed's rates. */
import { randomBelow } from '../../src/base/index.ts';
import type { SimNode } from './node/sim-node.ts';
import type { World } from './world.ts';

/** A cluster comes up before it is put under stress. */
const DAWN_MS = 2_500;
const STRAND_MAX_TICKS = 6;
const CLOG_MAX_MS = 3_000;
const DISK_TROUBLE_MAX_MS = 3_000;
const SLOW_DISK_MS = 600;

export class Storm {
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  begin(): void {
    const { swarm, queue, operator } = this.world;
    queue.after(DAWN_MS, () => {
      this.world.leaderRose = (node) => this.maybeStrand(node);
      this.every(swarm.crashEveryMs, () => this.crash());
      this.every(swarm.partitionEveryMs, () => this.partition());
      this.every(swarm.clogEveryMs, () => this.clog());
      this.every(swarm.diskSlowEveryMs, () => this.slowDisk());
      this.every(swarm.diskFullEveryMs, () => this.fillDisk());
      if (swarm.isDiskLost)
        queue.after(this.random(swarm.stormMs - DAWN_MS), () => this.loseDisk());
      this.every(swarm.transferEveryMs, () => this.transfer());
      this.every(swarm.roleEveryMs, () => operator.changeRole());
      this.every(swarm.nodeEveryMs, () => this.tendNode());
      this.every(swarm.taskEndEveryMs, () => this.endTask());
    });
  }

  private every(meanMs: number, act: () => void): void {
    if (meanMs === 0) return;
    this.world.queue.after(1 + this.random(meanMs * 2), () => {
      if (this.world.isCalm) return;
      act();
      this.every(meanMs, act);
    });
  }

  /** Leaders crash more often than chance would have it: that is where the bugs are. */
  private crash(): void {
    const { world } = this;
    const { leader, managers, swarm } = world;
    const manager = this.random(2) === 0 ? managers[this.random(managers.length)] : undefined;
    const any = manager ?? this.anyNode();
    const node = this.random(1000) < swarm.leaderRate ? (leader ?? any) : any;
    if (node?.isUp !== true) return;
    world.stats.crashes += 1;
    node.crash(this.random(1000) < swarm.machineCrashRate ? 'machine' : 'agent');
    world.queue.after(1 + this.random(swarm.downMaxMs), () => {
      if (!node.isUp) node.start();
    });
  }

  /**
   * Parts the nodes in two, or the leader, perhaps with another one, from the rest; one way, the
   * second half still hears the first.
   */
  private partition(): void {
    const { network, nodes, swarm, trace, leader } = this.world;
    network.heal();
    const isWhole = this.random(3) === 0;
    trace.note(isWhole ? 'network whole' : 'network parted');
    if (isWhole) return;
    const isLeaderAlone = this.random(1000) < swarm.leaderRate;
    const friend = this.random(2) === 0 ? this.anyNode() : leader;
    const side = nodes.map((node) =>
      isLeaderAlone ? Number(node === leader || node === friend) : this.random(2),
    );
    for (const { address: from } of nodes)
      for (const { address: to } of nodes) {
        if (side[from] === side[to]) continue;
        if (swarm.isPartitionOneWay && side[from] === 0) continue;
        network.cut(from, to);
      }
  }

  /** A new leader is left alone, or with one other, with what only they hold (paper, figure 8). */
  private maybeStrand(leader: SimNode): void {
    const { network, nodes, swarm, queue, trace } = this.world;
    if (this.random(1000) >= swarm.strandRate) return;
    queue.after(this.random(STRAND_MAX_TICKS * swarm.tickMs), () => {
      if (this.world.isCalm) return;
      const friend = this.random(2) === 0 ? this.anyNode() : undefined;
      network.heal();
      trace.note(`${leader.nodeId} stranded`);
      for (const near of [leader, friend ?? leader])
        for (const far of nodes) {
          if (far === leader || far === friend) continue;
          network.cut(near.address, far.address);
          network.cut(far.address, near.address);
        }
    });
  }

  private clog(): void {
    const from = this.anyNode();
    const to = this.anyNode();
    if (from === undefined || to === undefined || from === to) return;
    this.world.network.clog(from.address, to.address, 1 + this.random(CLOG_MAX_MS));
  }

  private slowDisk(): void {
    const disk = this.anyNode()?.disk;
    if (disk === undefined) return;
    disk.slownessMs = SLOW_DISK_MS;
    this.world.queue.after(this.random(DISK_TROUBLE_MAX_MS), () => {
      disk.slownessMs = 0;
    });
  }

  private fillDisk(): void {
    const disk = this.anyNode()?.disk;
    if (disk === undefined) return;
    disk.isFull = true;
    this.world.queue.after(this.random(DISK_TROUBLE_MAX_MS), () => {
      disk.isFull = false;
    });
  }

  /** Only one of three or more, and with no other change under way: more is not survived. */
  private loseDisk(): void {
    const { managers, swarm, leader, isCalm } = this.world;
    const voters = leader?.manager?.raft?.membership.voters ?? [];
    const node = managers[this.random(managers.length)];
    if (isCalm || node === undefined || voters.length < 3 || swarm.roleEveryMs > 0) return;
    node.loseDisk();
  }

  private transfer(): void {
    this.world.leader?.manager?.touch((raft) => raft.transferLeadership());
  }

  private tendNode(): void {
    const { operator } = this.world;
    if (this.random(3) === 0) operator.remove();
    else operator.changeAvailability();
  }

  private endTask(): void {
    const node = this.anyNode();
    const running = node?.containers.running() ?? [];
    const [id] = running[this.random(Math.max(1, running.length))] ?? [];
    if (id !== undefined) node?.endContainer(id, this.random(2));
  }

  private anyNode(): SimNode | undefined {
    const { nodes } = this.world;
    return nodes[this.random(nodes.length)];
  }

  private random(bound: number): number {
    return randomBelow(this.world.rng, bound);
  }
}
