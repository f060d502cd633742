/** Managers of one cluster in this process, and what is asked about them. */
import type { ExecutionContext } from 'ava';
import type { ClusterMember, Manager, MemberOptions } from '../../../src/cluster/index.ts';
import type { NodeId } from '../../../src/model/index.ts';
import { CLUSTER_SPEC, createLab, joinRequest, managerOf, until, type Lab } from '../fixture.ts';

/** Short times, so that a lost leader is replaced soon. */
export const QUICK = {
  tuning: {
    heartbeatMs: 1_000,
    joinWaitMs: 30_000,
    consensus: {
      timing: { heartbeatTicks: 1, electionTicks: 6 },
      limits: { tickMs: 20, noLeaderMs: 5_000 },
    },
  },
};

export interface Group {
  readonly lab: Lab;
  readonly members: ClusterMember[];
}

/**
 * Each manager has a loopback address of its own, so that it can take the usual port; no other
 * process that runs this has the same ones.
 */
let addresses = 0;

export function nextAddress(): string {
  addresses += 1;
  const { pid } = process;
  return `127.${64 + ((pid >> 8) % 128)}.${pid % 256}.${addresses}:2377`;
}

export async function group(t: ExecutionContext, count: number): Promise<Group> {
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

export async function joinManager(
  lab: Lab,
  of: ClusterMember,
  options: Partial<MemberOptions> = {},
): Promise<ClusterMember> {
  const member = await lab.member({ ...QUICK, ...options });
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

export function votersOf(member: ClusterMember): number {
  const reached = managerOf(member).managers();
  return reached.filter(({ reachability }) => reachability === 'reachable').length;
}

export function managersOf(member: ClusterMember): number {
  const nodes = [...managerOf(member).store.nodes.values()];
  return nodes.filter(({ spec }) => spec.Role === 'manager').length;
}

export function leaderOf(members: readonly ClusterMember[]): ClusterMember {
  const leader = members.find((member) => member.manager?.raft().isLeader === true);
  if (leader === undefined) throw new Error('nobody leads');
  return leader;
}

export function idOf(member: ClusterMember): NodeId {
  const { nodeId } = member.status();
  if (nodeId === undefined) throw new Error('the member is in no cluster');
  return nodeId;
}

export async function setRole(
  manager: Manager,
  id: NodeId,
  Role: 'worker' | 'manager',
): Promise<void> {
  await manager.sync();
  const node = manager.store.nodes.get(id);
  if (node === undefined) throw new Error('no such node');
  const spec = { ...node.spec, Role };
  const version = node.meta.revision;
  const outcome = await manager.propose({ type: 'node.update', atMs: 1, id, version, spec });
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}
