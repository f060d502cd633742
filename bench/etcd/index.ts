/**
 * Hawser's consensus against etcd's: members on loopback, one group after the other on the same
 * disk, TLS between members, every write durable on a majority before it is answered.
 *
 * Groups alternate, and medians are compared. Each is warmed with the heaviest load first, so that
 * neither is measured while it compiles or grows its heap.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { median, ratioRow, type Row } from '../table.ts';
import { rootDirectory } from '../tools.ts';
import { startEtcd } from './etcd-group.ts';
import { cpuSeconds, retry, type Group, type GroupOptions } from './group.ts';
import { GrpcClient, RANGE, rangeRequest } from './grpc.ts';
import { startHawser } from './hawser-group.ts';
import { runLoad, runWrites, type Load } from './load.ts';

const ROUNDS = 3;
const VALUE_BYTES = 256;
const CLIENTS = [256, 16, 1];
const RUN_MS = 3000;
const WARM_MS = 5000;
const LOG_VALUE_BYTES = 16 << 10;
const LOG_VALUES = (1 << 30) / LOG_VALUE_BYTES;
const RECOVERY_MS = 120_000;

type Start = (options: GroupOptions) => Promise<Group>;
const STARTS: readonly Start[] = [startEtcd, startHawser];

/** One measured run. Seconds are of processor, of all members together. */
interface Run {
  readonly group: string;
  readonly load: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

const LOADS: readonly Load[] = (['write', 'read'] as const).flatMap((kind) =>
  CLIENTS.map((clients) => ({ kind, clients, valueBytes: VALUE_BYTES, runMs: RUN_MS })),
);

export async function etcdRows(): Promise<Row[]> {
  const runs: Run[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    for (const start of STARTS) runs.push(...(await withGroup(start, measureAll)));
  return [...LOADS.flatMap((load) => rowsOf(nameOf(load), runs)), await recoveryRow()];
}

function nameOf({ kind, clients }: Load): string {
  const what = kind === 'write' ? 'committed writes' : 'linearizable reads';
  return `${what}, ${clients} client${clients === 1 ? '' : 's'}`;
}

function rowsOf(load: string, runs: readonly Run[]): Row[] {
  const of = (group: string, field: 'perSecond' | 'p50Ms' | 'p99Ms' | 'cpuMicros'): number =>
    median(runs.filter((run) => run.group === group && run.load === load).map((run) => run[field]));
  const pair = (field: Parameters<typeof of>[1]): [number, number] => [
    of('hawser', field),
    of('etcd', field),
  ];
  return [
    fasterRow(load, pair('perSecond')),
    lowerRow(`${load}: p50`, 'ms', pair('p50Ms')),
    lowerRow(`${load}: p99`, 'ms', pair('p99Ms')),
    lowerRow(`${load}: CPU of all members`, 'us', pair('cpuMicros')),
  ];
}

function fasterRow(what: string, [measured, peer]: readonly [number, number]): Row {
  return ratioRow(what, { measured, peer, unit: '/s' }, 1);
}

/** The ratio is turned round, so that more is better here too. */
function lowerRow(what: string, unit: string, [measured, peer]: readonly [number, number]): Row {
  const row = ratioRow(what, { measured, peer, unit }, 1);
  return { ...row, result: (peer / measured).toFixed(2), isMet: peer >= measured };
}

/** On this checkout's disk: temporary directories may be in memory, where a sync is nothing. */
async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const cache = join(rootDirectory(), '.cache');
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, 'bench-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function withGroup<T>(start: Start, use: (group: Group) => Promise<T>): Promise<T> {
  return withDirectory(async (directory) => {
    const group = await start({ directory, members: 3 });
    try {
      return await use(group);
    } finally {
      await group.stop();
    }
  });
}

async function measureAll(group: Group): Promise<Run[]> {
  const [heaviest] = LOADS;
  if (heaviest !== undefined) await runLoad(group.leaderPort, { ...heaviest, runMs: WARM_MS });
  const runs: Run[] = [];
  for (const load of LOADS) runs.push(await measure(group, load));
  return runs;
}

async function measure(group: Group, load: Load): Promise<Run> {
  const before = await cpuSeconds(group.pids);
  const { operations, ...figures } = await runLoad(group.leaderPort, load);
  const used = (await cpuSeconds(group.pids)) - before;
  const cpuMicros = (used * 1e6) / operations;
  return { group: group.name, load: nameOf(load), ...figures, cpuMicros };
}

/** A member of its own group is killed with a log of 1 GB, and started again. */
async function recoveryRow(): Promise<Row> {
  const seconds: number[] = [];
  for (const start of [startHawser, startEtcd]) {
    await withDirectory(async (directory) => {
      const options = { directory, members: 1, keepsLog: true };
      const group = await start(options);
      await runWrites(group.leaderPort, { count: LOG_VALUES, valueBytes: LOG_VALUE_BYTES });
      await group.stop();
      const startMs = performance.now();
      const again = await start(options);
      await retry(() => readOne(again.leaderPort), RECOVERY_MS);
      seconds.push((performance.now() - startMs) / 1000);
      await again.stop();
    });
  }
  const [hawser = Number.NaN, etcd = Number.NaN] = seconds;
  return lowerRow('restart with a log of 1 GB until it is read', 's', [hawser, etcd]);
}

async function readOne(port: number): Promise<void> {
  const client = await GrpcClient.connect(port);
  try {
    await client.call(RANGE, rangeRequest(Buffer.from('key-0')));
  } finally {
    client.close();
  }
}
