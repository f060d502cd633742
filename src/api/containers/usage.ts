/**
 * What a container uses, from its cgroups (version 2, or the controllers of version 1) and its
 * network namespace.
 */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';

export interface Usage {
  readonly cpuNs: number;
  /** Time of all processors together since boot, idle time included. */
  readonly systemNs: number;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly pids: number;
  readonly interfaces: Readonly<Record<string, InterfaceUsage>>;
  readonly atMs: number;
}

interface InterfaceUsage {
  readonly rx_bytes: number;
  readonly rx_packets: number;
  readonly rx_errors: number;
  readonly rx_dropped: number;
  readonly tx_bytes: number;
  readonly tx_packets: number;
  readonly tx_errors: number;
  readonly tx_dropped: number;
}

const CGROUP_ROOT = '/sys/fs/cgroup';
/** USER_HZ is 100: a tick of /proc/stat is 10 ms. */
const TICK_NS = 10_000_000;

/** Of the container whose init process is `pid`; `undefined` when it does not run. */
export async function readUsage(pid: number | undefined): Promise<Usage | undefined> {
  const cgroups = pid === undefined ? undefined : await tryRead(`/proc/${pid}/cgroup`);
  if (cgroups === undefined) return undefined;
  const file = (controller: string, name: string): string =>
    `${directoryOf(cgroups, controller)}/${name}`;
  const [v2Cpu, v1Cpu, current, limit, pids] = await Promise.all([
    tryRead(file('', 'cpu.stat')),
    tryRead(file('cpuacct', 'cpuacct.usage')),
    tryReadFirst([file('', 'memory.current'), file('memory', 'memory.usage_in_bytes')]),
    tryReadFirst([file('', 'memory.max'), file('memory', 'memory.limit_in_bytes')]),
    tryReadFirst([file('', 'pids.current'), file('pids', 'pids.current')]),
  ]);
  const usageUs = /^usage_usec ([0-9]+)/m.exec(v2Cpu ?? '')?.[1];
  return {
    cpuNs: v1Cpu === undefined ? Number(usageUs ?? 0) * 1000 : Number(v1Cpu),
    systemNs: await systemNs(),
    memoryBytes: Number(current ?? 0),
    memoryBytesMax: Math.min(Number(limit) || Infinity, await machineBytes()),
    pids: Number(pids ?? 0),
    interfaces: interfacesOf((await tryRead(`/proc/${pid}/net/dev`)) ?? ''),
    atMs: Date.now(),
  };
}

/**
 * Where a controller (empty: the unified hierarchy) keeps the cgroup, from the text of
 * /proc/<pid>/cgroup.
 */
function directoryOf(cgroups: string, controller: string): string {
  for (const line of cgroups.split('\n')) {
    const [, controllers, ...path] = line.split(':');
    if (controllers === undefined || !controllers.split(',').includes(controller)) continue;
    return `${CGROUP_ROOT}/${controllers}${path.join(':')}`.replace('//', '/');
  }
  return `${CGROUP_ROOT}/none`;
}

async function tryRead(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

async function tryReadFirst(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await tryRead(path);
    if (text !== undefined) return text;
  }
  return undefined;
}

async function systemNs(): Promise<number> {
  const line = (await tryRead('/proc/stat'))?.split('\n')[0] ?? '';
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  return ticks.reduce((sum, each) => sum + each, 0) * TICK_NS;
}

async function machineBytes(): Promise<number> {
  const text = (await tryRead('/proc/meminfo')) ?? '';
  return Number(/^MemTotal:\s+([0-9]+) kB/.exec(text)?.[1] ?? 0) * 1024;
}

function interfacesOf(text: string): Readonly<Record<string, InterfaceUsage>> {
  const rows = text.split('\n').flatMap((line): [string, InterfaceUsage][] => {
    const match = /^\s*([^:\s]+):\s*(.*)$/.exec(line);
    if (!match || match[1] === 'lo') return [];
    const at = (match[2] as string).trim().split(/\s+/).map(Number);
    const usage = {
      rx_bytes: at[0] ?? 0,
      rx_packets: at[1] ?? 0,
      rx_errors: at[2] ?? 0,
      rx_dropped: at[3] ?? 0,
      tx_bytes: at[8] ?? 0,
      tx_packets: at[9] ?? 0,
      tx_errors: at[10] ?? 0,
      tx_dropped: at[11] ?? 0,
    };
    return [[match[1] as string, usage]];
  });
  return Object.fromEntries(rows);
}

/**
 * The parts of `GET /containers/{id}/stats` that these figures fill; zeros, as in Docker, when it
 * does not run.
 */
export function usageDocument(last: Usage | undefined, before: Usage | undefined): object {
  return {
    preread: before ? new Date(before.atMs).toISOString() : '0001-01-01T00:00:00Z',
    num_procs: 0,
    storage_stats: {},
    pids_stats: { current: last?.pids ?? 0 },
    cpu_stats: cpuDocument(last),
    precpu_stats: cpuDocument(before),
    memory_stats: last ? { usage: last.memoryBytes, limit: last.memoryBytesMax, stats: {} } : {},
    blkio_stats: { io_service_bytes_recursive: null },
    networks: last?.interfaces ?? {},
  };
}

function cpuDocument(usage: Usage | undefined): object {
  return {
    cpu_usage: {
      total_usage: usage?.cpuNs ?? 0,
      usage_in_kernelmode: 0,
      usage_in_usermode: 0,
    },
    ...(usage ? { system_cpu_usage: usage.systemNs, online_cpus: cpus().length } : {}),
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
}
