/** Several managers in one process, over real connections on loopback. */
import test, { type ExecutionContext } from 'ava';
import { isClusterError, type ClusterMember, type Manager } from '../../../src/cluster/index.ts';
import type { NodeId } from '../../../src/model/index.ts';
import {
  CLUSTER_SPEC,
  createLab,
  createService,
  joinRequest,
  managerOf,
  service,
  until,
  type Lab,
} from '../fixture.ts';

/** Short times, so that a lost leader is replaced soon. */
const QUICK = {
  tuning: {
    heartbeatMs: 1_000,
    joinWaitMs: 30_000,
    consensus: {
      timing: { heartbeatTicks: 1, electionTicks: 6 },
      limits: { tickMs: 20, noLeaderMs: 5_000 },
    },
  },
};

interface Group {
  readonly lab: Lab;
  readonly members: ClusterMember[];
}

/**
 * Each manager has a loopback address of its own, so that it can take the usual port; no other
 * process that runs this has the same ones.
 */
let addresses = 0;

function nextAddress(): string {
  addresses += 1;
  const { pid } = process;
  return `127.${64 + ((pid >> 8) % 128)}.${pid % 256}.${addresses}:2377`;
}

async function group(t: ExecutionContext, count: number): Promise<Group> {
  const lab = createLab(t);
  const first = await lab.member(QUICK);
  const address = nextAddress();
  await first.init({
    advertiseAddress: address,
    listenAddress: address,
    spec: CLUSTER_SPEC,
    availability: 'active',
  });
  const members = [first];
  for (let at = 1; at < count; at += 1) members.push(await joinManager(lab, first));
  return { lab, members };
}

async function joinManager(lab: Lab, of: ClusterMember): Promise<ClusterMember> {
  const member = await lab.member(QUICK);
  const address = nextAddress();
  const token = managerOf(of).joinTokens().manager;
  await member.join({
    ...joinRequest(of, token),
    advertiseAddress: address,
    listenAddress: address,
  });
  await until('every manager to vote', () => votersOf(of) === managersOf(of));
  return member;
}

function votersOf(member: ClusterMember): number {
  const reached = managerOf(member).managers();
  return reached.filter(({ reachability }) => reachability === 'reachable').length;
}

function managersOf(member: ClusterMember): number {
  const nodes = [...managerOf(member).store.nodes.values()];
  return nodes.filter(({ spec }) => spec.Role === 'manager').length;
}

function leaderOf(members: readonly ClusterMember[]): ClusterMember {
  const leader = members.find((member) => member.manager?.raft().isLeader === true);
  if (leader === undefined) throw new Error('nobody leads');
  return leader;
}

function idOf(member: ClusterMember): NodeId {
  const { nodeId } = member.status();
  if (nodeId === undefined) throw new Error('the member is in no cluster');
  return nodeId;
}

async function setRole(manager: Manager, id: NodeId, Role: 'worker' | 'manager'): Promise<void> {
  await manager.sync();
  const node = manager.store.nodes.get(id);
  if (node === undefined) throw new Error('no such node');
  const spec = { ...node.spec, Role };
  const version = node.meta.revision;
  const outcome = await manager.propose({ type: 'node.update', atMs: 1, id, version, spec });
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}

test('managers join, and each of them takes changes and reads', async (t) => {
  t.timeout(60_000);
  const { members } = await group(t, 3);
  for (const [at, member] of members.entries())
    await createService(managerOf(member), `s${at}`, service(`s${at}`, 1));
  for (const member of members) {
    const manager = managerOf(member);
    await manager.sync();
    t.deepEqual([...manager.store.services.values()].map(({ spec }) => spec.Name).sort(), [
      's0',
      's1',
      's2',
    ]);
    t.is(manager.managers().filter(({ isLeader }) => isLeader).length, 1);
    t.is(member.status().role, 'manager');
  }
});

test('when the leader goes, another one leads, nodes find it, and nothing acknowledged is lost', async (t) => {
  t.timeout(60_000);
  const { lab, members } = await group(t, 3);
  const leader = leaderOf(members);
  await createService(managerOf(leader), 'before', service('before', 3));
  const worker = await lab.worker(leader, QUICK);
  await leader.close();
  const others = members.filter((member) => member !== leader);
  await until('another leader', () => others.some(({ manager }) => manager?.raft().isLeader));
  const manager = managerOf(leaderOf(others));
  await createService(manager, 'after', service('after', 1));
  t.deepEqual([...manager.store.services.values()].map(({ spec }) => spec.Name).sort(), [
    'after',
    'before',
  ]);
  await until('the nodes in session', () =>
    [worker, ...others].every((member) => member.status().state === 'active'),
  );
  const id = idOf(leader);
  await until('the lost node called down', () => manager.store.nodes.get(id)?.state === 'down');
});

test('without most managers everything is refused at once, and views stay', async (t) => {
  t.timeout(60_000);
  const { members } = await group(t, 3);
  const [first, second, third] = members as [ClusterMember, ClusterMember, ClusterMember];
  await createService(managerOf(first), 'web', service('web', 3));
  await until('assignments', () => members.every(({ view }) => view?.assignments.size === 1));
  await second.close();
  await third.close();
  const refused = async (): Promise<boolean> => {
    const error = await managerOf(first)
      .sync()
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    return isClusterError(error, 'no-leader');
  };
  const endMs = Date.now() + 30_000;
  while (!(await refused())) if (Date.now() > endMs) return t.fail('reads go on');
  const beginMs = performance.now();
  const error = await t.throwsAsync(createService(managerOf(first), 'more', service('more', 1)));
  t.true(isClusterError(error, 'no-leader'), String(error));
  t.true(performance.now() - beginMs < 500);
  t.is(first.view?.assignments.size, 1);
});

test('a worker is promoted and demoted, and keeps its session', async (t) => {
  t.timeout(60_000);
  const { lab, members } = await group(t, 1);
  const [first] = members as [ClusterMember];
  const other = await lab.member(QUICK);
  const address = nextAddress();
  const place = { advertiseAddress: address, listenAddress: address };
  await other.join({ ...joinRequest(first), ...place });
  t.is(other.manager, undefined);
  await setRole(managerOf(first), idOf(other), 'manager');
  await until('the new manager', () => other.manager !== undefined && votersOf(first) === 2);
  await managerOf(other).sync();
  t.is(other.status().role, 'manager');
  await setRole(managerOf(other), idOf(other), 'worker');
  await until('the worker', () => other.manager === undefined && other.status().role === 'worker');
  t.is(managerOf(first).managers().length, 1);
  await createService(managerOf(first), 'web', service('web', 2));
  await until('its task', () => other.view?.assignments.size === 1);
});

test('a leader that is demoted hands over, and becomes a worker', async (t) => {
  t.timeout(60_000);
  const { members } = await group(t, 3);
  const leader = leaderOf(members);
  await setRole(managerOf(leader), idOf(leader), 'worker');
  await until('the worker', () => leader.manager === undefined);
  const others = members.filter((member) => member !== leader);
  await until('two managers', () =>
    others.every((member) => managerOf(member).managers().length === 2),
  );
  await until('its session', () => {
    const { state, role } = leader.status();
    return state === 'active' && role === 'worker';
  });
  t.pass();
});

test('the last manager is not demoted', async (t) => {
  t.timeout(60_000);
  const { members } = await group(t, 1);
  const [first] = members as [ClusterMember];
  await t.throwsAsync(setRole(managerOf(first), idOf(first), 'worker'), {
    message: 'attempting to demote the last manager of the swarm',
  });
});

test('a manager that leaves is let go, and its place is free', async (t) => {
  t.timeout(60_000);
  const { lab, members } = await group(t, 3);
  const leaving = leaderOf(members);
  const id = idOf(leaving);
  t.true(isClusterError(await t.throwsAsync(leaving.leave(false)), 'last-manager'));
  await leaving.leave(true);
  t.is(leaving.status().state, 'inactive');
  const [left] = members.filter((member) => member !== leaving) as [ClusterMember];
  await until('two managers', () => managerOf(left).managers().length === 2);
  await until('the node down', () => managerOf(left).store.nodes.get(id)?.state === 'down');
  const atMs = 1;
  const outcome = await managerOf(left).propose({ type: 'node.remove', atMs, id, isForced: false });
  t.true(outcome.ok);
  await joinManager(lab, left);
});

test('one that is left of three goes on alone by force, with what was acknowledged', async (t) => {
  t.timeout(60_000);
  const { members } = await group(t, 3);
  const [first, second, third] = members as [ClusterMember, ClusterMember, ClusterMember];
  await createService(managerOf(third), 'web', service('web', 1));
  await second.close();
  await third.close();
  const request = { advertiseAddress: '', listenAddress: '', spec: CLUSTER_SPEC };
  const id = await first.init({ ...request, availability: 'active', isForcedNew: true });
  t.is(id, idOf(first));
  const manager = managerOf(first);
  await manager.sync();
  t.deepEqual(
    [...manager.store.services.values()].map(({ spec }) => spec.Name),
    ['web'],
  );
  await until('one manager', () => manager.managers().length === 1);
  t.is(managersOf(first), 1);
  await createService(manager, 'more', service('more', 1));
});

test('a manager that restarts has its state and its place', async (t) => {
  t.timeout(60_000);
  const { lab, members } = await group(t, 2);
  const [first] = members as [ClusterMember];
  const dataDirectory = await lab.directory();
  const third = await lab.member({ ...QUICK, dataDirectory });
  const address = nextAddress();
  const token = managerOf(first).joinTokens().manager;
  const place = { advertiseAddress: address, listenAddress: address };
  await third.join({ ...joinRequest(first, token), ...place });
  await third.close();
  await createService(managerOf(first), 'meanwhile', service('meanwhile', 1));
  const again = await lab.member({ ...QUICK, dataDirectory });
  await managerOf(again).sync();
  t.is(managerOf(again).store.services.size, 1);
  t.is(again.status().role, 'manager');
  await until('in session', () => again.status().state === 'active');
});
