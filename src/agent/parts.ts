/** The parts of an agent, made in the order in which they depend on each other. */
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SYSTEM_CLOCK, messageOf, type Logger } from '../base/index.ts';
import { LinuxKernel } from '../kernel/index.ts';
import {
  Reconciler,
  SandboxTable,
  chooseGatewayPrefix,
  parseProcRoutes,
  type ClientSockets,
  type EnginePlace,
  type NamespaceDoor,
} from '../node/index.ts';
import { RuntimeError, openOciRuntime, type Runtime } from '../runtime/index.ts';
import type { AgentConfig } from './config.ts';
import { CGROUP_PARENT, cgroupsFor } from './host/cgroups.ts';
import { loadModules } from './host/modules.ts';
import type { AgentMetrics } from './telemetry/metrics.ts';

export interface Parts {
  readonly config: AgentConfig;
  readonly logger: Logger;
  readonly kernel: LinuxKernel;
  readonly runtime: Runtime | undefined;
  readonly reconciler: Reconciler;
  readonly sandboxes: SandboxTable;
}

export async function openParts(
  config: AgentConfig,
  logger: Logger,
  metrics: AgentMetrics | undefined,
): Promise<Parts> {
  await loadModules(logger);
  const kernel = new LinuxKernel({ runDirectory: config.runDirectory });
  const [runtime, sandboxes] = await Promise.all([
    openRuntime(config, logger),
    SandboxTable.open(config.runDirectory, () => gatewayPrefix(config), logger),
  ]);
  const reconciler = new Reconciler({
    kernel,
    clock: SYSTEM_CLOCK,
    logger: logger.child({ room: 'reconcile' }),
    watch: (namespace, handlers) => kernel.watch(namespace, handlers),
    ...(metrics ? { metrics: reconcileMetrics(metrics) } : {}),
  });
  return { config, logger, kernel, runtime, reconciler, sandboxes };
}

/** Makes the directories an agent works in, closed to others. */
export async function makeDirectories(config: AgentConfig): Promise<void> {
  for (const directory of [config.dataDirectory, config.runDirectory]) {
    await mkdir(directory, { recursive: true, mode: 0o711 });
  }
}

/** `auto` runs tasks where runc and conmon are installed, and none elsewhere. */
async function openRuntime(config: AgentConfig, logger: Logger): Promise<Runtime | undefined> {
  if (config.runtime === 'none') return undefined;
  try {
    return await openOciRuntime({
      dataDirectory: config.dataDirectory,
      runDirectory: config.runDirectory,
      imageDirectory: config.imageDirectory ?? join(config.dataDirectory, 'images'),
      cgroupParent: CGROUP_PARENT,
      logger: logger.child({ room: 'runtime' }),
      clock: SYSTEM_CLOCK,
    });
  } catch (error) {
    const isMissing = error instanceof RuntimeError && error.detail.code === 'missing_tool';
    if (config.runtime !== 'auto' || !isMissing) throw error;
    logger.warn({ error: messageOf(error) }, 'no tasks will run here: install runc and conmon');
    return undefined;
  }
}

async function gatewayPrefix(config: AgentConfig): Promise<string> {
  if (config.gatewayPrefix !== undefined) return config.gatewayPrefix;
  return chooseGatewayPrefix(parseProcRoutes(await readFile('/proc/net/route', 'utf8')));
}

function reconcileMetrics(metrics: AgentMetrics): {
  repaired(kind: string): void;
  passed(seconds: number): void;
} {
  return {
    repaired: (kind) => metrics.reconcileRepairs.inc({ kind }),
    passed: (seconds) => metrics.reconcileSeconds.observe(seconds),
  };
}

/** Sockets of the resolver, made inside the namespace that `path` is bind-mounted on. */
export function resolverSockets(kernel: LinuxKernel): ClientSockets {
  return { openClient: (path, type) => kernel.openClientSocket(basename(path), type) };
}

/** Where the DNS engine of this agent lives. */
export function enginePlace(config: AgentConfig): EnginePlace {
  return { runDirectory: config.runDirectory, cgroups: cgroupsFor('dns') };
}

/** Other people's namespaces, as attaching needs them. */
export function namespaceDoor(kernel: LinuxKernel): NamespaceDoor {
  return {
    identity: (path) => kernel.namespaceIdentity(path),
    isOwn: (identity) => kernel.isOwnNamespace(identity),
    join: (name, path) => kernel.join(name, path),
    rejoin: (name, path) => kernel.join(name, path, { isKnown: true }),
    foreignDestinations: (name) => kernel.foreignDestinations(name),
  };
}
