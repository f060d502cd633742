/** A lab's managers as its operators see them. */
import type { ExecutionContext } from 'ava';
import { labStatus } from '../../../src/lab/index.ts';
import { apiOf, eventually, inLab, labNode, tryVerb } from '../lab-fixture.ts';
import type { Writer } from './writer.ts';

/** From the loss of a leader, or the return of a quorum, to the next acknowledged write. */
export const WRITABLE_LIMIT_MS = 8_000;
export const NO_LEADER = /The swarm does not have a leader/;

export const hostname = (node: number): string => labNode(node).namespace;

interface Info {
  readonly Swarm: {
    readonly NodeID: string;
    readonly LocalNodeState: string;
    readonly ControlAvailable: boolean;
    readonly Error: string;
    readonly Managers?: number;
  };
}

export async function swarmOf(node: number): Promise<Info['Swarm']> {
  return ((await apiOf(node).call({ method: 'GET', path: '/info' })) as Info).Swarm;
}

/** Numbers of the nodes with a role, the leader first. */
export async function managersNow(): Promise<number[]> {
  const seen = (await labStatus()).filter(({ role }) => role === 'leader' || role === 'manager');
  return seen.sort((a, b) => a.role.localeCompare(b.role)).map(({ number }) => number);
}

export async function whenLed(t: ExecutionContext): Promise<number> {
  const [leader] = await eventually(t, 'a leader', {
    look: async () => (await labStatus()).filter(({ role }) => role === 'leader'),
    holds: (leaders) => leaders.length === 1,
  });
  return leader?.number ?? 0;
}

/** `Ready/Reachable` and the like, as `node ls` of a manager shows a node; empty when gone. */
export async function shownAs(manager: number, node: number): Promise<string> {
  const ran = await tryVerb(
    ...([
      manager,
      'node',
      'ls',
      '--format',
      '{{.Hostname}} {{.Status}}/{{.ManagerStatus}}',
    ] as const),
  );
  const row = ran.stdout.split('\n').find((line) => line.startsWith(`${hostname(node)} `));
  return row?.split(' ')[1] ?? '';
}

export function whenShownAs(
  t: ExecutionContext,
  { manager, node, shown }: { manager: number; node: number; shown: RegExp },
): Promise<string> {
  return eventually(t, `node ${node} to be ${String(shown)} for ${manager}`, {
    look: () => shownAs(manager, node),
    holds: (text) => shown.test(text),
  });
}

/** Waits for a write that began after `sinceMs`; returns how long it took until it was certain. */
export async function whenWritten(
  t: ExecutionContext,
  writer: Writer | undefined,
  sinceMs: number,
): Promise<number> {
  const acks = await eventually(t, 'an acknowledged write', {
    look: async () => (writer?.acks ?? []).filter(({ startedAt }) => startedAt >= sinceMs),
    holds: (found) => found.length > 0,
  });
  return Math.round(Math.min(...acks.map(({ at }) => at)) - sinceMs);
}

export async function raftTerm(node: number): Promise<number> {
  const url = `http://${labNode(node).metricsAddress}/metrics`;
  const { stdout } = await inLab('client', 'curl', '-s', url);
  return Number(/^hawser_raft_term (\d+)$/m.exec(stdout)?.[1]);
}
