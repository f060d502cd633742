import { createServer } from 'node:net';
import { once } from 'node:events';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  isSame,
  objectKey,
  type KernelEvent,
  type KernelObject,
} from '../../src/dataplane/index.ts';
import { KernelError, LinuxKernel } from '../../src/kernel/index.ts';
import { socketAddress } from '../../src/kernel/native.ts';
import { remove } from './compliance/harness.ts';
import { BRIDGE, put } from './compliance/index.ts';

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

const MAC = '02:00:00:00:00:02' as never;
const ADDRESS: KernelObject = { kind: 'address', link: 'br0', address: '10.77.0.1/24' };
const RULE: KernelObject = { kind: 'rule', priority: 5, table: 7, mark: 7 };
const ROUTE: KernelObject = {
  kind: 'route',
  destination: '10.78.0.0/24',
  table: 7,
  link: 'br0',
  via: '10.77.0.9',
  isOnlink: false,
};
const NEIGHBOUR: KernelObject = { kind: 'neighbour', link: 'br0', address: '10.77.0.2', mac: MAC };
const OBJECTS = [BRIDGE, ADDRESS, RULE, ROUTE, NEIGHBOUR];

test('events say what was put and what went, and nothing after closing', async (t) => {
  const kernel = await makeKernel(t);
  const seen = new Map<string, KernelEvent>();
  let count = 0;
  const watch = kernel.watch('one', {
    onEvents: (events) => {
      count += events.length;
      for (const event of events) {
        if (event.event === 'put') seen.set(objectKey(event.object), event);
        if (event.event === 'delete') seen.set(event.key, event);
      }
    },
  });
  await kernel.apply(
    'one',
    OBJECTS.map((object) => put(object)),
  );
  watch.drain();
  for (const object of OBJECTS) {
    const event = seen.get(objectKey(object));
    t.true(event?.event === 'put' && isSame(event.object, object), objectKey(object));
  }
  const rows = OBJECTS.filter(({ kind }) => kind !== 'link').reverse();
  await kernel.apply('one', rows.map(remove));
  watch.drain();
  for (const object of rows) t.is(seen.get(objectKey(object))?.event, 'delete', objectKey(object));
  watch.close();
  watch.close();
  count = 0;
  await kernel.apply('one', [put({ ...BRIDGE, isUp: false })]);
  watch.drain();
  await new Promise(setImmediate);
  t.is(count, 0);
});

test('a row that becomes one of traffic is told as gone', async (t) => {
  const kernel = await makeKernel(t);
  await kernel.apply('one', [put(BRIDGE), put(NEIGHBOUR)]);
  const events: KernelEvent[] = [];
  const watch = kernel.watch('one', { onEvents: (more) => events.push(...more) });
  const path = kernel.namespacePath('one');
  const command = ['neigh', 'replace', '10.77.0.2', 'lladdr', MAC, 'dev', 'br0', 'nud', 'stale'];
  execFileSync('nsenter', [`--net=${path}`, 'ip', ...command]);
  watch.drain();
  t.deepEqual(events, [{ event: 'delete', key: objectKey(NEIGHBOUR) }]);
  watch.close();
});

test("changes of tables are told when they are somebody else's", async (t) => {
  const kernel = await makeKernel(t);
  const table = { kind: 'nft-table', family: 'inet', name: 'hawser' } as const;
  const empty: KernelObject = { ...table, sets: [], maps: [], chains: [] };
  await kernel.observe('one', { sysctls: [] });
  const events: KernelEvent[] = [];
  const watch = kernel.watch('one', { onEvents: (more) => events.push(...more) });
  const chains = [{ name: 'one', rules: ['counter'] }];
  await kernel.apply('one', [put(empty)]);
  await kernel.apply('one', [put({ ...empty, chains }, empty)]);
  watch.drain();
  t.deepEqual(events, []);
  const path = kernel.namespacePath('one');
  execFileSync('nsenter', [`--net=${path}`, '/usr/sbin/nft', 'flush', 'ruleset']);
  watch.drain();
  t.deepEqual(events, [{ event: 'unclear' }]);
  t.deepEqual(await kernel.observe('one', { sysctls: [] }), [
    { kind: 'link', name: 'lo', isUp: true, type: 'loopback' },
  ]);
  watch.close();
});

test('a namespace that was taken from its place comes back as it was', async (t) => {
  const kernel = await makeKernel(t);
  await kernel.apply('one', [put(BRIDGE)]);
  const path = kernel.namespacePath('one');
  const { ino } = statSync(path);
  execFileSync('umount', ['-l', path]);
  rmSync(path);
  await t.throwsAsync(kernel.glance('one', { sysctls: [] }), { instanceOf: KernelError });
  await kernel.createNamespace('one');
  t.is(statSync(path).ino, ino);
  const links = (await kernel.observe('one', { sysctls: [] })).filter(
    ({ kind }) => kind === 'link',
  );
  t.deepEqual(links.map(objectKey).sort(), ['link/br0', 'link/lo']);
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
