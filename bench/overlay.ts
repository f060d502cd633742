/**
 * The way of a packet: Hawser's overlay against the same VXLAN made by hand, and a VIP against its
 * backend's own address.
 *
 * Both overlays lie between two hosts that meet at a bridge in a namespace of its own. Client and
 * server of a pair are on different nodes. The hosts and bridges made by hand have no netfilter.
 */
import type { ChildProcess } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../src/base/index.ts';
import { median, ratioRow, type Row } from './table.ts';
import { buildConnections, onNode, run, runIn, start, withDirectory, withLab } from './tools.ts';

const ROUNDS = 6;
const SECONDS = '2';
const PARALLEL = '64';
const IPERF_PORT = '5201';
const DIRECT_PORT = '7001';
/** A port of its own: sockets that direct connections left in TIME_WAIT would refuse a VIP's. */
const VIP_PORT = '7002';
const WAIT_MS = 20_000;
const HAND = 'hawser-bench-';
const HAND_SERVER = '10.99.0.12';

interface Task {
  readonly address: string;
  /** Path of its network namespace. */
  readonly namespace: string;
}

export async function overlayRows(): Promise<Row[]> {
  return withDirectory(async (directory) => {
    const connections = join(directory, 'client');
    await copyFile(await buildConnections(directory), connections);
    return withLab(async () => measure(connections));
  });
}

async function measure(connections: string): Promise<Row[]> {
  const { client, server, vip } = await deployPair();
  await makeOverlayByHand();
  const servers = [`/run/netns/${HAND}c2`, server.namespace].flatMap((namespace) =>
    serve(connections, namespace),
  );
  try {
    const byHand = `/run/netns/${HAND}c1`;
    await isServed(connections, byHand, [HAND_SERVER, DIRECT_PORT]);
    for (const port of [DIRECT_PORT, VIP_PORT])
      await isServed(connections, client.namespace, [server.address, port]);
    const rate = (namespace: string, address: string, port: string) => (): Promise<number> =>
      connectionsPerSecond(connections, namespace, [address, port]);
    const medians = await alternate({
      hand: () => gigabits(byHand, HAND_SERVER),
      overlay: () => gigabits(client.namespace, server.address),
      vip: () => gigabits(client.namespace, vip),
      handRate: rate(byHand, HAND_SERVER, DIRECT_PORT),
      directRate: rate(client.namespace, server.address, DIRECT_PORT),
      vipRate: rate(client.namespace, vip, VIP_PORT),
    });
    return rowsOf(medians);
  } finally {
    for (const process of servers) process.kill('SIGKILL');
    await removeOverlayByHand();
  }
}

type Figure = 'hand' | 'overlay' | 'vip' | 'handRate' | 'directRate' | 'vipRate';

/** Measures all in turn, again and again, because the machine's speed drifts; the medians. */
async function alternate(
  figures: Record<Figure, () => Promise<number>>,
): Promise<Record<Figure, number>> {
  const seen: Record<Figure, number[]> = {
    hand: [],
    overlay: [],
    vip: [],
    handRate: [],
    directRate: [],
    vipRate: [],
  };
  const names = Object.keys(seen) as Figure[];
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each round begins with another one: what comes first may find the machine in another state.
    const turn = [...names.slice(round % names.length), ...names.slice(0, round % names.length)];
    for (const name of turn) seen[name].push(await figures[name]());
  }
  const medianOf = (name: Figure): number => median(seen[name]);
  return {
    hand: medianOf('hand'),
    overlay: medianOf('overlay'),
    vip: medianOf('vip'),
    handRate: medianOf('handRate'),
    directRate: medianOf('directRate'),
    vipRate: medianOf('vipRate'),
  };
}

function rowsOf(by: Record<Figure, number>): Row[] {
  const gbit = (measured: number, peer: number): Parameters<typeof ratioRow>[1] => {
    return { measured, peer, unit: 'Gbit/s' };
  };
  const rate = (measured: number, peer: number): Parameters<typeof ratioRow>[1] => {
    return { measured, peer, unit: 'conn/s' };
  };
  return [
    ratioRow('TCP over the overlay / VXLAN by hand', gbit(by.overlay, by.hand), 0.97),
    ratioRow('TCP through a VIP / direct', gbit(by.vip, by.overlay), 0.95),
    ratioRow('new connections, VIP / direct', rate(by.vipRate, by.directRate), 0.75),
    ratioRow('new connections, VIP / VXLAN by hand', rate(by.vipRate, by.handRate), 0.75),
  ];
}

/** A server and a client, pinned to different nodes, on one network. */
async function deployPair(): Promise<{ client: Task; server: Task; vip: string }> {
  await onNode(1, 'network', 'create', '-d', 'overlay', 'bench');
  const [first, second] = (
    JSON.parse(await onNode(1, 'node', 'ls', '--json')) as { ID: string }[]
  ).map(({ ID }) => ID);
  const create = (name: string, node: string | undefined): Promise<string> =>
    onNode(
      1,
      'service',
      'create',
      '--name',
      name,
      '--network',
      'bench',
      '--constraint',
      `node.id==${node ?? ''}`,
      'bench:latest',
      'sleep',
      '100000',
    );
  await create('server', first);
  await create('client', second);
  const server = await taskOf('server');
  const inspected = JSON.parse(await onNode(1, 'service', 'inspect', 'server')) as {
    Endpoint: { VirtualIPs: { Addr: string }[] };
  }[];
  const vip = inspected[0]?.Endpoint.VirtualIPs[0]?.Addr.split('/')[0] ?? '';
  return { client: await taskOf('client'), server, vip };
}

async function taskOf(service: string): Promise<Task> {
  const filters = JSON.stringify({ service: [service], 'desired-state': ['running'] });
  const text = await run(
    'curl',
    '-s',
    '--unix-socket',
    '/run/hawser-lab/1/hawser.sock',
    `http://h/tasks?filters=${encodeURIComponent(filters)}`,
  );
  const task = (
    JSON.parse(text) as {
      NetworksAttachments: { Addresses: string[] }[];
      Status: { ContainerStatus: { PID: number } };
    }[]
  )[0];
  return {
    address: task?.NetworksAttachments[0]?.Addresses[0]?.split('/')[0] ?? '',
    namespace: `/proc/${task?.Status.ContainerStatus.PID ?? 0}/ns/net`,
  };
}

/** Outside of any container, so that both overlays are measured and nothing else. */
function serve(connections: string, namespace: string): ChildProcess[] {
  const run = (...command: string[]): ChildProcess =>
    start('nsenter', `--net=${namespace}`, '--', ...command);
  return [
    run('iperf3', '-s', '-p', IPERF_PORT),
    run(connections, 'serve', DIRECT_PORT),
    run(connections, 'serve', VIP_PORT),
  ];
}

/**
 * A server that has just started, or is still ending the last run, turns a client away: it is asked
 * again.
 */
async function gigabits(namespace: string, address: string): Promise<number> {
  const client = ['iperf3', '-c', address, '-p', IPERF_PORT, '-t', SECONDS, '-J'];
  const limit = performance.now() + WAIT_MS;
  for (;;) {
    const text = await runIn(namespace, ...client).catch((error: unknown) => messageOf(error));
    const rate = /"sum_received":\s*\{[^}]*"bits_per_second":\s*([0-9.e+]+)/.exec(text)?.[1];
    if (rate !== undefined) return Number(rate) / 1e9;
    if (performance.now() > limit) throw new Error(`iperf3 to ${address}: ${text.slice(0, 500)}`);
    await delay(200);
  }
}

async function connectionsPerSecond(
  program: string,
  namespace: string,
  to: readonly string[],
): Promise<number> {
  const text = await runIn(namespace, program, 'connect', ...to, SECONDS, PARALLEL);
  return (JSON.parse(text) as { perSecond: number }).perSecond;
}

/** Resolves once the port takes connections. */
async function isServed(program: string, namespace: string, to: readonly string[]): Promise<void> {
  const limit = performance.now() + WAIT_MS;
  const probe = ['nsenter', `--net=${namespace}`, '--', program, 'probe', ...to];
  while (
    !(await run(...probe).then(
      () => true,
      () => false,
    ))
  ) {
    if (performance.now() > limit) throw new Error(`nothing listens on ${to.join(':')}`);
    await delay(50);
  }
}

/**
 * Two hosts, an overlay namespace and a container namespace on each: what Hawser builds, without
 * Hawser.
 */
async function makeOverlayByHand(): Promise<void> {
  await removeOverlayByHand();
  for (const name of ['net', 'h1', 'h2', 'o1', 'o2', 'c1', 'c2']) {
    await run('ip', 'netns', 'add', HAND + name);
    await run('ip', '-n', HAND + name, 'link', 'set', 'lo', 'up');
  }
  const wire = (...words: string[]): Promise<string> => run('ip', '-n', `${HAND}net`, ...words);
  // As in the lab, the hosts meet at a bridge.
  await wire('link', 'add', 'br0', 'type', 'bridge');
  await wire('link', 'set', 'br0', 'up');
  for (const own of [1, 2]) {
    const peer = ['peer', 'name', 'eth0', 'netns', `${HAND}h${own}`];
    await wire('link', 'add', `p${own}`, 'master', 'br0', 'up', 'type', 'veth', ...peer);
  }
  for (const own of [1, 2]) await makeHandSide(own, 3 - own);
}

async function makeHandSide(own: number, other: number): Promise<void> {
  const mac = (side: number): string => `02:42:0a:63:00:1${side}`;
  const ip = (namespace: string, ...words: string[]): Promise<string> =>
    run('ip', '-n', `${HAND}${namespace}${own}`, ...words);
  const bridge = (...words: string[]): Promise<string> =>
    run('bridge', '-n', `${HAND}o${own}`, ...words);
  await ip('h', 'address', 'add', `198.18.99.${own}/24`, 'dev', 'eth0');
  await ip('h', 'link', 'set', 'eth0', 'up');
  await ip(
    'h',
    'link',
    'add',
    'vx0',
    'type',
    'vxlan',
    'id',
    '99',
    'dstport',
    '4789',
    'local',
    `198.18.99.${own}`,
    'nolearning',
    'proxy',
  );
  await ip('h', 'link', 'set', 'vx0', 'netns', `${HAND}o${own}`);
  await ip('o', 'link', 'add', 'br0', 'type', 'bridge');
  await ip('o', 'link', 'set', 'br0', 'up');
  await ip('o', 'link', 'set', 'vx0', 'master', 'br0', 'mtu', '1450', 'up');
  await ip(
    'o',
    'link',
    'add',
    'v0',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    `${HAND}c${own}`,
  );
  await ip('o', 'link', 'set', 'v0', 'master', 'br0', 'mtu', '1450', 'up');
  await ip('c', 'link', 'set', 'eth0', 'address', mac(own), 'mtu', '1450', 'up');
  await ip('c', 'address', 'add', `10.99.0.1${own}/24`, 'dev', 'eth0');
  await bridge('fdb', 'replace', mac(other), 'dev', 'vx0', 'self', 'dst', `198.18.99.${other}`);
  await ip(
    'o',
    'neighbour',
    'replace',
    `10.99.0.1${other}`,
    'lladdr',
    mac(other),
    'dev',
    'vx0',
    'nud',
    'permanent',
  );
  await runIn(
    `/run/netns/${HAND}o${own}`,
    'sysctl',
    '-qew',
    'net.bridge.bridge-nf-call-iptables=0',
  );
}

async function removeOverlayByHand(): Promise<void> {
  const names = (await run('ip', 'netns', 'list'))
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '');
  for (const name of names.filter((candidate) => candidate.startsWith(HAND))) {
    await run('ip', 'netns', 'delete', name);
  }
}
