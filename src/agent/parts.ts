/** The parts of an agent, made in the order in which they depend on each other. */
import { mkdir, readFile } from 'node:fs/promises';
import { closeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SYSTEM_CLOCK, messageOf, type Logger } from '../base/index.ts';
import { LinuxKernel } from '../kernel/index.ts';
import {
  Reconciler,
  SandboxTable,
  chooseGatewayPrefix,
  parseProcRoutes,
  type ResolverSockets,
} from '../node/index.ts';
import { RuntimeError, openOciRuntime, type Runtime } from '../runtime/index.ts';
import type { AgentConfig } from './config.ts';
import { CGROUP_PARENT } from './host/cgroups.ts';
import { loadModules } from './host/modules.ts';
import type { AgentMetrics } from './telemetry/metrics.ts';

/** Where each container's resolver listens; the data plane redirects port 53 to the port. */
const RESOLVER_PLACE = { address: '127.0.0.11', port: 0 };

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
export function resolverSockets(kernel: LinuxKernel): ResolverSockets {
  return {
    openServer: (path) => {
      const udp = kernel.openUdpSocket(basename(path), RESOLVER_PLACE);
      try {
        const tcp = kernel.openTcpListener(basename(path), RESOLVER_PLACE);
        return { udpFd: udp.fd, udpPort: udp.port, tcpFd: tcp.fd, tcpPort: tcp.port };
      } catch (error) {
        closeSync(udp.fd);
        throw error;
      }
    },
    openClient: (path, type) => kernel.openClientSocket(basename(path), type),
  };
}
