/** Managers in one process, with their logs on the disk and no network between them. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SILENT_LOGGER, SeededRng } from '../../src/base/index.ts';
import {
  RaftDriver,
  type OpenedConsensus,
  type PeerWire,
  type PeerWireHandler,
  type StateMachine,
} from '../../src/cluster/consensus/index.ts';
import { RaftStorage } from '../../src/cluster/log/index.ts';
import { inSlices } from '../../src/cluster/manager/slices.ts';
import type { PeerId } from '../../src/raft/index.ts';
import { Store, type ApplyOutcome, type Command } from '../../src/store/index.ts';
import type { Row } from '../table.ts';
import { withDirectory } from '../tools.ts';
import { TASKS, nodeRegister } from './fixture.ts';
import { watched, watchedRows } from './loop-watch.ts';

const FIRST = 'first:00000001' as PeerId;
const SECOND = 'second:00000001' as PeerId;
const WAIT_MS_MAX = 60_000;
/** Nothing is kept before a snapshot, so that who comes later needs it. */
const POLICY = { intervalEntries: Infinity, oldSnapshots: 0, entriesForSlow: 0 };

type Driver = RaftDriver<ApplyOutcome>;

export async function peerRows(store: Store): Promise<Row[]> {
  return withDirectory(async (directory) => {
    const wires = new Map<PeerId, PeerWireHandler>();
    const voters = { voters: [FIRST], learners: [] };
    const own = { directory: join(directory, 'first'), logger: SILENT_LOGGER };
    const storage = await RaftStorage.create(own, { membership: voters });
    const policy = { ...POLICY, intervalEntries: 1 };
    let driver = await drive(FIRST, { opened: { storage }, store, wires, policy });
    // The first is taken when it begins to lead.
    await until('a first snapshot', () => storage.log.snapshot.index > 0);
    const saved = await watched(() => saveSnapshot(driver, storage));
    policy.intervalEntries = Infinity;
    const caughtUp = await watched(() => catchUp(driver, { directory, wires }));
    await driver.close();

    const again = new Store();
    const restarted = await watched(async () => {
      driver = await drive(FIRST, { opened: await RaftStorage.open(own), store: again, wires });
    });
    if (again.tasks.size !== TASKS) throw new Error('the restarted manager has other tasks');
    await driver.close();
    return [
      ...watchedRows('manager: a snapshot taken and kept', [saved]),
      ...watchedRows('manager: a new one catches up', [caughtUp]),
      ...watchedRows('manager: restart', [restarted]),
    ];
  });
}

/** Proposes a command, and waits for the snapshot that is due after it. */
async function saveSnapshot(driver: Driver, storage: RaftStorage): Promise<void> {
  const command: Command = { ...(nodeRegister(0) as Register), address: '198.18.9.9' };
  await driver.propose(Buffer.from(JSON.stringify(command)));
  const isKept = (): boolean => storage.log.snapshot.index >= driver.status.applied;
  await until('a snapshot', isKept);
}

type Register = Extract<Command, { type: 'node.register' }>;

async function catchUp(
  leader: Driver,
  { directory, wires }: { directory: string; wires: Map<PeerId, PeerWireHandler> },
): Promise<void> {
  const nobody = { voters: [], learners: [] };
  const own = { directory: join(directory, 'second'), logger: SILENT_LOGGER };
  const storage = await RaftStorage.create(own, { membership: nobody });
  const store = new Store();
  const driver = await drive(SECOND, { opened: { storage }, store, wires });
  await leader.changeMembership({ kind: 'add-learner', peer: SECOND });
  await until('all tasks', () => store.tasks.size === TASKS);
  await driver.close();
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`there is not ${what} in time`);
    await delay(2);
  }
}

async function drive(
  id: PeerId,
  options: {
    readonly opened: OpenedConsensus;
    readonly store: Store;
    readonly wires: Map<PeerId, PeerWireHandler>;
    readonly policy?: typeof POLICY;
  },
): Promise<Driver> {
  const { opened, store, wires, policy = POLICY } = options;
  const driver = await RaftDriver.open<ApplyOutcome>({
    id,
    opened,
    machine: machineOf(store),
    wire: wireOf(id, wires),
    snapshotPolicy: () => policy,
    rng: new SeededRng(1),
    logger: SILENT_LOGGER,
  });
  return driver;
}

function machineOf(store: Store): StateMachine<ApplyOutcome> {
  return {
    apply: (data) => store.apply(JSON.parse(Buffer.from(data).toString()) as Command),
    snapshot: () => store.snapshotPieces(),
    restore: (state) => inSlices(store.loadSteps(state)),
  };
}

function wireOf(id: PeerId, wires: Map<PeerId, PeerWireHandler>): PeerWire {
  return {
    start: (handler) => void wires.set(id, handler),
    flush: () => undefined,
    send: (message) => setImmediate(() => wires.get(message.to)?.receive(message)),
    sendSnapshot: async (request, state) => {
      wires.get(request.to)?.receiveSnapshot(request, state);
      return true;
    },
  };
}
