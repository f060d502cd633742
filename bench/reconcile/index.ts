/**
 * The reconcile loop on the real kernel, at its largest: 10,000 remote endpoints and 1,000 services
 * on one node. Beside it the same rows through `bridge -batch`, `ip -batch` and `nft -f`, in a
 * namespace of the same kind.
 */
import { spawn, execFileSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { limitRow, median, ratioRow, type Row } from '../table.ts';
import { withDirectory } from '../tools.ts';

const ENDPOINTS = 10_000;
const SERVICES = 1000;
const CHANGES = 200;
const VERIFIES = 7;
const SCALED = 500;
const ROUNDS = 3;

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  readonly childCpuMs: number;
  readonly looks: number;
}

/** A node in a process and a network namespace of its own. */
class Node {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;

  constructor(directory: string, self: number, vni: number) {
    const script = join(import.meta.dirname, 'node.js');
    const args = ['--net', process.execPath, script, directory, String(self), String(vni)];
    this.child = spawn('unshare', args);
    this.child.stderr.pipe(process.stderr);
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async tell<Answer = Cost>(line: string): Promise<Answer> {
    this.child.stdin.write(`${line}\n`);
    const next = (await this.lines.next()) as IteratorResult<string, undefined>;
    if (next.done === true) throw new Error(`the node ended at: ${line}`);
    return JSON.parse(next.value) as Answer;
  }

  async close(): Promise<void> {
    await this.tell('teardown');
    this.child.stdin.end();
  }
}

export async function reconcileRows(): Promise<Row[]> {
  return withDirectory(async (directory) => {
    const rows = await largeRows(directory);
    return [...rows, ...(await scaleRows(directory))];
  });
}

async function largeRows(directory: string): Promise<Row[]> {
  const first: number[] = [];
  const peer: number[] = [];
  for (let round = 1; round < ROUNDS; round += 1)
    await onNode(directory, round, async (node) => {
      first.push((await node.tell(`program ${ENDPOINTS} ${SERVICES}`)).ms);
      peer.push(byTools(directory, await node.tell('scripts')));
    });
  return onNode(directory, ROUNDS, async (node) => {
    first.push((await node.tell(`program ${ENDPOINTS} ${SERVICES}`)).ms);
    peer.push(byTools(directory, await node.tell('scripts')));
    return [
      limitRow('reconcile: 10,000 endpoints, 1,000 services', median(first), ms(2000)),
      ratioRow('reconcile: the same by bridge, ip, nft: rows/s', perSecond(first, peer), 1),
      ...(await changeRows(node)),
      ...(await verifyRows(node)),
      limitRow('reconcile: memory', (await node.tell<{ bytes: number }>('memory')).bytes / 1e6, {
        max: 200,
        unit: 'MB',
      }),
    ];
  });
}

async function changeRows(node: Node): Promise<Row[]> {
  const costs: Cost[] = [];
  for (let change = 0; change < CHANGES; change += 1) {
    // Some to warm up, then each endpoint goes and comes again.
    const cost = await node.tell(`change ${1 + (change >> 1)} ${change % 2}`);
    if (change >= CHANGES / 10) costs.push(cost);
  }
  const looks = costs.reduce((sum, cost) => sum + cost.looks, 0);
  return [
    limitRow('reconcile: one endpoint, agent’s CPU, p99', percentile(costs, 0.99), ms(5)),
    limitRow('reconcile: one endpoint, agent’s CPU, p50', percentile(costs, 0.5), ms(5)),
    limitRow(
      'reconcile: one endpoint, until in the kernel',
      median(costs.map((c) => c.ms)),
      ms(50),
    ),
    limitRow('reconcile: listings for those changes', looks, { max: 0, unit: '' }),
  ];
}

async function verifyRows(node: Node): Promise<Row[]> {
  const costs: Cost[] = [];
  for (let round = 0; round < VERIFIES; round += 1) costs.push(await node.tell('verify'));
  const cpuMs = costs.map((cost) => cost.cpuMs + cost.childCpuMs);
  return [limitRow('reconcile: a full verify pass, CPU', median(cpuMs), ms(300))];
}

/** Three nodes are told of all endpoints at once; the last one counts. */
async function scaleRows(directory: string): Promise<Row[]> {
  const nodes = [1, 2, 3].map((self) => new Node(join(directory, `n${self}`), self, vniOf(self)));
  const lastMs: number[] = [];
  try {
    await Promise.all(nodes.map((node) => node.tell('program 0 10')));
    for (let round = 0; round < ROUNDS; round += 1) {
      const startMs = performance.now();
      const from = 1 + round * SCALED;
      await Promise.all(nodes.map((node) => node.tell(`scale ${from} ${from + SCALED}`)));
      lastMs.push(performance.now() - startMs);
    }
  } finally {
    for (const node of nodes) await node.close();
  }
  return [limitRow('reconcile: 500 endpoints more on three nodes', median(lastMs), ms(500))];
}

async function onNode<T>(
  directory: string,
  round: number,
  use: (node: Node) => Promise<T>,
): Promise<T> {
  const node = new Node(join(directory, `large${round}`), 1, vniOf(10 + round));
  try {
    return await use(node);
  } finally {
    await node.close();
  }
}

/** Milliseconds that the usual tools take for the same rows, each as one batch. */
function byTools(
  directory: string,
  scripts: { readonly bridge: string; readonly ip: string; readonly nft: string },
): number {
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(directory, name), text);
  const script =
    'ip link add br0 type bridge; ip link add vx0 type vxlan id 1 dstport 4789 nolearning; ' +
    'ip link set vx0 master br0 up; ip link set br0 up; s=$(date +%s%N); ' +
    `bridge -batch ${directory}/bridge && ip -batch ${directory}/ip && ` +
    `/usr/sbin/nft -f ${directory}/nft && echo $((($(date +%s%N) - s) / 1000))`;
  const printed = execFileSync('unshare', ['--net', 'sh', '-c', script], { encoding: 'utf8' });
  for (const name of Object.keys(scripts)) rmSync(join(directory, name));
  return Number(printed.trim().split('\n').at(-1)) / 1000;
}

function perSecond(
  ours: readonly number[],
  theirs: readonly number[],
): { measured: number; peer: number; unit: string } {
  // Two neighbours and one forwarding row for each endpoint, and one address for each service.
  const rows = ENDPOINTS * 3 + SERVICES;
  const rate = (all: readonly number[]): number => (rows * 1000) / median(all);
  return { measured: rate(ours), peer: rate(theirs), unit: '/s' };
}

function percentile(costs: readonly Cost[], share: number): number {
  const sorted = costs.map((cost) => cost.cpuMs).sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const ms = (max: number): { max: number; unit: string } => ({ max, unit: 'ms' });

/** VNIs are shared by all namespaces over one underlay; here each has its own. */
const vniOf = (number: number): number => 20_000 + number * 10;
