/**
 * The agent itself: how soon its API answers, and how much memory it holds with little and with
 * much in the store.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openMember, type Manager } from '../src/cluster/index.ts';
import { randomId, SeededRng } from '../src/base/index.ts';
import type { NetworkId, NodeId, ServiceId } from '../src/model/index.ts';
import { parseClusterSpec, parseNetworkSpec, parseServiceSpec } from '../src/model/index.ts';
import type { Command } from '../src/store/index.ts';
import { limitRow, median, type Row } from './table.ts';
import { rootDirectory, run, start, withDirectory } from './tools.ts';

const ROUNDS = 5;
const SERVICES = 1000;
const ENDPOINTS = 10_000;
const NODES = 10;
/** After this long without work an agent counts as idle. */
const SETTLE_MS = 3000;

export async function agentRows(): Promise<Row[]> {
  return withDirectory(async (directory) => {
    const starts: number[] = [];
    let idleMegabytes = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const one = await measureAgent(join(directory, `idle${round}`));
      starts.push(one.startMs);
      idleMegabytes = one.megabytes;
    }
    const full = join(directory, 'full');
    await fillStore(full);
    const loaded = await measureAgent(full);
    return [
      limitRow('agent start to API ready', median(starts), { max: 400, unit: 'ms' }),
      limitRow('agent memory, idle', idleMegabytes, { max: 90, unit: 'MB' }),
      limitRow(`agent memory, ${SERVICES} services and ${ENDPOINTS} endpoints`, loaded.megabytes, {
        max: 200,
        unit: 'MB',
      }),
      limitRow('agent start to API ready with these', loaded.startMs, { max: 2000, unit: 'ms' }),
    ];
  });
}

/** Starts an agent in a network namespace of its own, so that nothing of the machine is touched. */
async function measureAgent(directory: string): Promise<{ startMs: number; megabytes: number }> {
  const socket = join(directory, 'run/hawser.sock');
  const startedAt = performance.now();
  const agent = start(
    ...['unshare', '--net', '--', join(rootDirectory(), 'bin/hawser'), 'agent'],
    ...['--data-dir', directory, '--run-dir', join(directory, 'run'), '--api', `unix://${socket}`],
    ...['--metrics-addr', '', '--runtime', 'none'],
  );
  try {
    await answersPing(socket, agent);
    const startMs = performance.now() - startedAt;
    await delay(SETTLE_MS);
    return { startMs, megabytes: await residentMegabytes(agent) };
  } finally {
    agent.kill('SIGTERM');
    await new Promise((resolve) => agent.once('exit', resolve));
  }
}

async function answersPing(socket: string, agent: ChildProcess): Promise<void> {
  for (;;) {
    if (agent.exitCode !== null) throw new Error(`the agent ended with ${agent.exitCode}`);
    const isUp =
      existsSync(socket) &&
      (await run('curl', '-sf', '--unix-socket', socket, 'http://h/_ping').then(
        () => true,
        () => false,
      ));
    if (isUp) return;
    await delay(2);
  }
}

async function residentMegabytes(agent: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${agent.pid ?? 0}/status`, 'utf8');
  return Number(/VmRSS:\s+([0-9]+) kB/.exec(status)?.[1]) / 1024;
}

/** Writes a manager's data directory: a cluster whose nodes run all those tasks. */
async function fillStore(directory: string): Promise<void> {
  const member = await openMember({
    dataDirectory: directory,
    localNode: {
      description: async () => description('manager'),
      taskLogs: () => {
        throw new Error('no logs here');
      },
    },
  });
  try {
    await member.init({
      advertiseAddress: '127.0.0.1:23770',
      listenAddress: '127.0.0.1:23770',
      spec: parseClusterSpec({}),
      availability: 'drain',
    });
    const { manager } = member;
    if (manager === undefined) throw new Error('not a manager after init');
    await fill(manager);
  } finally {
    await member.close();
  }
}

async function fill(manager: Manager): Promise<void> {
  const rng = new SeededRng(1);
  const atMs = Date.now();
  const nodes = Array.from({ length: NODES }, () => randomId(rng) as NodeId);
  await propose(
    manager,
    nodes.map((id, at) => ({
      type: 'node.register',
      atMs,
      id,
      role: 'worker',
      description: description(`worker${at}`),
      address: `198.18.1.${at + 1}`,
      vtep: `198.18.1.${at + 1}`,
    })),
  );
  const networkId = randomId(rng) as NetworkId;
  const spec = parseNetworkSpec({
    Name: 'big',
    Driver: 'overlay',
    IPAM: { Config: [{ Subnet: '10.128.0.0/16' }] },
  });
  await propose(manager, [{ type: 'network.create', atMs, id: networkId, spec }]);
  await propose(
    manager,
    Array.from({ length: SERVICES }, (_, at) => ({
      type: 'service.create',
      atMs,
      id: randomId(rng) as ServiceId,
      spec: parseServiceSpec({
        Name: `service${at}`,
        TaskTemplate: {
          ContainerSpec: { Image: 'bench:latest', Args: ['sleep', '1000'] },
          Networks: [{ Target: networkId }],
        },
        Mode: { Replicated: { Replicas: ENDPOINTS / SERVICES } },
      }),
    })),
  );
  await tasksRun(manager, nodes);
}

/** Waits for the orchestrator's tasks and says for each that it runs. */
async function tasksRun(manager: Manager, nodes: readonly NodeId[]): Promise<void> {
  while (manager.store.tasks.size < ENDPOINTS) await delay(50);
  const atMs = Date.now();
  await propose(
    manager,
    nodes.map((nodeId) => ({
      type: 'tasks.report',
      atMs,
      nodeId,
      statuses: [...manager.store.tasks.values()]
        .filter((task) => task.nodeId === nodeId)
        .map(({ id }) => ({ id, status: { state: 'running', atMs, message: 'started' } })),
    })),
  );
}

async function propose(manager: Manager, commands: readonly Command[]): Promise<void> {
  const outcomes = await Promise.all(commands.map((command) => manager.propose(command)));
  const refused = outcomes.find((outcome) => !outcome.ok);
  if (refused !== undefined) throw new Error(refused.refusal.message);
}

function description(hostname: string): Extract<Command, { type: 'node.register' }>['description'] {
  return {
    hostname,
    architecture: 'x86_64',
    os: 'linux',
    nanoCpus: 2e9,
    memoryBytes: 2 ** 34,
    engineVersion: '0',
    images: ['bench:latest'],
  };
}
