/**
 * Bugs planted from outside, one at a time, so that the rooms themselves stay whole. Those of the
 * consensus core and most of gossip's are the ones that these rooms' own simulations are tried
 * with; here a whole cluster has to show them.
 */
import type { NodeId } from '../../../src/model/index.ts';
import { EndpointIndex } from '../../../src/dataplane/endpoint-index.ts';
import { MemberTable } from '../../../src/gossip/members/member-table.ts';
import type { Member } from '../../../src/gossip/members/member.ts';
import { SessionTable, type Write } from '../../../src/raft/index.ts';
import { isTerminal, type Task, type TaskId } from '../../../src/model/index.ts';
import { Draft } from '../../../src/store/draft.ts';
import { NumberPool } from '../../../src/store/pool/number-pool.ts';
import { NodeNetworks } from '../../../src/store/view/node-networks.ts';
import { MUTANTS as GOSSIP_MUTANTS } from '../../gossip/mutants/mutants.ts';
import { MUTANTS as RAFT_MUTANTS } from '../../raft/mutants/mutants.ts';
import { patch, patchAll, type Restore } from '../../raft/mutants/patch.ts';
import { Journal } from '../manager/journal.ts';
import { TaskCarrier } from '../node/task-carrier.ts';
import type { Swarm } from '../swarm.ts';

export interface Mutant {
  readonly name: string;
  readonly plant: () => Restore;
  /** Where the bug is at home; the rest is as the seed has it. */
  readonly swarm?: Partial<Swarm>;
}

const SMALL: Partial<Swarm> = { nodes: 5, founders: 3, clients: 2, stormMs: 10_000 };
const ROUGH: Partial<Swarm> = {
  ...SMALL,
  crashEveryMs: 400,
  downMaxMs: 100,
  diskMaxMs: 150,
  nodeEveryMs: 0,
};
/** Many candidates at once, late requests, and peers that restart in between. */
const ELECTIONS: Partial<Swarm> = {
  ...SMALL,
  nodes: 3,
  services: 1,
  networks: 1,
  thinkMaxMs: 600,
  tickMs: 20,
  strandRate: 900,
  delayMaxMs: 60,
  straggleRate: 100,
  straggleMaxMs: 400,
  lossRate: 0,
  crashEveryMs: 120,
  downMaxMs: 20,
  diskMaxMs: 60,
  transferEveryMs: 0,
  roleEveryMs: 0,
  nodeEveryMs: 0,
  taskEndEveryMs: 0,
  stormMs: 12_000,
};
/** Those who have just been elected are asked at once. */
const NEW_LEADERS: Partial<Swarm> = {
  ...ROUGH,
  nodes: 3,
  services: 1,
  networks: 1,
  clients: 12,
  thinkMaxMs: 60,
  patienceMs: 250,
  transferEveryMs: 500,
  stormMs: 8_000,
};
/** Nodes lose sight of each other, and none restarts. */
const QUIET_CUTS: Partial<Swarm> = {
  ...SMALL,
  partitionEveryMs: 2_000,
  isPartitionOneWay: false,
  crashEveryMs: 0,
  nodeEveryMs: 0,
};
/** Leaders come and go with entries that only they hold (paper, figure 8). */
const FIGURE_8: Partial<Swarm> = {
  ...SMALL,
  founders: 5,
  clients: 6,
  thinkMaxMs: 15,
  services: 1,
  networks: 1,
  tickMs: 10,
  strandRate: 900,
  lossRate: 150,
  delayMaxMs: 5,
  straggleRate: 0,
  duplicateRate: 0,
  diskMaxMs: 20,
  diskSlowEveryMs: 0,
  diskFullEveryMs: 0,
  clogEveryMs: 0,
  crashEveryMs: 0,
  partitionEveryMs: 0,
  roleEveryMs: 0,
  nodeEveryMs: 0,
  taskEndEveryMs: 0,
  appendBytesMax: 1,
  stormMs: 14_000,
};
/** Old leaders are asked as long as they think that they lead. */
const READING: Partial<Swarm> = {
  ...SMALL,
  nodes: 3,
  services: 1,
  networks: 1,
  clients: 12,
  thinkMaxMs: 60,
  patienceMs: 250,
  stormMs: 9_000,
  leaderRate: 900,
  partitionEveryMs: 1_200,
  isPartitionOneWay: false,
  strandRate: 0,
  tickMs: 50,
  crashEveryMs: 0,
  roleEveryMs: 0,
  nodeEveryMs: 0,
  taskEndEveryMs: 0,
  lossRate: 0,
  straggleRate: 0,
  delayMaxMs: 2,
  diskMaxMs: 0,
  diskSlowEveryMs: 0,
  diskFullEveryMs: 0,
  clogEveryMs: 0,
};
/** Agents crash while the few addresses that there are go from task to task. */
const SWIFT_REPLACEMENT: Partial<Swarm> = {
  ...SMALL,
  nodes: 3,
  services: 1,
  networks: 1,
  subnetBits: 29,
  taskEndEveryMs: 100,
  crashEveryMs: 150,
  downMaxMs: 50,
  partitionEveryMs: 0,
  roleEveryMs: 0,
  nodeEveryMs: 0,
};

export const MUTANTS: readonly Mutant[] = [
  ofRaft('a vote leaves before it is durable', ELECTIONS),
  ofRaft('entries are acknowledged before they are durable', ROUGH),
  {
    name: 'a vote is forgotten in a restart',
    swarm: ELECTIONS,
    plant: () =>
      patch(
        Journal.prototype,
        'write',
        (original: (write: Write, ...rest: unknown[]) => void) =>
          function (this: Journal, write: Write, ...rest: unknown[]): void {
            const { hardState } = write;
            const forgetful = hardState && { ...hardState, vote: undefined };
            original.call(this, { ...write, hardState: forgetful }, ...rest);
          },
      ),
  },
  ofRaft('a candidate that lacks entries gets votes', ROUGH),
  ofRaft('an entry of an earlier term is committed by counting its copies', FIGURE_8),
  ofRaft('a leader counts itself before its own disk is done', ROUGH),
  ofRaft('a log is cut off where it agrees', { ...SMALL, straggleRate: 50, duplicateRate: 150 }),
  ofRaft('what was sent is taken for what is held', { ...SMALL, lossRate: 60 }),
  ofRaft('a read is answered without a quorum', READING),
  ofRaft('a leader reads before it has committed in its own term', NEW_LEADERS),
  ofRaft('a snapshot holds a membership that is not committed', {
    ...SMALL,
    nodes: 6,
    roleEveryMs: 400,
    snapshotEntries: 3,
    diskMaxMs: 150,
  }),
  ofRaft('a command that is tried again is applied again', { ...SMALL, lossRate: 200 }),
  {
    name: 'who was answered what is not in snapshots',
    swarm: { ...ROUGH, lossRate: 200, snapshotEntries: 20 },
    plant: () =>
      patch(SessionTable.prototype, 'snapshot', () => () => ({ forgottenAt: 0, clients: [] })),
  },
  {
    name: 'an address is given back when its task is to end, not when it has ended',
    swarm: { ...SMALL, subnetBits: 29, taskEndEveryMs: 300 },
    plant: givesAddressesBackEarly,
  },
  {
    name: 'a number is given out although it is used',
    swarm: SMALL,
    plant: () =>
      patch(
        NumberPool.prototype,
        'isUsed',
        (original: (value: number) => boolean) =>
          function (this: NumberPool, value: number): boolean {
            return value % 5 !== 0 && original.call(this, value);
          },
      ),
  },
  {
    name: 'what an earlier run was told is done again',
    swarm: SWIFT_REPLACEMENT,
    plant: () =>
      patch(
        TaskCarrier.prototype,
        'want',
        (original: TaskCarrier['want']) =>
          function (this: TaskCarrier, task: Task | undefined): void {
            original.call(this, task, { isRemembered: false });
          },
      ),
  },
  {
    name: 'rows keep their number when a node gains a network',
    swarm: { ...SMALL, networks: 4 },
    plant: () => patch(NodeNetworks.prototype, 'changedAt', () => () => 0),
  },
  {
    name: 'an endpoint that went stays in the plan',
    swarm: { ...SMALL, taskEndEveryMs: 300 },
    plant: () => patch(EndpointIndex.prototype, 'remove', () => () => undefined),
  },
  ofGossip('who refutes keeps its incarnation', QUIET_CUTS),
  ofGossip('a suspicion never ends', { ...SMALL, nodeEveryMs: 1_000 }),
  {
    name: 'nobody speaks to the dead again',
    swarm: { ...QUIET_CUTS, partitionEveryMs: 6_000, stormMs: 20_000 },
    plant: () => patch(MemberTable.prototype, 'gone', () => () => new Map<NodeId, Member>()),
  },
  ofGossip('a push/pull ends when one side has said all', QUIET_CUTS),
  ofGossip('the digest forgets whoever died', QUIET_CUTS),
];

function ofRaft(name: string, swarm: Partial<Swarm>): Mutant {
  return { name, swarm, plant: plantOf(RAFT_MUTANTS, name) };
}

function ofGossip(name: string, swarm: Partial<Swarm>): Mutant {
  return { name, swarm, plant: plantOf(GOSSIP_MUTANTS, name) };
}

function plantOf(mutants: readonly Pick<Mutant, 'name' | 'plant'>[], name: string): () => Restore {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined) throw new Error(`there is no planted bug "${name}"`);
  return found.plant;
}

/** What is given back once more, when the task has ended, may be another one's by then. */
function givesAddressesBackEarly(): Restore {
  return patchAll(
    patch(
      Draft.prototype,
      'setTask',
      (original: Draft['setTask']) =>
        function (this: Draft, id: TaskId, after: Task | undefined): void {
          const before = this.state.tasks.get(id);
          original.call(this, id, after);
          const isToEnd = after?.desiredState === 'shutdown' && before?.desiredState === 'running';
          if (!isToEnd || isTerminal(after.status.state)) return;
          for (const { networkId, address } of after.attachments) {
            const taken = this.state.addresses.get(networkId)?.poolOf(address);
            if (taken !== undefined) this.release(taken.pool, taken.value);
          }
        },
    ),
    patch(
      NumberPool.prototype,
      'release',
      (original: (value: number) => void) =>
        function (this: NumberPool, value: number): void {
          if (this.isUsed(value)) original.call(this, value);
        },
    ),
  );
}
