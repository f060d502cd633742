/** Questions passed on to servers that drop, delay, cut short and lie. */
import test, { type ExecutionContext } from 'ava';
import packet from 'dns-packet';
import { SILENT_LOGGER, type Logger } from '../../../src/base/index.ts';
import type { Upstream } from '../../../src/dns/index.ts';
import {
  Resolver,
  type ResolverLimits,
  type SandboxOptions,
} from '../../../src/node/resolver/index.ts';
import { network, networkId, view } from '../../dns/names/sample-view.ts';
import {
  FakeUpstream,
  addressReply,
  addressesOf,
  askTcp,
  askUdp,
  question,
  rcodeOf,
  replyTo,
  resolverOptions,
  sandboxOptions,
  until,
  type Behaviour,
  type SeenQuery,
} from './loopback.ts';

/** Long enough for a busy machine to answer, short enough to wait for. */
const QUICK = { upstreamTimeoutMs: 5000, nextServerAfterMs: 50 };
const NAMES = view({ networks: [network('open'), network('closed', { isInternal: true })] });
const SILENCE: Behaviour = () => [];

interface Setting {
  readonly upstreams: readonly Upstream[];
  readonly limits?: Partial<ResolverLimits>;
  readonly sandbox?: Partial<SandboxOptions>;
  readonly logger?: Logger;
}

async function served(
  t: ExecutionContext,
  setting: Setting,
): Promise<{ resolver: Resolver; udp: number; tcp: number }> {
  const limits = { ...QUICK, ...setting.limits };
  const resolver = new Resolver(
    resolverOptions({ limits, logger: setting.logger ?? SILENT_LOGGER }),
  );
  t.teardown(() => resolver.closeAll());
  resolver.update(NAMES);
  const options = sandboxOptions({ upstreams: setting.upstreams, ...setting.sandbox });
  const ports = await resolver.open('box', options);
  return { resolver, udp: ports.udpPort, tcp: ports.tcpPort };
}

async function fake(t: ExecutionContext, behaviour: Behaviour): Promise<FakeUpstream> {
  const upstream = await FakeUpstream.start(behaviour);
  t.teardown(() => upstream.stop());
  return upstream;
}

const answering =
  (address: string): Behaviour =>
  (query) => [addressReply(query, address)];

test("an unknown name is answered as the upstream answers it, under the client's id", async (t) => {
  const upstream = await fake(t, answering('192.0.2.1'));
  const { udp, resolver } = await served(t, { upstreams: [upstream.upstream] });
  const reply = await askUdp(udp, question('example.org'));
  t.deepEqual(addressesOf(reply), ['192.0.2.1']);
  t.is(reply.readUInt16BE(0), 4321);
  t.deepEqual(resolver.snapshot(), [{ type: 'A', outcome: 'forwarded', count: 1 }]);
});

test('letters of the question come back as the client wrote them, whatever the upstream does to them', async (t) => {
  const upstream = await fake(t, (query) => {
    const questions = [{ name: 'example.org', type: 'A' as const }];
    return [replyTo(query, { questions })];
  });
  const { udp } = await served(t, { upstreams: [upstream.upstream] });
  const reply = packet.decode(await askUdp(udp, question('ExAmple.ORG')));
  t.is(reply.questions?.[0]?.name, 'ExAmple.ORG');
  t.is(upstream.seen[0]?.packet.questions?.[0]?.name, 'ExAmple.ORG');
});

test('each query has a port and an id of its own', async (t) => {
  const upstream = await fake(t, answering('192.0.2.1'));
  const { udp } = await served(t, { upstreams: [upstream.upstream] });
  for (let round = 0; round < 20; round += 1) await askUdp(udp, question('example.org'));
  const ports = new Set(upstream.seen.map((query) => query.peer.port));
  const ids = new Set(upstream.seen.map((query) => query.packet.id));
  t.true(ports.size >= 19 && ids.size >= 19, `${ports.size} ports, ${ids.size} ids`);
});

test('a TCP client is forwarded over TCP', async (t) => {
  const upstream = await fake(t, answering('192.0.2.1'));
  const { tcp } = await served(t, { upstreams: [upstream.upstream] });
  const replies = await askTcp(tcp, [question('example.org'), question('example.net')]);
  t.deepEqual(replies.map(addressesOf), [['192.0.2.1'], ['192.0.2.1']]);
  t.deepEqual(
    upstream.seen.map((query) => query.transport),
    ['tcp', 'tcp'],
  );
});

// Response codes.

for (const [rcode, code] of [
  ['NXDOMAIN', 3],
  ['NOTIMP', 4],
  ['YXDOMAIN', 6],
] as const) {
  test(`${rcode} of the first server is the answer`, async (t) => {
    const first = await fake(t, (query) => [replyTo(query, { flags: 0x8180 | code })]);
    const second = await fake(t, answering('192.0.2.2'));
    const limits = { nextServerAfterMs: 60_000, upstreamTimeoutMs: 60_000 };
    const { udp } = await served(t, { upstreams: [first.upstream, second.upstream], limits });
    t.is(rcodeOf(await askUdp(udp, question('example.org'))), rcode);
    t.is(second.seen.length, 0);
  });
}

for (const [rcode, code] of [
  ['SERVFAIL', 2],
  ['REFUSED', 5],
] as const) {
  test(`${rcode} leads to the next server at once`, async (t) => {
    const first = await fake(t, (query) => [replyTo(query, { flags: 0x8180 | code })]);
    const second = await fake(t, answering('192.0.2.2'));
    const limits = { nextServerAfterMs: 60_000, upstreamTimeoutMs: 60_000 };
    const { udp } = await served(t, { upstreams: [first.upstream, second.upstream], limits });
    t.deepEqual(addressesOf(await askUdp(udp, question('example.org'))), ['192.0.2.2']);
  });
}

test('a refusal without its question counts as one', async (t) => {
  const first = await fake(t, (query) => [replyTo(query, { flags: 0x8185, questions: [] })]);
  const second = await fake(t, answering('192.0.2.2'));
  const limits = { nextServerAfterMs: 60_000, upstreamTimeoutMs: 60_000 };
  const { udp } = await served(t, { upstreams: [first.upstream, second.upstream], limits });
  t.deepEqual(addressesOf(await askUdp(udp, question('example.org'))), ['192.0.2.2']);
});

test('SERVFAIL when every server refuses', async (t) => {
  const refusing: Behaviour = (query) => [replyTo(query, { flags: 0x8185 })];
  const servers = [await fake(t, refusing), await fake(t, refusing), await fake(t, refusing)];
  const { udp, resolver } = await served(t, { upstreams: servers.map((one) => one.upstream) });
  t.is(rcodeOf(await askUdp(udp, question('example.org'))), 'SERVFAIL');
  t.deepEqual(
    servers.map((one) => one.seen.length),
    [1, 1, 1],
  );
  t.like(resolver.snapshot()[0], { outcome: 'failed', count: 1 });
});

test('SERVFAIL when there is no server to ask', async (t) => {
  const { udp, tcp } = await served(t, { upstreams: [] });
  t.is(rcodeOf(await askUdp(udp, question('example.org'))), 'SERVFAIL');
  const [reply] = await askTcp(tcp, [question('example.org')]);
  t.is(rcodeOf(reply as Buffer), 'SERVFAIL');
});

// Silence and delay.

test('a silent server is passed over', async (t) => {
  const first = await fake(t, SILENCE);
  const second = await fake(t, answering('192.0.2.2'));
  const { udp } = await served(t, { upstreams: [first.upstream, second.upstream] });
  t.deepEqual(addressesOf(await askUdp(udp, question('example.org'))), ['192.0.2.2']);
  t.is(first.seen.length, 1);
});

test('a slow server may still win after the next one was asked', async (t) => {
  let answer: (query: SeenQuery) => void = () => undefined;
  const second = await fake(t, (query) => {
    answer(query);
    return [];
  });
  const first = await fake(
    t,
    (query) =>
      new Promise((resolve) => {
        answer = () => resolve([addressReply(query, '192.0.2.1')]);
      }),
  );
  const limits = { upstreamTimeoutMs: 5000 };
  const { udp } = await served(t, { upstreams: [first.upstream, second.upstream], limits });
  t.deepEqual(addressesOf(await askUdp(udp, question('example.org'))), ['192.0.2.1']);
});

test('a port nobody listens on is passed over without waiting', async (t) => {
  const gone = await FakeUpstream.start(SILENCE);
  const dead = gone.upstream;
  await gone.stop();
  const second = await fake(t, answering('192.0.2.2'));
  const limits = { nextServerAfterMs: 60_000, upstreamTimeoutMs: 60_000 };
  const { udp, tcp } = await served(t, { upstreams: [dead, second.upstream], limits });
  t.deepEqual(addressesOf(await askUdp(udp, question('example.org'))), ['192.0.2.2']);
  const [reply] = await askTcp(tcp, [question('example.org')]);
  t.deepEqual(addressesOf(reply as Buffer), ['192.0.2.2']);
});

test('SERVFAIL when all servers are silent', async (t) => {
  const silent = await fake(t, SILENCE);
  const limits = { upstreamTimeoutMs: 60, nextServerAfterMs: 20 };
  const { udp } = await served(t, { upstreams: [silent.upstream, silent.upstream], limits });
  t.is(rcodeOf(await askUdp(udp, question('example.org'))), 'SERVFAIL');
});

// Lies.

const LIES: readonly { readonly title: string; readonly lie: (query: SeenQuery) => Buffer }[] = [
  {
    title: 'another id',
    lie: (query) => replyTo(query, { id: ((query.packet.id ?? 0) + 1) % 65_536 }),
  },
  {
    title: 'another name',
    lie: (query) => replyTo(query, { questions: [{ name: 'evil.org', type: 'A' }] }),
  },
  {
    title: 'another type',
    lie: (query) => replyTo(query, { questions: [{ name: 'example.org', type: 'AAAA' }] }),
  },
  { title: 'no question', lie: (query) => replyTo(query, { questions: [] }) },
  { title: 'a query', lie: (query) => query.bytes },
  { title: 'rubbish', lie: () => Buffer.from('rubbish') },
  { title: 'nothing', lie: () => Buffer.alloc(0) },
];

for (const { title, lie } of LIES) {
  for (const transport of ['udp', 'tcp'] as const) {
    test(`over ${transport}, ${title} is no answer, and the true one still is`, async (t) => {
      const upstream = await fake(t, (query) => [lie(query), addressReply(query, '192.0.2.1')]);
      const { udp, tcp } = await served(t, { upstreams: [upstream.upstream] });
      const query = question('example.org');
      const reply =
        transport === 'udp' ? await askUdp(udp, query) : (await askTcp(tcp, [query]))[0];
      t.deepEqual(addressesOf(reply as Buffer), ['192.0.2.1']);
    });
  }
}

test('an answer from another address or port is not heard', async (t) => {
  const liar = await fake(t, SILENCE);
  const upstream = await fake(t, async (query) => {
    // The liar's socket sends the true id and question to the right port, from the wrong one.
    const forged = { ...query, peer: query.peer };
    await forge(liar, addressReply(forged, '6.6.6.6'), query.peer.port);
    return [addressReply(query, '192.0.2.1')];
  });
  const { udp } = await served(t, { upstreams: [upstream.upstream] });
  t.deepEqual(addressesOf(await askUdp(udp, question('example.org'))), ['192.0.2.1']);
});

function forge(liar: FakeUpstream, bytes: Buffer, port: number): Promise<void> {
  return new Promise((resolve) => {
    liar.sendFrom(bytes, port, resolve);
  });
}

// Truncation.

const longAnswer = (query: SeenQuery): Buffer =>
  addressReply(query, ...Array.from({ length: 100 }, (_, index) => `192.0.2.${index}`));

const cutOverUdp: Behaviour = (query) =>
  query.transport === 'udp' ? [replyTo(query, { flags: 0x8380 })] : [longAnswer(query)];

test('an answer cut over UDP is fetched over TCP; the client gets what it takes', async (t) => {
  const upstream = await fake(t, cutOverUdp);
  const { udp, tcp } = await served(t, { upstreams: [upstream.upstream] });
  const short = packet.decode(await askUdp(udp, question('example.org')));
  t.true(short.flag_tc);
  t.true((short.answers?.length ?? 0) > 10);
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as never;
  const whole = packet.decode(await askUdp(udp, question('example.org', { additionals: [opt] })));
  t.false(whole.flag_tc);
  t.is(whole.answers?.length, 100);
  const [overTcp] = await askTcp(tcp, [question('example.org')]);
  t.is(addressesOf(overTcp as Buffer).length, 100);
});

test('where TCP fails, the cut answer is passed on', async (t) => {
  const upstream = await fake(t, (query) =>
    query.transport === 'udp' ? [replyTo(query, { flags: 0x8380 })] : [],
  );
  const limits = { upstreamTimeoutMs: 1500 };
  const { udp } = await served(t, { upstreams: [upstream.upstream], limits });
  const reply = packet.decode(await askUdp(udp, question('example.org')));
  t.true(reply.flag_tc);
  t.is((reply as { rcode?: string }).rcode, 'NOERROR');
});

test('an upstream that ignores sizes is cut to what the client takes', async (t) => {
  const upstream = await fake(t, (query) => [longAnswer(query)]);
  const { udp } = await served(t, { upstreams: [upstream.upstream] });
  const reply = await askUdp(udp, question('example.org'));
  t.true(reply.length <= 512);
  t.true(packet.decode(reply).flag_tc);
});

// Who may be asked.

for (const { title, networks, asked } of [
  {
    title: 'a container on internal networks only never reaches a host server',
    networks: ['id-closed'],
    asked: 0,
  },
  {
    title: 'nor does one on a network that the view does not know',
    networks: ['id-gone'],
    asked: 0,
  },
  { title: 'one open network is a way out', networks: ['id-closed', 'id-open'], asked: 1 },
  { title: 'a container without networks of its own has the gateway', networks: [], asked: 1 },
]) {
  test(title, async (t) => {
    const upstream = await fake(t, answering('192.0.2.1'));
    const resolver = new Resolver(resolverOptions({ limits: QUICK }));
    t.teardown(() => resolver.closeAll());
    resolver.update(NAMES);
    const asker = { networks: networks.map(networkId), hasNdots: false };
    const upstreams = [upstream.upstream];
    const { networkNamespacePath } = sandboxOptions();
    const ports = await resolver.open('box', { networkNamespacePath, asker, upstreams });
    const reply = await askUdp(ports.udpPort, question('example.org'));
    t.is(rcodeOf(reply), asked === 0 ? 'SERVFAIL' : 'NOERROR');
    t.is(upstream.seen.length, asked);
  });
}

test("a container's own servers are asked from its namespace, also without a way out", async (t) => {
  const upstream = await fake(t, answering('192.0.2.1'));
  const own: Upstream = { ...upstream.upstream, from: 'container' };
  const sandbox = { hasExternalAccess: false };
  const { udp, tcp } = await served(t, { upstreams: [own], sandbox });
  t.deepEqual(addressesOf(await askUdp(udp, question('example.org'))), ['192.0.2.1']);
  const [reply] = await askTcp(tcp, [question('example.org')]);
  t.deepEqual(addressesOf(reply as Buffer), ['192.0.2.1']);
});

// Limits and loops.

test('beyond the limit of a container queries are refused, which is logged once', async (t) => {
  const upstream = await fake(t, SILENCE);
  const warnings: unknown[] = [];
  const logger = { ...SILENT_LOGGER, warn: (fields: unknown) => void warnings.push(fields) };
  const limits = { inFlightMax: 8, upstreamTimeoutMs: 60_000, nextServerAfterMs: 60_000 };
  const { udp, resolver } = await served(t, { upstreams: [upstream.upstream], limits, logger });
  const waiting = Array.from({ length: 8 }, (_, index) =>
    askUdp(udp, question(`host-${index}.org`)).catch(() => undefined),
  );
  await until('eight are under way', () => upstream.seen.length === 8);
  for (let extra = 0; extra < 5; extra += 1) {
    t.is(rcodeOf(await askUdp(udp, question('one-more.org'))), 'REFUSED');
  }
  t.deepEqual(warnings, [{ sandboxId: 'box', refused: 1 }]);
  await resolver.closeAll();
  void waiting;
});

test("one container's limit is not another's, but the node has one for all", async (t) => {
  const upstream = await fake(t, SILENCE);
  const limits = { inFlightMax: 2, inFlightNodeMax: 3, upstreamTimeoutMs: 60_000 };
  const { udp, resolver } = await served(t, { upstreams: [upstream.upstream], limits });
  const upstreams = [upstream.upstream];
  const other = await resolver.open('other', sandboxOptions({ upstreams }));
  const ask = (port: number, name: string): void =>
    void askUdp(port, question(name)).catch(() => undefined);
  ask(udp, 'a.org');
  ask(udp, 'b.org');
  await until('two are under way', () => upstream.seen.length === 2);
  t.is(rcodeOf(await askUdp(udp, question('c.org'))), 'REFUSED');
  ask(other.udpPort, 'd.org');
  await until('three are under way', () => upstream.seen.length === 3);
  t.is(rcodeOf(await askUdp(other.udpPort, question('e.org'))), 'REFUSED');
  await resolver.closeAll();
});

test('questions alike share one exchange, each answered under its own id', async (t) => {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const upstream = await fake(t, async (query) => {
    await released;
    return [addressReply(query, '192.0.2.1')];
  });
  const limits = { upstreamTimeoutMs: 10_000, nextServerAfterMs: 10_000 };
  const { udp } = await served(t, { upstreams: [upstream.upstream], limits });
  const ids = [1, 2, 3, 4];
  const asked = ids.map((id) => askUdp(udp, question('example.org', { id })));
  await askUdp(udp, question('tasks.probe'));
  release();
  const replies = await Promise.all(asked);
  t.deepEqual(replies.map((reply) => reply.readUInt16BE(0)).sort(), ids);
  t.is(upstream.seen.length, 1);
});

test('a loop through the container itself ends at its first repetition', async (t) => {
  const upstream = await FakeUpstream.start(SILENCE);
  t.teardown(() => upstream.stop());
  const limits = { upstreamTimeoutMs: 1500, nextServerAfterMs: 1500 };
  const { udp } = await served(t, { upstreams: [upstream.upstream], limits });
  upstream.behaviour = async (query) => [
    await askUdp(udp, query.bytes).catch(() => Buffer.alloc(0)),
  ];
  t.is(rcodeOf(await askUdp(udp, question('example.org'))), 'SERVFAIL');
  t.is(upstream.seen.length, 1);
});

test('a loop whose questions differ each time ends too', async (t) => {
  const upstream = await FakeUpstream.start(SILENCE);
  t.teardown(() => upstream.stop());
  const limits = { upstreamTimeoutMs: 3000, nextServerAfterMs: 3000 };
  const { udp } = await served(t, { upstreams: [upstream.upstream], limits });
  let hop = 0;
  upstream.behaviour = async () => {
    hop += 1;
    const data = Buffer.from(`hop-${hop}`);
    const opt = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 1232,
      flags: 0,
      options: [{ code: 65_001, data }],
    };
    await askUdp(udp, question('example.org', { additionals: [opt as never] })).catch(
      () => undefined,
    );
    return [];
  };
  t.is(rcodeOf(await askUdp(udp, question('example.org'))), 'SERVFAIL');
  t.true(hop > 1 && hop <= 64, `${hop} hops`);
});

test('closing a sandbox ends what it waits for', async (t) => {
  const upstream = await fake(t, SILENCE);
  const limits = { upstreamTimeoutMs: 60_000, nextServerAfterMs: 60_000 };
  const { udp, resolver } = await served(t, { upstreams: [upstream.upstream], limits });
  void askUdp(udp, question('example.org')).catch(() => undefined);
  await until('the query is under way', () => upstream.seen.length === 1);
  await resolver.closeAll();
  await until('it is counted as failed', () => resolver.snapshot()[0]?.outcome === 'failed');
  t.pass();
});
