/**
 * The leader of five managers is killed again and again, while a client asks the published port of
 * every node and another one writes through a manager that is left.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../src/base/index.ts';
import { labStart, type LabNode } from '../../src/lab/index.ts';
import { Prober } from '../../test/e2e/managers/prober.ts';
import { limitRow, type Row } from '../table.ts';
import { onNode } from '../tools.ts';
import { agents, apiOf, IMAGE, importDemoImage, MANAGERS, withFive, type Agent } from './five.ts';

const KILLS = 50;
const PORT = 8000;
const GOAL_MS = 1500;
const GIVE_UP_MS = 60_000;
const FROM_OUTSIDE = ['nsenter', '--net=/run/netns/hawser-lab-client', '--'];

export async function failoverRows(): Promise<Row[]> {
  return withFive(async (nodes) => {
    await serve();
    const targets = nodes.map(({ address }) => `${address}:${PORT}`);
    const prober = new Prober(FROM_OUTSIDE, 'curl -sSf --max-time 3 $1', targets);
    try {
      const times = await killAll(nodes);
      const { answered, failed } = prober.stop();
      for (const line of failed) console.error(`bench: ${line}`);
      if (answered < KILLS) throw new Error(`only ${answered} requests were answered`);
      return rowsOf(times, failed.length);
    } finally {
      prober.stop();
    }
  });
}

function rowsOf(times: readonly number[], failed: number): Row[] {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
  const what = `leader of ${MANAGERS} killed ${KILLS} times, until a write is taken`;
  return [
    limitRow(`${what}, p50`, at(0.5), { max: GOAL_MS, unit: 'ms' }),
    limitRow(`${what}, p99`, at(0.99), { max: GOAL_MS, unit: 'ms' }),
    limitRow('requests of published ports that failed meanwhile', failed, { max: 0, unit: '' }),
  ];
}

/** A service with a task on each node behind one port, which answers everywhere. */
async function serve(): Promise<void> {
  await importDemoImage();
  const service = ['--name', 'whoami', '--mode', 'global', '-p', `${PORT}:${PORT}`, IMAGE];
  await onNode(1, 'service', 'create', ...service);
}

async function killAll(nodes: readonly LabNode[]): Promise<number[]> {
  const times: number[] = [];
  while (times.length < KILLS) {
    const [leader, ...others] = await whenComplete(nodes.length);
    const through = others[times.length % others.length];
    if (leader === undefined || through === undefined) throw new Error('nobody leads');
    const killedAt = performance.now();
    process.kill(leader.pid, 'SIGKILL');
    times.push((await whenWritten(through, times.length)) - killedAt);
    await labStart(String(leader.number));
  }
  return times;
}

/** Every manager runs, is heard by the leader, and has nothing to catch up with. */
async function whenComplete(count: number): Promise<readonly Agent[]> {
  const limitMs = performance.now() + GIVE_UP_MS;
  while (performance.now() < limitMs) {
    const running = await agents();
    const reached = running[0] === undefined ? 0 : await reachable(running[0]);
    if (running.length === count && reached === count) return running;
    await delay(100);
  }
  throw new Error('the managers did not come together again');
}

interface NodeDocument {
  readonly Status: { readonly State: string };
  readonly ManagerStatus: { readonly Reachability: string };
}

/** Managers that are ready and heard, as one of them says; 0 when it says nothing. */
async function reachable({ number }: Agent): Promise<number> {
  const signal = AbortSignal.timeout(GIVE_UP_MS);
  const request = { method: 'GET', path: '/nodes', signal } as const;
  const nodes = (await apiOf(number)
    .call(request)
    .catch(() => [])) as readonly NodeDocument[];
  return nodes.filter(
    ({ Status, ManagerStatus }) =>
      Status.State === 'ready' && ManagerStatus.Reachability === 'reachable',
  ).length;
}

/** When a write that began after the call was acknowledged. */
async function whenWritten({ number }: Agent, round: number): Promise<number> {
  const api = apiOf(number);
  const limitMs = performance.now() + GIVE_UP_MS;
  let refusal = '';
  for (let attempt = 0; performance.now() < limitMs; attempt += 1) {
    const body = { Name: `kill-${round}-${attempt}`, Driver: 'overlay' };
    const signal = AbortSignal.timeout(GIVE_UP_MS);
    try {
      await api.call({ method: 'POST', path: '/networks/create', body, signal });
      return performance.now();
    } catch (error) {
      refusal = messageOf(error);
    }
    await delay(5);
  }
  throw new Error(`nothing was written any more: ${refusal}`);
}
