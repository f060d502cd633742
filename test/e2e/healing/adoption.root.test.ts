/**
 * An agent that is killed and started again under load finds everything as it should be: it writes
 * nothing into the kernel, no ping is lost and no connection ends. Seen from outside, by the
 * monitors of nft, ip and bridge.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { labStart, labStop } from '../../../src/lab/index.ts';
import { Prober, type Endpoint } from '../../chaos/prober.ts';
import {
  apiOf,
  eventually,
  IMAGE,
  labDown,
  labNode,
  nodeOf,
  QUICK,
  startLab,
  verb,
  whenRunning,
  type TaskDocument,
} from '../lab-fixture.ts';

const TASKS = 4;
/** Overlays; in a task's namespace the resolver has other ports after a restart. */
const WATCHED = /^n-/;
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** How long a new agent has time to write something after it is Ready again. */
const WATCHED_MS = 5000;
const QUIET_MS = 20_000;
const QUIET_LIMIT_MS = 100_000;

test.before(() => startLab(2));
test.after.always(() => labDown());

/** What the monitors of one namespace print. */
class Monitors {
  private readonly children: ChildProcess[] = [];
  readonly lines: string[] = [];

  constructor(name: string, path: string) {
    this.start(`${name}: nft`, path, ['nft', 'monitor']);
    this.start(`${name}: ip`, path, ['ip', 'monitor', 'link', 'address', 'route', 'rule']);
    this.start(`${name}: rows`, path, ['bridge', 'monitor', 'fdb']);
  }

  async close(): Promise<void> {
    for (const child of this.children) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }

  private start(name: string, path: string, command: readonly string[]): void {
    const env = { PATH: SYSTEM_PATH };
    const child = spawn('nsenter', [`--net=${path}`, ...command], { env });
    child.stdout.on('data', (text: Buffer) => this.lines.push(`${name}: ${text.toString()}`));
    this.children.push(child);
  }
}

async function endpointsOf(tasks: readonly TaskDocument[]): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const task of tasks) {
    const { NetworksAttachments: attached } = (await apiOf(1).call({
      method: 'GET',
      path: `/tasks/${task.ID}`,
    })) as {
      readonly NetworksAttachments: readonly {
        readonly Network: { readonly Spec: { readonly Name: string } };
        readonly Addresses: readonly string[];
      }[];
    };
    const own = attached.find(({ Network }) => Network.Spec.Name === 'demo');
    const { runDirectory } = labNode(await nodeOf(task));
    endpoints.push({
      name: `task ${task.Slot}`,
      network: 'demo',
      address: own?.Addresses[0]?.split('/')[0] ?? '',
      namespacePath: `${runDirectory}/netns/t-${task.ID.slice(0, 12)}`,
    });
  }
  return endpoints;
}

function monitorsOf(t: ExecutionContext, node: number): Monitors[] {
  const { runDirectory, namespace } = labNode(node);
  const inner = readdirSync(`${runDirectory}/netns`).filter((name) => WATCHED.test(name));
  t.true(inner.length >= 2, `node ${node} has ${inner.join(', ')}`);
  return [
    new Monitors(`node ${node}`, `/run/netns/${namespace}`),
    ...inner.map((name) => new Monitors(`${node}/${name}`, `${runDirectory}/netns/${name}`)),
  ];
}

/** A bridge tells of its ports once more when they have been there for a while; waits for that. */
async function quiet(monitors: readonly Monitors[]): Promise<void> {
  const deadlineMs = performance.now() + QUIET_LIMIT_MS;
  do {
    for (const { lines } of monitors) lines.length = 0;
    await wait(QUIET_MS);
  } while (monitors.some(({ lines }) => lines.length > 0) && performance.now() < deadlineMs);
}

/** Waits until every ping sent within a second was answered. */
async function whole(t: ExecutionContext, prober: Prober): Promise<void> {
  await eventually(t, 'every pair to answer', {
    look: async () => {
      const startedMs = performance.now();
      await wait(2000);
      return prober.losses(startedMs, startedMs + 1000).pairs;
    },
    holds: (pairs) => pairs.length === 0,
  });
}

test.serial('an agent that was killed writes nothing when it finds all in its place', async (t) => {
  t.timeout(400_000);
  await verb(t, 1, 'network', 'create', '-d', 'overlay', 'demo');
  const common = ['service', 'create', ...QUICK, '-d', '--network', 'demo', '-p', '8000:8000'];
  await verb(t, 1, ...common, '--name', 'whoami', '--replicas', String(TASKS), IMAGE);
  const tasks = await whenRunning(t, 'whoami', TASKS);
  const prober = new Prober(await endpointsOf(tasks));
  t.teardown(() => prober.close());
  await whole(t, prober);
  const monitors = [1, 2].flatMap((node) => monitorsOf(t, node));
  t.teardown(() => Promise.all(monitors.map((monitor) => monitor.close())));
  await quiet(monitors);
  const startedMs = performance.now();
  for (const node of [2, 1]) {
    await labStop(String(node), 'SIGKILL');
    await labStart(String(node));
    await wait(WATCHED_MS);
    t.deepEqual(
      monitors.flatMap(({ lines }) => lines),
      [],
      `node ${node}`,
    );
  }
  await whole(t, prober);
  t.deepEqual(prober.losses(startedMs, performance.now() - 1000).pairs, []);
  t.deepEqual(prober.stuckStreams(8000), []);
});
