/** Members of Hawser's side, each a process. */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  createAuthority,
  createNodeKey,
  issueCertificate,
  type Authority,
  type Identity,
} from '../../src/cluster/identity/index.ts';
import type { HostPort } from '../../src/cluster/transport/index.ts';
import type { ClusterId, NodeId } from '../../src/model/index.ts';
import type { PeerId } from '../../src/raft/index.ts';
import { retry, stopped, type Group, type GroupOptions } from './group.ts';
import type { MemberOrder } from './member.ts';

const CLIENT_PORT = 23_890;
const CLUSTER_PORT = 23_900;
const START_MS = 30_000;
const CLUSTER = 'bench' as ClusterId;

export async function startHawser(options: GroupOptions): Promise<Group> {
  const { directory, members, keepsLog = false } = options;
  const authority = await createAuthority(CLUSTER, Date.now());
  const addresses = Array.from({ length: members }, (_, at): readonly [PeerId, HostPort] => [
    `node${at}:0000000${at}` as PeerId,
    { host: '127.0.0.1', port: CLUSTER_PORT + at },
  ]);
  const processes: ChildProcess[] = [];
  for (const [at, [id, address]] of addresses.entries()) {
    const own = join(directory, `hawser-${at}`);
    const order: MemberOrder = {
      id,
      identity: await identityOf(authority, id),
      directory: own,
      clientPort: CLIENT_PORT + at,
      clusterPort: address.port,
      addresses,
      isNew: !existsSync(own),
      keepsLog,
    };
    processes.push(await startMember(order));
  }
  const leader = await retry(() => leaderOf(processes), START_MS);
  return {
    name: 'hawser',
    leaderPort: CLIENT_PORT + leader,
    pids: processes.map(({ pid = 0 }) => pid),
    stop: async () => {
      for (const process of processes) await stopped(process);
    },
  };
}

async function identityOf(authority: Authority, peer: PeerId): Promise<Identity> {
  const { keyPem, requestPem } = await createNodeKey();
  const nodeId = peer.slice(0, peer.indexOf(':')) as NodeId;
  const subject = { clusterId: CLUSTER, nodeId, role: 'manager' } as const;
  const times = { nowMs: Date.now(), validityMs: 86_400_000 };
  const certificatePem = await issueCertificate(authority, { subject, requestPem, ...times });
  return { ...subject, keyPem, certificatePem, authorityPem: authority.certificatePem };
}

async function startMember(order: MemberOrder): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'member.js'));
  child.send(order);
  await answerOf(child);
  return child;
}

async function leaderOf(processes: readonly ChildProcess[]): Promise<number> {
  for (const [at, process] of processes.entries()) {
    const answer = answerOf(process);
    process.send('who leads?');
    if ((await answer).isLeader) return at;
  }
  throw new Error('no member leads yet');
}

async function answerOf(process: ChildProcess): Promise<{ readonly isLeader: boolean }> {
  return new Promise((resolve, reject) => {
    process.once('exit', reject);
    process.once('message', (message) => {
      process.off('exit', reject);
      resolve(message as { isLeader: boolean });
    });
  });
}
