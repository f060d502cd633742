/** The cluster of a lab: formed through the agents' API, and looked at through any manager. */
import type { ApiClient } from '../../client/index.ts';
import { agentPid, clientOf } from './agents.ts';
import { LAB_CLUSTER_PORT, type LabNode } from '../layout.ts';
import { waitFor } from '../wait.ts';

const READY_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 5_000;

export type LabRole = 'leader' | 'manager' | 'worker';

/** A node as the managers see it. */
export interface SeenNode {
  readonly state: string;
  readonly role: LabRole;
  /** As a manager, that the others hear it. */
  readonly isReachable: boolean;
}

interface ApiNode {
  readonly Status: { readonly State: string; readonly Addr: string };
  readonly ManagerStatus?: { readonly Leader?: boolean; readonly Reachability: string };
}

/**
 * The first node makes the cluster, other managers join one after the other, workers all at once.
 * Returns when every node is Ready and every manager reachable.
 */
export async function formCluster(nodes: readonly LabNode[], managers: number): Promise<void> {
  const [first] = nodes;
  if (first === undefined) return;
  const api = clientOf(first);
  const body = { ListenAddr: `0.0.0.0:${LAB_CLUSTER_PORT}`, AdvertiseAddr: first.address };
  await api.call({ method: 'POST', path: '/swarm/init', body });
  const tokens = await joinTokens(api);
  for (const node of nodes.slice(1, managers)) await join(node, [first], tokens.Manager);
  const doors = nodes.slice(0, managers);
  await Promise.all(nodes.slice(managers).map((node) => join(node, doors, tokens.Worker)));
  await whenReady(nodes, managers);
}

async function joinTokens(api: ApiClient): Promise<{ Worker: string; Manager: string }> {
  const swarm = await api.call({ method: 'GET', path: '/swarm' });
  return (swarm as { JoinTokens: { Worker: string; Manager: string } }).JoinTokens;
}

async function join(node: LabNode, doors: readonly LabNode[], token: string): Promise<void> {
  const body = {
    ListenAddr: `0.0.0.0:${LAB_CLUSTER_PORT}`,
    AdvertiseAddr: node.address,
    RemoteAddrs: doors.map(({ address }) => `${address}:${LAB_CLUSTER_PORT}`),
    JoinToken: token,
  };
  await clientOf(node).call({ method: 'POST', path: '/swarm/join', body });
}

async function whenReady(nodes: readonly LabNode[], managers: number): Promise<void> {
  const awaited = `${nodes.length} nodes to be Ready, ${managers} of them reachable managers`;
  await waitFor(awaited, READY_LIMIT_MS, async () => {
    const seen = await seenNodes(nodes);
    const all = nodes.map(({ address }) => seen?.get(address));
    const reached = all.filter((node) => node?.isReachable);
    return all.every((node) => node?.state === 'ready') && reached.length === managers;
  });
}

/**
 * Returns when the managers see the node Ready, or do not know it (it was removed, or left), or
 * when there are too few of them to say anything.
 */
export async function whenBack(node: LabNode, nodes: readonly LabNode[]): Promise<void> {
  const silentUntil = performance.now() + ANSWER_LIMIT_MS;
  await waitFor(`node ${node.number} to be Ready`, READY_LIMIT_MS, async () => {
    const seen = await seenNodes(nodes);
    if (seen === undefined) return performance.now() > silentUntil;
    const back = seen.get(node.address);
    return back === undefined || back.state === 'ready';
  });
}

/** Nodes by address, from the first manager that answers; undefined when none does. */
export async function seenNodes(
  nodes: readonly LabNode[],
): Promise<ReadonlyMap<string, SeenNode> | undefined> {
  const running = nodes.filter((node) => agentPid(node) !== undefined);
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  const answers = running.map((node) =>
    clientOf(node).call({ method: 'GET', path: '/nodes', signal }),
  );
  const rows = (await Promise.any(answers).catch(() => undefined)) as ApiNode[] | undefined;
  return rows && new Map(rows.map((row) => [row.Status.Addr, seenNode(row)]));
}

function seenNode({ Status, ManagerStatus: part }: ApiNode): SeenNode {
  const role = part === undefined ? 'worker' : part.Leader === true ? 'leader' : 'manager';
  return { state: Status.State, role, isReachable: part?.Reachability === 'reachable' };
}
