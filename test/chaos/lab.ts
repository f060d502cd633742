/** The lab of a chaos run: three nodes, two networks, thirty tasks, and the hands that break it. */
import { openSync, closeSync, rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { labNode, labStart, labStop } from '../../src/lab/index.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../../src/kernel/netlink/index.ts';
import { apiOf, IMAGE, QUICK, run, tasksOf, tryVerb } from '../e2e/lab-fixture.ts';
import { FINGERPRINT } from './damages.ts';
import type { Endpoint } from './prober.ts';

export const NODES = [1, 2, 3];
const NETWORKS = ['red', 'blue'];
const TASKS_PER_NETWORK = 15;
const START_LIMIT_MS = 180_000;
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const IPCTNL_MSG_CT_DELETE = (1 << 8) | 2;

/** A namespace that Hawser owns on a node; the empty name is the node's own. */
export interface Place {
  readonly node: number;
  readonly name: string;
}

export function pathOf({ node, name }: Place): string {
  const lab = labNode(node);
  return name === '' ? `/run/netns/${lab.namespace}` : `${lab.runDirectory}/netns/${name}`;
}

/** Makes networks and services; returns the endpoints once they run. */
export async function populate(): Promise<Endpoint[]> {
  for (const network of NETWORKS) {
    await must(['network', 'create', '-d', 'overlay', network]);
    const service = ['service', 'create', ...QUICK, '-d', '--name', network, '--network', network];
    await must([...service, '--replicas', String(TASKS_PER_NETWORK), IMAGE, 'sleep', '86400']);
  }
  // Brings the ingress network to every node.
  const web = ['service', 'create', ...QUICK, '-d', '--name', 'web', '-p', '8000:8000', IMAGE];
  await must(web);
  const endpoints: Endpoint[] = [];
  for (const network of NETWORKS) endpoints.push(...(await endpointsOf(network)));
  return endpoints;
}

async function must(words: readonly string[]): Promise<void> {
  const ran = await tryVerb(1, ...words);
  if (ran.status !== 0) throw new Error(`${words.join(' ')}: ${ran.stderr}`);
}

interface AttachedTask {
  readonly ID: string;
  readonly NodeID: string;
  readonly Slot: number;
  readonly NetworksAttachments?: readonly { readonly Addresses: readonly string[] }[];
}

async function endpointsOf(network: string): Promise<Endpoint[]> {
  const deadlineMs = performance.now() + START_LIMIT_MS;
  for (;;) {
    const running = (await tasksOf(network)).filter(({ Status }) => Status.State === 'running');
    if (running.length === TASKS_PER_NETWORK)
      return Promise.all(
        (running as unknown as AttachedTask[]).map((task) => endpoint(network, task)),
      );
    if (performance.now() > deadlineMs)
      throw new Error(`only ${running.length} tasks of ${network} run`);
    await wait(500);
  }
}

async function endpoint(network: string, task: AttachedTask): Promise<Endpoint> {
  const node = await numberOf(task.NodeID);
  const address = task.NetworksAttachments?.[0]?.Addresses[0]?.split('/')[0] ?? '';
  const namespacePath = pathOf({ node, name: `t-${task.ID.slice(0, 12)}` });
  return { name: `${network}.${task.Slot}@${node}`, network, address, namespacePath };
}

async function numberOf(nodeId: string): Promise<number> {
  const node = (await apiOf(1).call({ method: 'GET', path: `/nodes/${nodeId}` })) as {
    Status: { Addr: string };
  };
  return NODES.find((number) => labNode(number).address === node.Status.Addr) ?? 0;
}

/** Runs a script in a namespace and returns what it printed, whatever became of it. */
export async function shell(place: Place, script: string, random = 0): Promise<string> {
  const program = `export PATH=${SYSTEM_PATH} R=${random}; exec 2>&1; ${script}`;
  return (await run(['nsenter', `--net=${pathOf(place)}`, 'sh', '-c', program])).stdout;
}

/** Namespaces by kind: whose names begin alike are told apart by what is in them. */
export async function placesOf(node: number): Promise<Record<string, Place[]>> {
  const listed = await run(['ls', `${labNode(node).runDirectory}/netns`]);
  const names = listed.stdout.split('\n').filter(Boolean);
  const overlays = names.filter((name) => name.startsWith('n-')).map((name) => ({ node, name }));
  const links = await Promise.all(overlays.map((place) => shell(place, 'ip -o link')));
  const isIngress = (at: number): boolean => links[at]?.includes(' gw0') === true;
  return {
    host: [{ node, name: '' }],
    overlay: overlays.filter((_, at) => !isIngress(at)),
    ingress: overlays.filter((_, at) => isIngress(at)),
    sandbox: names.filter((name) => name.startsWith('t-')).map((name) => ({ node, name })),
  };
}

/** What all namespaces hold, by name. */
export async function fingerprint(): Promise<Map<string, string>> {
  const prints = new Map<string, string>();
  for (const node of NODES)
    for (const places of Object.values(await placesOf(node)))
      for (const place of places)
        prints.set(`${node}/${place.name}`, await shell(place, FINGERPRINT));
  return prints;
}

/** Takes a namespace out of its place, as `ip netns del` would. */
export async function takeAway(place: Place): Promise<void> {
  await run(['umount', '-l', pathOf(place)]);
  rmSync(pathOf(place), { force: true });
}

/** What `conntrack -F` does. */
export function flushConnections(place: Place): void {
  const namespaceFd = openSync(pathOf(place), 'r');
  const socket = new NetlinkSocket(namespaceFd, NETLINK_NETFILTER);
  try {
    socket.request({
      type: IPCTNL_MSG_CT_DELETE,
      object: 'connections',
      write: (writer) => writer.u32(0),
    });
  } finally {
    socket.close();
    closeSync(namespaceFd);
  }
}

/** Cuts a node's cable for a time; resolves when it is back. */
export async function cutLink(node: number, durationMs: number): Promise<void> {
  const set = (state: 'up' | 'down'): Promise<unknown> =>
    run(['ip', '-n', 'hawser-lab-net', 'link', 'set', labNode(node).port, state]);
  await set('down');
  await wait(durationMs);
  await set('up');
}

export async function restartAgent(node: number): Promise<void> {
  await labStop(String(node), 'SIGKILL');
  await labStart(String(node));
}
