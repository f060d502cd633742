/** etcd from Debian on loopback, as it comes, with TLS between members as Hawser has. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { GrpcClient, STATUS, fieldsOf } from './grpc.ts';
import { retry, stopped, type Group, type GroupOptions } from './group.ts';

const CLIENT_PORT = 23_790;
const PEER_PORT = 23_800;
const START_MS = 30_000;

export async function startEtcd(options: GroupOptions): Promise<Group> {
  const processes = Array.from({ length: options.members }, (_, at) => start(options, at));
  const ports = processes.map((_, at) => CLIENT_PORT + at);
  return {
    name: 'etcd',
    leaderPort: await retry(() => leaderOf(ports), START_MS),
    pids: processes.map(({ pid = 0 }) => pid),
    stop: async () => {
      for (const process of processes) await stopped(process);
    },
  };
}

function start({ directory, members, keepsLog }: GroupOptions, at: number): ChildProcess {
  const peer = (number: number): string => `https://127.0.0.1:${PEER_PORT + number}`;
  const client = `http://127.0.0.1:${CLIENT_PORT + at}`;
  const cluster = Array.from({ length: members }, (_, number) => `m${number}=${peer(number)}`);
  const options = {
    name: `m${at}`,
    'data-dir': join(directory, `etcd-${at}`),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer(at),
    'initial-advertise-peer-urls': peer(at),
    'initial-cluster': cluster.join(','),
    'quota-backend-bytes': String(8 * 2 ** 30),
    'log-level': 'error',
    logger: 'zap',
    ...(keepsLog && { 'snapshot-count': '100000000' }),
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const program = process.env['ETCD'] ?? 'etcd';
  return spawn(program, [...args, '--peer-auto-tls'], { stdio: 'ignore' });
}

async function leaderOf(ports: readonly number[]): Promise<number> {
  for (const port of ports) {
    const client = await GrpcClient.connect(port);
    try {
      const status = fieldsOf(await client.call(STATUS, Buffer.alloc(0)));
      const header = status.get(1);
      if (!(header instanceof Buffer)) continue;
      // Of StatusResponse: 1 header (2 member_id), 4 leader.
      if (fieldsOf(header).get(2) === status.get(4)) return port;
    } finally {
      client.close();
    }
  }
  throw new Error('no member leads yet');
}
