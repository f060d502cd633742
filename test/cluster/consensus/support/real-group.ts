/** Drivers over mutual TLS on loopback, with logs on the disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { SILENT_LOGGER, SeededRng } from '../../../../src/base/index.ts';
import { RaftDriver, type SnapshotPolicy } from '../../../../src/cluster/consensus/index.ts';
import { RaftStorage, type OpenedStorage } from '../../../../src/cluster/log/index.ts';
import type { Membership, PeerId } from '../../../../src/raft/index.ts';
import { until } from '../../fixture.ts';
import { Tally } from './tally.ts';
import { TlsLab, type End } from './tls-door.ts';

const TICK_MS = 20;
const NOBODY: Membership = { voters: [], learners: [] };

export interface Manager {
  readonly id: PeerId;
  readonly driver: RaftDriver<number>;
  readonly machine: Tally;
  readonly end: End;
}

export class RealGroup {
  readonly managers = new Map<PeerId, Manager>();
  private readonly lab: TlsLab;
  private readonly directory: string;
  private readonly policy: SnapshotPolicy;

  private constructor(lab: TlsLab, directory: string, policy: Partial<SnapshotPolicy>) {
    this.lab = lab;
    this.directory = directory;
    this.policy = { intervalEntries: 1e9, oldSnapshots: 0, entriesForSlow: 10, ...policy };
  }

  static async start(
    t: ExecutionContext,
    voters: readonly PeerId[],
    policy: Partial<SnapshotPolicy> = {},
  ): Promise<RealGroup> {
    const directory = await mkdtemp(join(tmpdir(), 'hawser-consensus-'));
    const group = new RealGroup(await TlsLab.create(t), directory, policy);
    t.teardown(async () => {
      for (const id of [...group.managers.keys()]) await group.stop(id);
      await rm(directory, { recursive: true, force: true });
    });
    for (const id of voters) await group.create(id, { voters, learners: [] });
    return group;
  }

  /** A manager with an empty disk; without a membership it waits to be added. */
  async create(id: PeerId, membership = NOBODY): Promise<Manager> {
    const storage = await RaftStorage.create(this.storageOptions(id), { membership });
    return this.run(id, { storage, commit: storage.log.snapshot.index });
  }

  async restart(id: PeerId): Promise<Manager> {
    return this.run(id, await RaftStorage.open(this.storageOptions(id)));
  }

  async stop(id: PeerId): Promise<void> {
    const manager = this.manager(id);
    this.managers.delete(id);
    await manager.end.stop();
    await manager.driver.close();
  }

  manager(id: PeerId): Manager {
    const manager = this.managers.get(id);
    if (manager === undefined) throw new Error(`${id} is not running`);
    return manager;
  }

  async leader(): Promise<Manager> {
    const leads = ({ driver }: Manager): boolean => driver.status.role === 'leader';
    const find = (): Manager | undefined => [...this.managers.values()].find(leads);
    await until('a leader that all follow', () => {
      const leader = find();
      const followers = [...this.managers.values()];
      return leader !== undefined && followers.every((m) => m.driver.status.leader === leader.id);
    });
    return find() as Manager;
  }

  async untilApplied(count: number): Promise<void> {
    await until(`${count} commands applied everywhere`, () =>
      [...this.managers.values()].every(({ machine }) => machine.history.length === count),
    );
  }

  private async run(id: PeerId, opened: OpenedStorage): Promise<Manager> {
    const end = await this.lab.door(id);
    const machine = new Tally();
    const driver = await RaftDriver.open<number>({
      id,
      opened,
      machine,
      wire: end.links,
      snapshotPolicy: () => this.policy,
      rng: new SeededRng(this.managers.size + 1),
      logger: SILENT_LOGGER,
      limits: { tickMs: TICK_MS },
    });
    const manager = { id, driver, machine, end };
    this.managers.set(id, manager);
    return manager;
  }

  private storageOptions(id: PeerId): { directory: string; logger: typeof SILENT_LOGGER } {
    return { directory: join(this.directory, id.replace(':', '-')), logger: SILENT_LOGGER };
  }
}
