/** The resolver inside of a real network namespace, asked by dig through port 53. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { LinuxKernel } from '../../../src/kernel/index.ts';
import {
  Resolver,
  type ResolverPorts,
  type ResolverSockets,
  type SandboxOptions,
} from '../../../src/node/resolver/index.ts';
import { endpoint, network, networkId, service, view } from '../../dns/names/sample-view.ts';
import { FakeUpstream, addressReply, resolverOptions, sandboxOptions } from './loopback.ts';

const run = promisify(execFile);
/** By its path: npm puts a program of the same name in front. */
const NFT = '/usr/sbin/nft';
const NAME = `dt${process.pid}`;

const sample = view({
  networks: [network('front')],
  services: [service('web', { front: '10.0.1.2' })],
  endpoints: Array.from({ length: 100 }, (_, index) =>
    endpoint(`web.${index + 1}`, { front: `10.0.1.${index + 10}` }),
  ),
});

interface Sandbox {
  readonly path: string;
  readonly resolver: Resolver;
  open(change?: Partial<SandboxOptions>): Promise<ResolverPorts>;
  dig(...words: readonly string[]): Promise<string>;
}

async function sandbox(t: ExecutionContext): Promise<Sandbox> {
  const runDirectory = mkdtempSync(join(tmpdir(), 'hawser-dns-'));
  const kernel = new LinuxKernel({ runDirectory });
  const resolver = new Resolver(resolverOptions({ sockets: socketsOf(kernel) }));
  t.teardown(async () => {
    await resolver.closeAll();
    await kernel.deleteNamespace(NAME);
    kernel.close();
    rmSync(runDirectory, { recursive: true });
  });
  await kernel.createNamespace(NAME);
  const path = kernel.namespacePath(NAME);
  resolver.update(sample);
  return {
    path,
    resolver,
    open: async (change) => {
      const asker = { networks: [networkId('id-front')], hasNdots: false };
      const ports = await resolver.open(
        'box',
        sandboxOptions({ networkNamespacePath: path, asker, ...change }),
      );
      redirect(path, ports);
      return ports;
    },
    dig: async (...words) => {
      const command = ['+tries=1', '+time=5', '@127.0.0.11', ...words];
      return (await run('nsenter', [`--net=${path}`, 'dig', ...command])).stdout;
    },
  };
}

function socketsOf(kernel: LinuxKernel): ResolverSockets {
  const place = { address: '127.0.0.11', port: 0 };
  return {
    openServer: (path) => {
      const udp = kernel.openUdpSocket(basename(path), place);
      const tcp = kernel.openTcpListener(basename(path), place);
      return { udpFd: udp.fd, udpPort: udp.port, tcpFd: tcp.fd, tcpPort: tcp.port };
    },
    openClient: (path, type) => kernel.openClientSocket(basename(path), type),
  };
}

/** Port 53 as the data plane leads it: the address stays, the port changes. */
function redirect(path: string, ports: ResolverPorts): void {
  const input = `table inet dns-test
delete table inet dns-test
table inet dns-test {
  chain out {
    type filter hook output priority -300
    ip daddr 127.0.0.11 udp dport 53 udp dport set ${ports.udpPort}
    ip saddr 127.0.0.11 udp sport ${ports.udpPort} udp sport set 53
    ip daddr 127.0.0.11 tcp dport 53 tcp dport set ${ports.tcpPort}
    ip saddr 127.0.0.11 tcp sport ${ports.tcpPort} tcp sport set 53
  }
}
`;
  execFileSync('nsenter', [`--net=${path}`, NFT, '-f', '-'], { input });
}

test('dig finds a service, its tasks and their names, over UDP and TCP', async (t) => {
  const box = await sandbox(t);
  await box.open();
  t.is(await box.dig('+short', 'web'), '10.0.1.2\n');
  t.is(await box.dig('+short', '+tcp', 'WEB.front'), '10.0.1.2\n');
  t.is(await box.dig('+short', '-x', '10.0.1.10'), 'web.1.task-web-1.front.\n');
  const aaaa = await box.dig('web', 'AAAA');
  t.regex(aaaa, /status: NOERROR/);
  t.regex(aaaa, /ANSWER: 0/);
  t.regex(aaaa, /flags: qr rd ra;/);
  t.regex(await box.dig('tasks.nosuch'), /status: NXDOMAIN/);
});

test('dig asks again over TCP when an answer is cut', async (t) => {
  const box = await sandbox(t);
  await box.open();
  const cut = await box.dig('+ignore', '+noedns', 'tasks.web');
  t.regex(cut, /flags: qr tc rd ra;/);
  const lines = (await box.dig('+short', '+noedns', 'tasks.web')).trim().split('\n');
  t.is(new Set(lines).size, 100);
});

test('the port of DNS itself stays free for a server of the container', async (t) => {
  const box = await sandbox(t);
  const ports = await box.open();
  t.true(ports.udpPort !== 53 && ports.tcpPort !== 53);
  const kernelSockets = execFileSync('nsenter', [`--net=${box.path}`, 'ss', '-Hlntu'], {
    encoding: 'utf8',
  });
  t.deepEqual(
    kernelSockets.match(/127\.0\.0\.11:\d+/g)?.sort(),
    [`127.0.0.11:${ports.tcpPort}`, `127.0.0.11:${ports.udpPort}`].sort(),
  );
});

test("a host's server is asked from outside of the namespace, a container's from inside", async (t) => {
  const box = await sandbox(t);
  const outside = await FakeUpstream.start((query) => [addressReply(query, '192.0.2.1')]);
  t.teardown(() => outside.stop());
  await box.open({ upstreams: [outside.upstream] });
  t.is(await box.dig('+short', 'example.org'), '192.0.2.1\n');
  t.is(await box.dig('+short', '+tcp', 'example.org'), '192.0.2.1\n');
  t.true(outside.seen.every((query) => query.peer.address === '127.0.0.1'));
  const asked = outside.seen.length;
  // The same address inside of the namespace is another loopback, where nobody listens.
  await box.open({ upstreams: [{ ...outside.upstream, from: 'container' }] });
  t.regex(await box.dig('example.org'), /status: SERVFAIL/);
  t.regex(await box.dig('+tcp', 'example.org'), /status: SERVFAIL/);
  t.is(outside.seen.length, asked);
});

test("a container's own server inside of its namespace is reached over UDP and TCP", async (t) => {
  const box = await sandbox(t);
  // Another resolver, of a sandbox in the same namespace, serves as the upstream.
  const options = sandboxOptions({
    networkNamespacePath: box.path,
    asker: { networks: [networkId('id-front')], hasNdots: false },
  });
  const inner = await box.resolver.open('inner', options);
  const upstream = { address: '127.0.0.11', from: 'container' } as const;
  const asker = { networks: [], hasNdots: false };
  await box.open({ asker, upstreams: [{ ...upstream, port: inner.udpPort }] });
  t.is(await box.dig('+short', 'web'), '10.0.1.2\n');
  await box.open({ asker, upstreams: [{ ...upstream, port: inner.tcpPort }] });
  t.is(await box.dig('+short', '+tcp', 'web'), '10.0.1.2\n');
});

test('a closed sandbox leaves no socket behind', async (t) => {
  const box = await sandbox(t);
  await box.open();
  await box.resolver.close('box');
  const left = execFileSync('nsenter', [`--net=${box.path}`, 'ss', '-Hantu'], { encoding: 'utf8' });
  t.is(left.replace(/^.*TIME-WAIT.*\n/gm, ''), '');
});
