/** Closed loops of clients: each sends its next request when it has the answer to the last. */
import { GrpcClient, PUT, RANGE, putRequest, rangeRequest } from './grpc.ts';

const CLIENTS_PER_CONNECTION = 64;
const KEYS = 10_000;

export interface Load {
  readonly kind: 'write' | 'read';
  readonly clients: number;
  readonly valueBytes: number;
  readonly runMs: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly operations: number;
}

export async function runLoad(port: number, load: Load): Promise<LoadResult> {
  const { clients, runMs } = load;
  const connections = await connect(port, clients);
  const value = Buffer.alloc(load.valueBytes, 'v');
  const latencies: number[] = [];
  const endMs = performance.now() + runMs;
  const client = async (number: number): Promise<void> => {
    const connection = connections[number % connections.length];
    for (let turn = number; ; turn += clients) {
      const sentMs = performance.now();
      if (sentMs >= endMs) return;
      const key = Buffer.from(`key-${turn % KEYS}`);
      if (load.kind === 'write') await connection?.call(PUT, putRequest(key, value));
      else await connection?.call(RANGE, rangeRequest(key));
      const doneMs = performance.now();
      latencies.push(doneMs - sentMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  for (const connection of connections) connection.close();
  return summary(latencies, runMs);
}

export interface Writes {
  readonly count: number;
  readonly valueBytes: number;
}

const WRITERS = 32;

/** So many writes, as fast as they are taken. */
export async function runWrites(port: number, { count, valueBytes }: Writes): Promise<void> {
  const connections = await connect(port, WRITERS);
  const value = Buffer.alloc(valueBytes, 'v');
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < count) {
      const key = Buffer.from(`key-${next % KEYS}`);
      next += 1;
      await connections[0]?.call(PUT, putRequest(key, value));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  for (const connection of connections) connection.close();
}

async function connect(port: number, clients: number): Promise<GrpcClient[]> {
  const count = Math.ceil(clients / CLIENTS_PER_CONNECTION);
  return Promise.all(Array.from({ length: count }, () => GrpcClient.connect(port)));
}

function summary(latencies: readonly number[], runMs: number): LoadResult {
  const sorted = Float64Array.from(latencies).sort();
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
  return {
    perSecond: sorted.length / (runMs / 1000),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    operations: sorted.length,
  };
}
