/** A group of drivers over wires and disks in memory. */
import { SILENT_LOGGER, SeededRng, type Logger } from '../../../../src/base/index.ts';
import {
  RaftDriver,
  type DriverLimits,
  type PeerWire,
  type PeerWireHandler,
  type SnapshotPolicy,
} from '../../../../src/cluster/consensus/index.ts';
import type { Membership, Message, PeerId, SnapshotRequest } from '../../../../src/raft/index.ts';
import { FakeDisk } from './fake-storage.ts';
import { Tally } from './tally.ts';
import { World } from './world.ts';

const DELAY_MS = 1;

export interface GroupOptions {
  readonly voters: number;
  readonly seed?: number;
  readonly policy?: Partial<SnapshotPolicy>;
  readonly limits?: Partial<DriverLimits>;
  readonly logger?: Logger;
}

/** One peer: its disk outlives the driver. */
export class Peer {
  readonly id: PeerId;
  readonly disk: FakeDisk;
  machine = new Tally();
  driver: RaftDriver<number> | undefined;
  handler: PeerWireHandler | undefined;

  constructor(id: PeerId, disk: FakeDisk) {
    this.id = id;
    this.disk = disk;
  }

  get running(): RaftDriver<number> {
    if (this.driver === undefined) throw new Error(`${this.id} is not running`);
    return this.driver;
  }
}

export function peerId(number: number): PeerId {
  return `n${number}:0000000${number}` as PeerId;
}

export class Group {
  readonly world = new World();
  readonly peers = new Map<PeerId, Peer>();
  /** Messages that do not arrive. */
  loses: (message: Message) => boolean = () => false;
  private readonly cut = new Set<PeerId>();
  private readonly options: GroupOptions;
  private seed: number;

  private constructor(options: GroupOptions) {
    this.options = options;
    this.seed = options.seed ?? 1;
  }

  static async start(options: GroupOptions): Promise<Group> {
    const group = new Group(options);
    const voters = Array.from({ length: options.voters }, (_, at) => peerId(at + 1));
    for (const id of voters) group.add(id, { voters, learners: [] });
    for (const id of voters) await group.boot(id);
    await group.leader();
    return group;
  }

  /** A peer that is not running yet; without a membership it waits to be added. */
  add(id: PeerId, membership?: Membership): Peer {
    const peer = new Peer(id, new FakeDisk(this.world, membership));
    this.peers.set(id, peer);
    return peer;
  }

  async boot(id: PeerId): Promise<RaftDriver<number>> {
    const peer = this.peer(id);
    peer.machine = new Tally();
    this.seed += 1;
    const policy = { intervalEntries: 1e9, oldSnapshots: 0, entriesForSlow: 10 };
    const opening = RaftDriver.open<number>({
      id,
      opened: peer.disk.open(),
      machine: peer.machine,
      wire: this.wire(peer),
      snapshotPolicy: () => ({ ...policy, ...this.options.policy }),
      rng: new SeededRng(this.seed),
      logger: this.options.logger ?? SILENT_LOGGER,
      pace: this.world.pace(),
      ...(this.options.limits && { limits: this.options.limits }),
    });
    peer.driver = await this.world.outcomeOf(opening);
    return peer.driver;
  }

  /** The process dies; nothing is said or written any more. */
  kill(id: PeerId): void {
    const peer = this.peer(id);
    void peer.driver?.close();
    peer.driver = undefined;
    peer.handler = undefined;
    this.tellUnreachable(id);
  }

  isolate(id: PeerId): void {
    this.cut.add(id);
    this.tellUnreachable(id);
  }

  heal(): void {
    this.cut.clear();
    this.loses = () => false;
  }

  peer(id: PeerId): Peer {
    const peer = this.peers.get(id);
    if (peer === undefined) throw new Error(`no peer ${id}`);
    return peer;
  }

  get alive(): Peer[] {
    return [...this.peers.values()].filter(
      ({ id, driver }) => driver !== undefined && !this.cut.has(id),
    );
  }

  followers(): Peer[] {
    return this.alive.filter(({ running }) => running.status.role !== 'leader');
  }

  /** The leader that all who hear each other follow. */
  async leader(): Promise<Peer> {
    await this.world.until('one leader known to all', () => this.agreed() !== undefined);
    return this.agreed() as Peer;
  }

  async propose(peer: Peer, text: string): Promise<number> {
    return this.world.outcomeOf(peer.running.propose(Buffer.from(text)));
  }

  async untilAllApplied(count: number): Promise<void> {
    await this.world.until(`${count} commands applied everywhere`, () =>
      this.alive.every(({ machine }) => machine.history.length === count),
    );
  }

  private agreed(): Peer | undefined {
    const members = this.alive.filter(({ running }) => running.status.membership.voters.length > 0);
    const leader = members.find(({ running }) => running.status.role === 'leader');
    const isKnown = members.every(({ running }) => running.status.leader === leader?.id);
    return isKnown ? leader : undefined;
  }

  private wire(peer: Peer): PeerWire {
    return {
      start: (handler) => {
        peer.handler = handler;
      },
      send: (message) => this.carry(message, (handler) => handler.receive(message)),
      flush: () => undefined,
      sendSnapshot: async (request, state) => this.carrySnapshot(request, state),
    };
  }

  private async carrySnapshot(request: SnapshotRequest, state: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      this.world.after(5 * DELAY_MS, () => {
        const handler = this.isOpen(request) ? this.peers.get(request.to)?.handler : undefined;
        handler?.receiveSnapshot(request, Buffer.from(state));
        resolve(handler !== undefined);
      });
    });
  }

  private carry(message: Message, deliver: (handler: PeerWireHandler) => void): void {
    this.world.after(DELAY_MS, () => {
      const handler = this.peers.get(message.to)?.handler;
      if (handler !== undefined && this.isOpen(message)) deliver(handler);
    });
  }

  private isOpen(message: Message): boolean {
    return !this.cut.has(message.from) && !this.cut.has(message.to) && !this.loses(message);
  }

  private tellUnreachable(id: PeerId): void {
    for (const peer of this.peers.values()) peer.handler?.reportUnreachable(id);
  }
}
