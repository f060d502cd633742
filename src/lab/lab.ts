/** Bringing a lab up, looking at it, and stopping or starting single nodes of it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { agentPid, startAgent, stopAgent } from './cluster/agents.ts';
import { formCluster, seenNodes, whenBack, type LabRole } from './cluster/cluster.ts';
import { removeLab } from './down.ts';
import { LabError } from './errors.ts';
import {
  checkLabOptions,
  readLab,
  requireLab,
  requireRoot,
  withLabLock,
  writeLab,
  type LabOptions,
} from './lab-state.ts';
import {
  LAB_CLIENT,
  LAB_IMAGE_DIRECTORY,
  labNode,
  labNodes,
  namespacePath,
  type LabHost,
  type LabNode,
} from './layout.ts';
import { createUnderlay, inNamespace } from './underlay.ts';

/** One line of `hawser lab status`. */
export interface LabNodeStatus {
  readonly number: number;
  readonly address: string;
  readonly api: string;
  /** Absent while the agent does not run. */
  readonly pid?: number;
  /** As the managers see it; `unknown` when none of them can say. */
  readonly state: string;
  readonly role: LabRole | 'unknown';
}

/**
 * Makes the underlay, starts the agents, forms the cluster, and returns when every node is Ready
 * and every manager reachable.
 * What a failed attempt leaves stays for a look at its logs, until `lab down`.
 */
export async function labUp(options: LabOptions): Promise<void> {
  requireRoot();
  checkLabOptions(options);
  await withLabLock(async () => {
    const existing = readLab();
    if (existing !== undefined) {
      throw new LabError(
        { code: 'lab-exists', nodes: existing.nodes },
        `a lab of ${existing.nodes} nodes exists: remove it first with \`hawser lab down\``,
      );
    }
    // Namespaces without a state file are what a killed command left.
    await removeLab();
    writeLab(options);
    mkdirSync(LAB_IMAGE_DIRECTORY, { recursive: true });
    await createUnderlay(options.nodes);
    const nodes = labNodes(options.nodes);
    await Promise.all(nodes.map((node) => startAgent(node, options)));
    await formCluster(nodes, options.managers);
  });
}

export async function labStatus(): Promise<LabNodeStatus[]> {
  const lab = requireLab();
  const nodes = labNodes(lab.nodes);
  const seen = await seenNodes(nodes);
  return nodes.map((node) => {
    const pid = agentPid(node);
    const { state = 'unknown', role = 'unknown' } = seen?.get(node.address) ?? {};
    return {
      number: node.number,
      address: node.address,
      api: `unix://${node.socketPath}`,
      ...(pid === undefined ? {} : { pid }),
      state,
      role,
    };
  });
}

export async function labDown(): Promise<void> {
  requireRoot();
  await withLabLock(removeLab);
}

/** Ends the agent of a node as an operator would (`SIGTERM`) or as a crash would (`SIGKILL`). */
export async function labStop(node: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  requireRoot();
  const stopped = nodeNamed(node);
  await withLabLock(() => stopAgent(stopped, signal));
}

/** Starts the agent of a node and returns when the managers see it Ready again. */
export async function labStart(node: string): Promise<void> {
  requireRoot();
  const lab = requireLab();
  const started = nodeNamed(node);
  await withLabLock(async () => {
    await startAgent(started, lab);
    await whenBack(started, labNodes(lab.nodes));
  });
}

/**
 * Runs a command in the network namespace of a node, or of the client outside, on this terminal,
 * with DOCKER_HOST and HAWSER_HOST naming that node. Resolves to its exit status.
 */
export async function labExec(host: string, command: readonly string[]): Promise<number> {
  requireRoot();
  const target: LabHost = host === 'client' ? LAB_CLIENT : nodeNamed(host);
  if (!existsSync(namespacePath(target.namespace))) throw noSuchNode(host);
  const [program = '', ...args] = [...inNamespace(target.namespace), ...command];
  const api = host === 'client' ? undefined : `unix://${nodeNamed(host).socketPath}`;
  const hosts = api === undefined ? {} : { DOCKER_HOST: api, HAWSER_HOST: api };
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...hosts } });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
}

function nodeNamed(text: string): LabNode {
  const lab = requireLab();
  const number = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 1 && number <= lab.nodes) return labNode(number);
  throw noSuchNode(text);
}

function noSuchNode(node: string): LabError {
  const { nodes } = requireLab();
  return new LabError(
    { code: 'no-such-node', node },
    `the lab has no node "${node}": name one of 1 to ${nodes}, or, for exec, client`,
  );
}
