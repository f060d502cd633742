/** The composition root: makes the parts, connects them, and stops them in the opposite order. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startApi, type Api } from '../api/index.ts';
import { SYSTEM_CLOCK, messageOf, packageRoot, type Logger } from '../base/index.ts';
import { openMember, type ClusterMember } from '../cluster/index.ts';
import { NodeDaemon, Resolver, SandboxNames } from '../node/index.ts';
import { SYSTEM_RNG, agentBackend } from './backend.ts';
import { requireSupported, type AgentConfig } from './config.ts';
import { AgentError } from './errors.ts';
import { readMachine } from './host/machine.ts';
import { lockRunDirectory } from './host/run-lock.ts';
import { localNode } from './local-node.ts';
import { createLogger } from './telemetry/logging.ts';
import {
  createMetrics,
  refreshFromView,
  serveMetrics,
  type AgentMetrics,
} from './telemetry/metrics.ts';
import { makeDirectories, openParts, resolverSockets, type Parts } from './parts.ts';
import { StopStack } from './stop-stack.ts';
import { teardown } from './teardown.ts';

/**
 * Runs until SIGTERM or SIGINT. Throws `AgentError` and the rooms' own errors when it cannot start
 * as configured.
 */
export async function runAgent(config: AgentConfig): Promise<void> {
  const logger = createLogger(config);
  const close = await startAgent(config, logger);
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => resolve(signal));
  });
  logger.info({ signal: await stopped }, 'stopping; tasks and what the kernel holds go on');
  await close();
}

/** Takes away what an agent on these directories left in the kernel and in the runtime. */
export async function runTeardown(config: AgentConfig): Promise<void> {
  requireRoot();
  await makeDirectories(config);
  const unlock = await lockRunDirectory(config.runDirectory);
  const parts = await openParts(config, createLogger(config), undefined);
  try {
    await teardown(parts);
  } finally {
    await closeParts(parts);
    await unlock();
  }
}

/**
 * Resolves with how to stop it again, once its API answers; a start that fails leaves nothing open.
 */
async function startAgent(config: AgentConfig, logger: Logger): Promise<() => Promise<void>> {
  requireRoot();
  requireSupported(config);
  const stops = new StopStack();
  try {
    await composeAgent(config, logger, stops);
  } catch (error) {
    await stops
      .run()
      .catch((failure: unknown) =>
        logger.warn({ error: messageOf(failure) }, 'a failed start could not be undone completely'),
      );
    throw error;
  }
  return () => stops.run();
}

async function composeAgent(config: AgentConfig, logger: Logger, stops: StopStack): Promise<void> {
  await makeDirectories(config);
  stops.add(await lockRunDirectory(config.runDirectory));
  const version = await readVersion();
  const sources: { resolver?: Resolver; member?: ClusterMember; api?: Api } = {};
  const metrics = createMetrics(version, {
    dnsQueries: () => sources.resolver?.snapshot() ?? [],
    apiCounters: () => sources.api?.counters,
    gossip: () => sources.member?.gossip,
    refresh: (all) => refreshFromView(all, sources.member),
  });
  const [parts, machine] = await Promise.all([openParts(config, logger, metrics), readMachine()]);
  stops.add(() => closeParts(parts));
  const member = await openMember({
    dataDirectory: config.dataDirectory,
    localNode: localNode(parts.runtime, version),
    clock: SYSTEM_CLOCK,
    logger: logger.child({ room: 'cluster' }),
    gossipPort: config.gossipPort,
    metrics: { observeCommitSeconds: (seconds) => metrics.raftCommitSeconds.observe(seconds) },
  });
  stops.add(() => member.close());
  sources.member = member;
  const resolver = new Resolver({
    sockets: resolverSockets(parts.kernel),
    rng: SYSTEM_RNG,
    clock: SYSTEM_CLOCK,
    logger: logger.child({ room: 'resolver' }),
  });
  stops.add(() => resolver.closeAll());
  sources.resolver = resolver;
  await startDaemon({ parts, member, resolver, hostname: machine.hostname }, stops);
  const api = await startApi({
    path: config.api.replace(/^unix:\/\//, ''),
    group: 'hawser',
    backend: agentBackend({ parts, member, machine, version }),
    logger: logger.child({ room: 'api' }),
  });
  stops.add(() => api.close());
  sources.api = api;
  await startMetrics(config, metrics, stops);
  logger.info({ version, api: config.api, state: member.status().state }, 'agent is ready');
}

async function startMetrics(
  config: AgentConfig,
  metrics: AgentMetrics,
  stops: StopStack,
): Promise<void> {
  if (config.metricsAddress === '') return;
  const server = await serveMetrics(config.metricsAddress, metrics.registry);
  stops.add(() => {
    server.close();
    server.closeAllConnections();
  });
}

interface DaemonParts {
  readonly parts: Parts;
  readonly member: ClusterMember;
  readonly resolver: Resolver;
  readonly hostname: string;
}

/** Without a runtime no task runs here, so there is nothing to hold to a view. */
async function startDaemon(daemonParts: DaemonParts, stops: StopStack): Promise<void> {
  const { parts, member, resolver, hostname } = daemonParts;
  const { runtime, kernel, reconciler, sandboxes, config, logger } = parts;
  if (runtime === undefined) return;
  stops.add(runtime.images.onChange(() => member.refreshDescription()));
  const daemon = new NodeDaemon({
    member,
    runtime,
    reconciler,
    sandboxes,
    names: new SandboxNames({
      resolver,
      runDirectory: config.runDirectory,
      readHostResolvConf: () => readOrEmpty(config.resolvConf),
    }),
    runDirectory: config.runDirectory,
    hostname,
    clock: SYSTEM_CLOCK,
    logger: logger.child({ room: 'node' }),
    ensureNamespace: (name) => kernel.createNamespace(name),
  });
  stops.add(() => daemon.close());
  await daemon.start();
}

async function closeParts(parts: Parts): Promise<void> {
  await parts.reconciler.close();
  await parts.runtime?.close();
  parts.kernel.close();
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new AgentError(
    { code: 'needs-root' },
    'the agent makes namespaces, links and firewall rules: start it as root',
  );
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The package's own version, from the package.json above this file. */
async function readVersion(): Promise<string> {
  const path = join(packageRoot(import.meta.dirname), 'package.json');
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
}
