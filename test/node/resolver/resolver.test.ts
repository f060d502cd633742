/** Names served over real sockets of this machine's loopback. */
import { connect } from 'node:net';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import packet from 'dns-packet';
import { frameMessage } from '../../../src/dns/index.ts';
import {
  Resolver,
  ResolverError,
  type ResolverOptions,
  type ResolverPorts,
} from '../../../src/node/resolver/index.ts';
import { endpoint, network, networkId, service, view } from '../../dns/names/sample-view.ts';
import {
  addressesOf,
  askTcp,
  askUdp,
  namespaceSockets,
  question,
  rcodeOf,
  resolverOptions,
  sandboxOptions,
  until,
} from './loopback.ts';

const FRONT = { asker: { networks: [networkId('id-front')], hasNdots: false } };

const many = Array.from({ length: 200 }, (_, index) =>
  endpoint(`many.${index + 1}`, { front: `10.0.9.${index}` }),
);

const sample = view({
  networks: [network('front'), network('back')],
  services: [service('web', { front: '10.0.1.2', back: '10.0.2.2' })],
  endpoints: [endpoint('web.1', { front: '10.0.1.11' }), ...many],
});

async function served(
  t: ExecutionContext,
  change: Partial<ResolverOptions> = {},
): Promise<{ resolver: Resolver; ports: ResolverPorts }> {
  const resolver = new Resolver(resolverOptions(change));
  t.teardown(() => resolver.closeAll());
  resolver.update(sample);
  const ports = await resolver.open('box', sandboxOptions(FRONT));
  return { resolver, ports };
}

function count(resolver: Resolver, type: string, outcome: string): number {
  const row = resolver.snapshot().find((one) => one.type === type && one.outcome === outcome);
  return row?.count ?? 0;
}

test('a service is answered over UDP and TCP, RA set and AA not', async (t) => {
  const { resolver, ports } = await served(t);
  const [tcp] = await askTcp(ports.tcpPort, [question('wEb')]);
  for (const reply of [await askUdp(ports.udpPort, question('wEb')), tcp as Buffer]) {
    const read = packet.decode(reply);
    t.like(read, { id: 4321, type: 'response', flag_ra: true, flag_aa: false, flag_rd: true });
    t.like(read.answers?.[0], { name: 'wEb', type: 'A', ttl: 5, data: '10.0.1.2' });
  }
  t.is(count(resolver, 'A', 'answered'), 2);
});

test('in compatible mode records live 600 s', async (t) => {
  const { ports } = await served(t, { mode: 'compatible' });
  const read = packet.decode(await askUdp(ports.udpPort, question('web')));
  t.like(read.answers?.[0], { ttl: 600 });
});

test('NODATA and NXDOMAIN are told apart', async (t) => {
  const { resolver, ports } = await served(t);
  const nodata = await askUdp(
    ports.udpPort,
    question('web', { questions: [{ name: 'web', type: 'AAAA' }] }),
  );
  t.is(rcodeOf(nodata), 'NOERROR');
  t.deepEqual(addressesOf(nodata), []);
  t.is(rcodeOf(await askUdp(ports.udpPort, question('tasks.gone'))), 'NXDOMAIN');
  t.is(count(resolver, 'AAAA', 'nodata'), 1);
  t.is(count(resolver, 'A', 'nxdomain'), 1);
});

test('a new view is answered from at once', async (t) => {
  const { resolver, ports } = await served(t);
  const services = [service('web', { front: '10.0.1.99' })];
  resolver.update(view({ networks: [...sample.networks.values()], services }));
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.99']);
});

test('opening again keeps the ports and takes the new networks', async (t) => {
  const { resolver, ports } = await served(t);
  const asker = { networks: [networkId('id-back')], hasNdots: false };
  t.deepEqual(await resolver.open('box', sandboxOptions({ asker })), ports);
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.2.2']);
});

test('each sandbox sees its own networks', async (t) => {
  const { resolver, ports } = await served(t);
  const asker = { networks: [networkId('id-back')], hasNdots: false };
  const other = await resolver.open('other', sandboxOptions({ asker }));
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.2']);
  t.deepEqual(addressesOf(await askUdp(other.udpPort, question('web'))), ['10.0.2.2']);
});

// Sizes.

test('over UDP an answer fits 512 bytes, or what the client takes; over TCP it is whole', async (t) => {
  const { ports } = await served(t);
  const plain = packet.decode(await askUdp(ports.udpPort, question('tasks.many')));
  t.true(plain.flag_tc);
  t.is(plain.answers?.length, 30);
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as never;
  const query = question('tasks.many', { additionals: [opt] });
  const edns = packet.decode(await askUdp(ports.udpPort, query));
  t.true(edns.flag_tc);
  t.is(edns.answers?.length, 74);
  t.like(edns.additionals?.[0], { type: 'OPT', udpPayloadSize: 1232 });
  const [whole] = await askTcp(ports.tcpPort, [question('tasks.many')]);
  t.false(packet.decode(whole as Buffer).flag_tc);
  t.is(addressesOf(whole as Buffer).length, 200);
});

test('an EDNS size below 512 counts as 512', async (t) => {
  const { ports } = await served(t);
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 100, flags: 0, options: [] } as never;
  const query = question('tasks.many', { additionals: [opt] });
  t.is(packet.decode(await askUdp(ports.udpPort, query)).answers?.length, 29);
});

// What is no proper query.

interface Malformed {
  readonly title: string;
  readonly bytes: Buffer;
  readonly rcode: number;
}

function patched(bytes: Buffer, at: number, value: number): Buffer {
  bytes[at] = value;
  return bytes;
}

const MALFORMED: readonly Malformed[] = [
  { title: 'another opcode is NOTIMP', bytes: patched(question('web'), 2, 0x28), rcode: 4 },
  { title: 'a cut query is FORMERR', bytes: question('web').subarray(0, 16), rcode: 1 },
  {
    title: 'bytes after it are FORMERR',
    bytes: Buffer.concat([question('web'), Buffer.alloc(1)]),
    rcode: 1,
  },
  {
    title: 'no question is FORMERR',
    bytes: patched(question('web').subarray(0, 12), 5, 0),
    rcode: 1,
  },
  {
    title: 'two questions are FORMERR',
    bytes: packet.encode({
      id: 4321,
      questions: [
        { name: 'web', type: 'A' },
        { name: 'db', type: 'A' },
      ],
    }),
    rcode: 1,
  },
  {
    title: 'records upon records are FORMERR',
    bytes: packet.encode({
      id: 4321,
      questions: [{ name: 'web', type: 'A' }],
      answers: Array.from({ length: 5 }, () => ({
        type: 'A' as const,
        name: 'x',
        data: '1.2.3.4',
      })),
    }),
    rcode: 1,
  },
];

for (const { title, bytes, rcode } of MALFORMED) {
  test(title, async (t) => {
    const { resolver, ports } = await served(t);
    const reply = await askUdp(ports.udpPort, bytes);
    t.is(reply.readUInt16BE(0), bytes.readUInt16BE(0));
    t.is((reply[3] as number) & 15, rcode);
    t.is(count(resolver, 'other', 'malformed'), 1);
  });
}

test('an unknown EDNS version is BADVERS', async (t) => {
  const { ports } = await served(t);
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    ednsVersion: 1,
    flags: 0,
    options: [],
  };
  const query = question('web', { additionals: [opt as never] });
  const read = packet.decode(await askUdp(ports.udpPort, query));
  t.like(read.additionals?.[0], { type: 'OPT', extendedRcode: 1, ednsVersion: 0 });
});

test('responses and rubbish get no reply, so that no two resolvers answer each other for ever', async (t) => {
  const { resolver, ports } = await served(t);
  const response = patched(question('web'), 2, 0x81);
  for (const bytes of [response, Buffer.from('short'), Buffer.alloc(0)]) {
    await t.throwsAsync(
      Promise.race([
        askUdp(ports.udpPort, bytes),
        until('three are dropped', () => count(resolver, 'other', 'dropped') > 0).then(() => {
          throw new Error('dropped');
        }),
      ]),
      { message: 'dropped' },
    );
  }
});

test('before the first view there is no reply: names are not known yet, which is not the same as unknown', async (t) => {
  const resolver = new Resolver(resolverOptions());
  t.teardown(() => resolver.closeAll());
  const ports = await resolver.open('box', sandboxOptions(FRONT));
  const early = askUdp(ports.udpPort, question('web')).catch(() => undefined);
  await until('the query is dropped', () => count(resolver, 'A', 'dropped') === 1);
  resolver.update(sample);
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.2']);
  await resolver.closeAll();
  void early;
});

// TCP.

test('many queries in one go are all answered on one connection', async (t) => {
  const { ports } = await served(t);
  const queries = Array.from({ length: 500 }, (_, id) => question('tasks.many', { id }));
  const replies = await askTcp(ports.tcpPort, queries);
  t.deepEqual(
    replies.map((reply) => reply.readUInt16BE(0)),
    queries.map((query) => query.readUInt16BE(0)),
  );
});

test('a client that closes its half after asking still gets the reply', async (t) => {
  const { ports } = await served(t);
  const socket = connect(ports.tcpPort, '127.0.0.11');
  socket.end(frameMessage(question('web')));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close', { signal: AbortSignal.timeout(5000) });
  t.deepEqual(addressesOf(Buffer.concat(chunks).subarray(2)), ['10.0.1.2']);
});

test('an idle connection is closed, however it trickles', async (t) => {
  const tcp = { connectionsMax: 4, idleMs: 50, pipelineMax: 4 };
  const { ports } = await served(t, { limits: { tcp } });
  const socket = connect(ports.tcpPort, '127.0.0.11');
  socket.on('error', () => undefined);
  const trickle = setInterval(() => socket.write(Buffer.alloc(1, 1)), 10);
  t.teardown(() => clearInterval(trickle));
  let isClosed = false;
  socket.on('close', () => (isClosed = true));
  await until('the connection is closed', () => isClosed);
  t.pass();
});

test('connections beyond the limit are closed, and those within it are served', async (t) => {
  const tcp = { connectionsMax: 2, idleMs: 10_000, pipelineMax: 4 };
  const { ports } = await served(t, { limits: { tcp } });
  const sockets = [0, 1].map(() => connect(ports.tcpPort, '127.0.0.11'));
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) {
    socket.write(frameMessage(question('web')));
    await once(socket, 'data');
  }
  const third = connect(ports.tcpPort, '127.0.0.11');
  let isClosed = false;
  third.on('error', () => undefined);
  third.on('close', () => (isClosed = true));
  await until('the third is closed', () => isClosed);
  sockets[0]?.write(frameMessage(question('web')));
  await once(sockets[0] as NonNullable<(typeof sockets)[0]>, 'data');
  t.pass();
});

// Opening and closing.

test('a closed sandbox gives its ports back, and may be opened anew', async (t) => {
  const { resolver, ports } = await served(t);
  await resolver.close('box');
  await resolver.close('box');
  const refused = connect(ports.tcpPort, '127.0.0.11');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNREFUSED');
  const again = await resolver.open('box', sandboxOptions(FRONT));
  t.deepEqual(addressesOf(await askUdp(again.udpPort, question('web'))), ['10.0.1.2']);
});

test('two that open one sandbox at once get one server', async (t) => {
  const { resolver } = await served(t);
  const open = (): Promise<ResolverPorts> => resolver.open('twice', sandboxOptions(FRONT));
  const [one, other] = await Promise.all([open(), open()]);
  t.deepEqual(one, other);
});

test('closing while opening wins', async (t) => {
  const { resolver } = await served(t);
  const opening = resolver.open('brief', sandboxOptions(FRONT));
  await resolver.close('brief');
  const error = await t.throwsAsync(opening, { instanceOf: ResolverError });
  t.is(error.detail.code, 'closed');
});

test('a namespace that is gone is a coded error, and the next try starts afresh', async (t) => {
  const { resolver } = await served(t);
  const gone = sandboxOptions({ networkNamespacePath: '/nonexistent/netns' });
  const error = await t.throwsAsync(resolver.open('gone', gone), { instanceOf: ResolverError });
  t.like(error.detail, { code: 'sockets', sandboxId: 'gone', namespacePath: '/nonexistent/netns' });
  const ports = await resolver.open('gone', sandboxOptions(FRONT));
  t.deepEqual(addressesOf(await askUdp(ports.udpPort, question('web'))), ['10.0.1.2']);
});

test('descriptors that are no sockets are refused', async (t) => {
  const sockets = {
    ...namespaceSockets,
    openServer: () => ({ udpFd: 987_654, udpPort: 1, tcpFd: 987_655, tcpPort: 1 }),
  };
  const resolver = new Resolver(resolverOptions({ sockets }));
  const error = await t.throwsAsync(resolver.open('odd', sandboxOptions()), {
    instanceOf: ResolverError,
  });
  t.is(error.detail.code, 'sockets');
});

test('a closed resolver opens nothing', async (t) => {
  const { resolver } = await served(t);
  await resolver.closeAll();
  const error = await t.throwsAsync(resolver.open('late', sandboxOptions()), {
    instanceOf: ResolverError,
  });
  t.is(error.detail.code, 'closed');
});
