/** The agents of a lab: started detached in their namespaces, known by their pid files. */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/index.ts';
import { ApiClient, ApiError } from '../../client/index.ts';
import { LabError } from '../errors.ts';
import type { LabOptions } from '../lab-state.ts';
import { LAB_IMAGE_DIRECTORY, type LabNode } from '../layout.ts';
import { tryRun } from '../shell.ts';
import { inNamespace } from '../underlay.ts';
import { waitFor } from '../wait.ts';

const SOCKET_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 15_000;
const TEARDOWN_LIMIT_MS = 60_000;

/** The program of this very checkout or package. */
export function hawserProgram(): string {
  return join(packageRoot(import.meta.dirname), 'bin/hawser');
}

export function clientOf(node: LabNode): ApiClient {
  return new ApiClient({ kind: 'unix', path: node.socketPath });
}

function directoryOptions(node: LabNode): string[] {
  return ['--data-dir', node.dataDirectory, '--run-dir', node.runDirectory];
}

function agentCommand(node: LabNode, options: LabOptions): string[] {
  return [
    ...[hawserProgram(), 'agent'],
    ...directoryOptions(node),
    ...['--api', `unix://${node.socketPath}`],
    ...['--advertise-addr', node.address],
    ...['--metrics-addr', node.metricsAddress],
    ...['--image-dir', LAB_IMAGE_DIRECTORY],
    ...['--runtime', options.runtime],
    ...['--lb', options.lb],
  ];
}

/**
 * A host name of its own, so that nodes can be told apart; then the command takes the process over.
 */
function asMachine(node: LabNode, command: readonly string[]): string[] {
  const renamed = ['unshare', '--uts', '--', 'sh', '-c', 'hostname "$0" && exec "$@"'];
  return [...inNamespace(node.namespace), ...renamed, node.namespace, ...command];
}

/** Starts the agent and returns when its API answers. Does nothing when it runs already. */
export async function startAgent(node: LabNode, options: LabOptions): Promise<void> {
  if (agentPid(node) !== undefined) return;
  mkdirSync(node.runDirectory, { recursive: true });
  mkdirSync(node.dataDirectory, { recursive: true });
  const log = openSync(node.logPath, 'a');
  const [program = '', ...args] = asMachine(node, agentCommand(node, options));
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], cwd: '/' });
  closeSync(log);
  const ended = { early: false };
  child.on('exit', () => (ended.early = true));
  child.on('error', () => (ended.early = true));
  child.unref();
  if (child.pid !== undefined) writeFileSync(node.pidPath, `${child.pid}\n`);
  await waitFor(`the API of node ${node.number}`, SOCKET_LIMIT_MS, async () => {
    if (ended.early) throw agentEnded(node);
    return answersPing(node);
  });
}

function agentEnded(node: LabNode): LabError {
  const lastLine = readFileSync(node.logPath, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  return new LabError(
    { code: 'agent-ended', node: node.number, logPath: node.logPath },
    `the agent of node ${node.number} ended: ${lastLine.slice(0, 300)} (all of it: ` +
      `${node.logPath})`,
  );
}

async function answersPing(node: LabNode): Promise<boolean> {
  try {
    await clientOf(node).text({ method: 'GET', path: '/_ping' });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.detail.code === 'unreachable') return false;
    throw error;
  }
}

/** Its pid, if that process is alive and is this node's agent: pids are used again. */
export function agentPid(node: LabNode): number | undefined {
  try {
    const pid = Number(readFileSync(node.pidPath, 'utf8'));
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes('agent') && words.includes(node.runDirectory) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Ends the agent and leaves its data plane as it is. Does nothing when it does not run. */
export async function stopAgent(node: LabNode, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const pid = agentPid(node);
  if (pid !== undefined) process.kill(pid, signal);
  // One that ended keeps its pid, and with it its lock, until its parent took notice.
  const isGone = (): boolean => pid === undefined || !existsSync(`/proc/${pid}`);
  const awaited = `the agent of node ${node.number} to end`;
  await waitFor(awaited, STOP_LIMIT_MS, async () => isGone());
  rmSync(node.pidPath, { force: true });
}

/** Lets the agent's own program remove containers and kernel state; returns why it could not. */
export async function teardownAgent(node: LabNode): Promise<string | undefined> {
  const command = [hawserProgram(), 'agent', '--teardown', ...directoryOptions(node)];
  const result = await tryRun(asMachine(node, command), { timeoutMs: TEARDOWN_LIMIT_MS });
  return result.status === 0 ? undefined : result.stderr.trim();
}
