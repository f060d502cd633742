/** The engine beside the agents that come and go: adopted, taken over from, killed, torn down. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageRoot } from '../../../src/base/index.ts';
import {
  Resolver,
  ResolverError,
  type ResolverOptions,
  type ResolverPorts,
} from '../../../src/node/resolver/index.ts';
import { network, networkId, service, view } from '../../dns/names/sample-view.ts';
import {
  FakeUpstream,
  addressReply,
  addressesOf,
  askTcp,
  askUdp,
  question,
  rcodeOf,
  resolverOptions,
  sandboxOptions,
  until,
} from './loopback.ts';

const FRONT = { asker: { networks: [networkId('id-front')], hasNdots: false } };
const sample = view({
  networks: [network('front')],
  services: [service('web', { front: '10.0.1.2' })],
});

interface Node {
  readonly runDirectory: string;
  /** An agent's resolver, on the engine that is there. */
  agent(change?: Partial<ResolverOptions>): Resolver;
}

function node(t: ExecutionContext): Node {
  const runDirectory = mkdtempSync(join(tmpdir(), 'hawser-dns-'));
  const agents: Resolver[] = [];
  t.teardown(async () => {
    // One that is still there would start the engine again.
    for (const agent of agents) await agent.detach();
    for (const agent of agents) await agent.shutDown();
    rmSync(runDirectory, { recursive: true });
  });
  return {
    runDirectory,
    agent: (change) => {
      const agent = new Resolver(resolverOptions(runDirectory, change));
      agents.push(agent);
      return agent;
    },
  };
}

/** Found by its command line, since asking it would make this the agent; 0 when there is none. */
function enginePid({ runDirectory }: Node): number {
  const isOurs = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${runDirectory}/dns.sock`);
    } catch {
      return false; // It ended between the listing and the look.
    }
  };
  return Number(readdirSync('/proc').find((pid) => /^\d+$/.test(pid) && isOurs(pid)) ?? 0);
}

async function served(agent: Resolver, outside?: FakeUpstream): Promise<ResolverPorts> {
  agent.update(sample);
  const upstreams = outside === undefined ? [] : [outside.upstream];
  return agent.open('box', sandboxOptions({ ...FRONT, upstreams }));
}

test('local names go on without an agent, and the next one gets the same ports', async (t) => {
  const place = node(t);
  const first = place.agent();
  const ports = await served(first);
  await first.whenServed();
  await first.detach();
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.2']);
  const [overTcp] = await askTcp(ports.tcpPort, [question('web')]);
  t.deepEqual(addressesOf(overTcp as Buffer), ['10.0.1.2']);
  const pid = enginePid(place);
  t.deepEqual(await served(place.agent()), ports);
  t.is(enginePid(place), pid);
});

test('a question for the outside waits for the next agent', async (t) => {
  const place = node(t);
  const outside = await FakeUpstream.start((query) => [addressReply(query, '192.0.2.1')]);
  t.teardown(() => outside.stop());
  const limits = { holdMs: 60_000 };
  const first = place.agent({ limits });
  const ports = await served(first, outside);
  await first.whenServed();
  await first.detach();
  const early = askUdp(ports.udpPort, question('example.org'));
  const overTcp = askTcp(ports.tcpPort, [question('example.org'), question('web')]);
  await served(place.agent({ limits }), outside);
  t.deepEqual(addressesOf(await early), ['192.0.2.1']);
  t.deepEqual((await overTcp).flatMap(addressesOf).sort(), ['10.0.1.2', '192.0.2.1']);
});

test('and is SERVFAIL when none comes in time', async (t) => {
  const place = node(t);
  const first = place.agent({ limits: { holdMs: 200 } });
  const ports = await served(first);
  await first.whenServed();
  await first.detach();
  t.is(rcodeOf(await askUdp(ports.udpPort, question('example.org'))), 'SERVFAIL');
  t.like(first.snapshot(), [{ type: 'A', outcome: 'failed', count: 1 }]);
});

test.serial('another build takes the sockets over, with what waits', async (t) => {
  const place = node(t);
  const outside = await FakeUpstream.start((query) => [addressReply(query, '192.0.2.1')]);
  t.teardown(() => outside.stop());
  const limits = { holdMs: 60_000 };
  const first = place.agent({ limits });
  const ports = await served(first, outside);
  await first.whenServed();
  const before = enginePid(place);
  await first.detach();
  const early = askUdp(ports.udpPort, question('example.org'));
  await askUdp(ports.udpPort, question('web'));

  const program = join(packageRoot(import.meta.dirname), 'build/Release/hawser-dns');
  const other = join(place.runDirectory, 'hawser-dns');
  copyFileSync(process.env['HAWSER_DNS_ENGINE'] ?? program, other);
  appendFileSync(other, 'another build');
  const named = process.env['HAWSER_DNS_ENGINE'];
  process.env['HAWSER_DNS_ENGINE'] = other;
  try {
    t.deepEqual(await served(place.agent({ limits }), outside), ports);
  } finally {
    if (named === undefined) delete process.env['HAWSER_DNS_ENGINE'];
    else process.env['HAWSER_DNS_ENGINE'] = named;
  }
  t.not(enginePid(place), before);
  t.deepEqual(addressesOf(await early), ['192.0.2.1']);
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.2']);
});

test('an engine that is killed comes back on the same ports', async (t) => {
  const place = node(t);
  const agent = place.agent();
  const ports = await served(agent);
  const before = enginePid(place);
  process.kill(before, 'SIGKILL');
  await until('another engine is there', () => ![0, before].includes(enginePid(place)));
  await agent.whenServed();
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.2']);
  t.deepEqual(agent.portsOf('box'), ports);
});

test('only what is retained of an earlier agent is served on', async (t) => {
  const place = node(t);
  const first = place.agent();
  const kept = await served(first);
  const gone = await first.open('gone', sandboxOptions(FRONT));
  await first.whenServed();
  await first.detach();
  const second = place.agent();
  second.update(sample);
  await second.retain(new Set(['box']));
  const refused = connect(gone.tcpPort, '127.0.0.11');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNREFUSED');
  t.deepEqual(addressesOf(await askUdp(kept.udpPort, question('web'))), ['10.0.1.2']);
});

test('whoever talks nonsense to the engine is let go, and it answers on', async (t) => {
  const place = node(t);
  const agent = place.agent();
  const ports = await served(agent);
  const lies = [
    '00000000',
    'ffffffff41',
    '0100000063',
    '0200000002ff',
    '0c000000040300616263',
    '0100000005',
  ];
  for (const lie of lies) {
    const socket = connect(join(place.runDirectory, 'dns.sock'));
    socket.on('error', () => undefined);
    socket.write(Buffer.from(lie, 'hex'));
    socket.end();
    await once(socket, 'close');
    t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.2']);
  }
  t.is(agent.portsOf('box')?.udpPort, ports.udpPort);
});

test('shutting down leaves nothing', async (t) => {
  const place = node(t);
  const agent = place.agent();
  const ports = await served(agent);
  const pid = enginePid(place);
  await agent.shutDown();
  t.false(existsSync(join(place.runDirectory, 'dns.sock')));
  await until('the process is gone', () => !existsSync(`/proc/${pid}/exe`));
  const socket = createSocket('udp4');
  socket.connect(ports.udpPort, '127.0.0.11');
  await once(socket, 'connect');
  socket.send('anybody');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNREFUSED');
  socket.close();
});

test.serial('a program that was not built is a coded error', async (t) => {
  const place = node(t);
  const agent = place.agent();
  const named = process.env['HAWSER_DNS_ENGINE'];
  process.env['HAWSER_DNS_ENGINE'] = '/nonexistent';
  const opening = agent.open('box', sandboxOptions(FRONT));
  const error = await t.throwsAsync(opening, { instanceOf: ResolverError });
  if (named === undefined) delete process.env['HAWSER_DNS_ENGINE'];
  else process.env['HAWSER_DNS_ENGINE'] = named;
  t.is(error.detail.code, 'engine-missing');
});
