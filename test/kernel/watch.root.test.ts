import { createServer } from 'node:net';
import { once } from 'node:events';
import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LinuxKernel, type ChangeKind } from '../../src/kernel/index.ts';
import { socketAddress } from '../../src/kernel/native.ts';
import { BRIDGE, put, until } from './compliance/index.ts';

async function makeKernel(t: ExecutionContext): Promise<LinuxKernel> {
  const runDirectory = mkdtempSync(join(tmpdir(), 'hawser-watch-'));
  const kernel = new LinuxKernel({ runDirectory });
  await kernel.createNamespace('one');
  t.teardown(async () => {
    await kernel.deleteNamespace('one');
    kernel.close();
    rmSync(runDirectory, { recursive: true });
  });
  return kernel;
}

test('every kind of change is told, and none after closing', async (t) => {
  const kernel = await makeKernel(t);
  const seen = new Set<ChangeKind>();
  const watch = kernel.watch('one', {
    onChange: (kind) => seen.add(kind),
    onOverrun: () => undefined,
  });
  await kernel.apply('one', [
    put(BRIDGE),
    put({ kind: 'address', link: 'br0', address: '10.77.0.1/24' }),
    put({ kind: 'rule', priority: 5, table: 7, mark: 7 }),
    put({
      kind: 'neighbour',
      link: 'br0',
      address: '10.77.0.2',
      mac: '02:00:00:00:00:02' as never,
    }),
    put({ kind: 'nft-table', family: 'inet', name: 'hawser', sets: [], maps: [], chains: [] }),
  ]);
  const all: ChangeKind[] = ['link', 'address', 'route', 'rule', 'neighbour', 'nft'];
  await until(`all of ${all.join(', ')}`, async () => all.every((kind) => seen.has(kind)));
  watch.close();
  watch.close();
  seen.clear();
  await kernel.apply('one', [put({ ...BRIDGE, isUp: false })]);
  await new Promise(setImmediate);
  t.is(seen.size, 0);
});

test('sockets inside a namespace serve and connect there', async (t) => {
  const kernel = await makeKernel(t);
  const place = { address: '127.0.0.11', port: 0 };
  const listener = kernel.openTcpListener('one', place);
  const other = kernel.openTcpListener('one', place);
  t.not(listener.port, other.port);
  closeSync(other.fd);
  const server = createServer((connection) => connection.end('hello'));
  server.listen({ fd: listener.fd });
  await once(server, 'listening');
  t.like(server.address(), { address: '127.0.0.11', port: listener.port });
  server.close();
  const udp = kernel.openUdpSocket('one', place);
  t.is(Buffer.from(socketAddress(udp.fd)).readUInt16BE(2), udp.port);
  closeSync(udp.fd);
  for (const type of ['udp4', 'udp6', 'tcp4', 'tcp6'] as const) {
    const fd = kernel.openClientSocket('one', type);
    t.is(Buffer.from(socketAddress(fd)).readUInt16LE(0), type.endsWith('6') ? 10 : 2);
    closeSync(fd);
  }
});
