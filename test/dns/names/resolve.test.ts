/**
 * The table of users-and-facts §4.1, line by line, and what `default` mode changes of it (§4.8).
 */
import test from 'ava';
import { SeededRng, formatIpv4 } from '../../../src/base/index.ts';
import {
  Rcode,
  RecordType,
  buildNames,
  resolve,
  type Asker,
  type NamesMode,
  type Resolution,
} from '../../../src/dns/index.ts';
import { endpoint, network, networkId, service, view } from './sample-view.ts';

const FRONT = networkId('id-front');
const BACK = networkId('id-back');
const DOTTED = networkId('id-c.d');
const INGRESS = networkId('id-ingress');

const sample = view({
  networks: [
    network('front'),
    network('back'),
    network('c.d'),
    network('lonely'),
    network('ingress', { isIngress: true }),
  ],
  services: [
    service(
      'web',
      { front: '10.0.1.2', back: '10.0.2.2', ingress: '10.0.0.2' },
      {
        aliases: [{ networkId: FRONT, names: ['www', 'Site'] }],
      },
    ),
    service(
      'db',
      {},
      {
        isDnsRoundRobin: true,
        aliases: [{ networkId: BACK, names: ['sql'] }],
      },
    ),
    service('monitor', { front: '10.0.1.3' }, { isGlobal: true }),
    service('empty', { front: '10.0.1.4' }),
    service(
      'idle',
      {},
      {
        isDnsRoundRobin: true,
        aliases: [{ networkId: BACK, names: ['lazy'] }],
      },
    ),
    service('away', { lonely: '10.0.4.2' }),
    service('twin-a', { front: '10.0.1.5' }, { aliases: [{ networkId: FRONT, names: ['both'] }] }),
    service('twin-b', { front: '10.0.1.6' }, { aliases: [{ networkId: FRONT, names: ['both'] }] }),
  ],
  endpoints: [
    endpoint(
      'web.1',
      { ingress: '10.0.0.11', front: '10.0.1.11', back: '10.0.2.11' },
      {
        containerId: 'abcdef012345' + '0'.repeat(52),
        hostname: 'web',
        aliases: ['www', 'first'],
      },
    ),
    endpoint(
      'web.2',
      { ingress: '10.0.0.12', front: '10.0.1.12', back: '10.0.2.12' },
      {
        hostname: 'Box-2',
      },
    ),
    endpoint(
      'web.3',
      { front: '10.0.1.13', back: '10.0.2.13' },
      {
        isServing: false,
        hostname: 'box-3',
      },
    ),
    endpoint('db.1', { back: '10.0.2.21' }),
    endpoint('db.2', { back: '10.0.2.22' }),
    endpoint('db.3', { back: '10.0.2.22' }),
    endpoint('db.4', { back: '10.0.2.24' }, { isServing: false }),
    endpoint('monitor.0', { front: '10.0.1.31' }),
    endpoint('idle.1', { back: '10.0.2.41' }, { isServing: false }),
    endpoint('away.1', { lonely: '10.0.4.11' }, { hostname: 'hermit' }),
    endpoint('loose.0', { front: '10.0.1.41' }, { hostname: 'wanderer' }),
    endpoint('dotty.1', { 'c.d': '10.0.3.11' }, { aliases: ['a.b', 'a', 'host'] }),
    endpoint('shadow.1', { front: '10.0.1.51' }, { aliases: ['a.b.c.d'] }),
  ],
});

const MEMBER: Asker = { networks: [INGRESS, FRONT, BACK, DOTTED], hasNdots: false };

interface Case {
  readonly title: string;
  readonly name: string;
  readonly type?: number;
  readonly asker?: Partial<Asker>;
  /**
   * Both modes, unless given by mode. Addresses and targets sorted; `forward`; `nodata`;
   * `nxdomain`.
   */
  readonly expected: readonly string[] | string;
  readonly compatible?: readonly string[] | string;
}

const { A, AAAA, MX, PTR, SRV, TXT, NS, ANY } = RecordType;
const WEB_FRONT = ['10.0.1.11', '10.0.1.12'];

const CASES: readonly Case[] = [
  // A service in VIP mode.
  {
    title: 'a service is its VIP on the first network of the asker',
    name: 'web',
    expected: ['10.0.1.2'],
  },
  {
    title: 'another order of networks gives the other VIP',
    name: 'web',
    asker: { networks: [BACK, FRONT] },
    expected: ['10.0.2.2'],
  },
  {
    title: 'a service that only the second network has is found there',
    name: 'db',
    expected: ['10.0.2.21', '10.0.2.22'],
  },
  {
    title: 'the ingress network names nothing',
    name: 'web',
    asker: { networks: [INGRESS] },
    expected: 'forward',
  },
  { title: 'a service alias is the VIP', name: 'www', expected: ['10.0.1.2'] },
  {
    title: 'an alias belongs to its network only',
    name: 'www',
    asker: { networks: [BACK] },
    expected: ['10.0.2.11'],
  },
  {
    title: 'two services with one alias share its addresses',
    name: 'both',
    expected: ['10.0.1.5', '10.0.1.6'],
    compatible: 'forward',
  },
  // dnsrr and tasks.
  {
    title: 'a dnsrr service is its serving tasks, each address once',
    name: 'db',
    asker: { networks: [BACK] },
    expected: ['10.0.2.21', '10.0.2.22'],
  },
  {
    title: 'an alias of a dnsrr service likewise',
    name: 'sql',
    expected: ['10.0.2.21', '10.0.2.22'],
  },
  {
    title: 'a container outside of services is its address',
    name: 'loose',
    expected: ['10.0.1.41'],
  },
  { title: 'tasks.<service> is every serving task', name: 'tasks.web', expected: WEB_FRONT },
  { title: 'tasks.<alias> is every serving task', name: 'tasks.www', expected: WEB_FRONT },
  { title: 'tasks.<dnsrr service>', name: 'tasks.db', expected: ['10.0.2.21', '10.0.2.22'] },
  // Single tasks.
  {
    title: '<service>.<slot>.<task id> is that task',
    name: 'web.2.task-web-2',
    expected: ['10.0.1.12'],
  },
  {
    title: 'a task of a global service has its node for a slot',
    name: 'monitor.node-1.task-monitor-0',
    expected: ['10.0.1.31'],
  },
  {
    title: 'a task that does not serve has no name',
    name: 'web.3.task-web-3',
    expected: 'forward',
  },
  { title: 'nor a hostname', name: 'box-3', expected: 'forward' },
  { title: "a task's own alias is that task", name: 'first', expected: ['10.0.1.11'] },
  { title: 'the short container id', name: 'abcdef012345', expected: ['10.0.1.11'] },
  {
    title: 'the whole container id is no name',
    name: 'abcdef012345' + '0'.repeat(51),
    expected: 'forward',
  },
  { title: 'the hostname', name: 'box-2', expected: ['10.0.1.12'] },
  {
    title: "a hostname that is its service's name takes nothing from the VIP",
    name: 'web',
    expected: ['10.0.1.2'],
  },
  // <name>.<network>.
  { title: '<service>.<network> is the VIP there', name: 'web.back', expected: ['10.0.2.2'] },
  {
    title: 'tasks.<service>.<network>',
    name: 'tasks.web.back',
    expected: ['10.0.2.11', '10.0.2.12'],
  },
  {
    title: '<service>.<slot>.<task id>.<network>',
    name: 'web.1.task-web-1.back',
    expected: ['10.0.2.11'],
  },
  { title: 'the ingress network is no suffix', name: 'web.ingress', expected: 'forward' },
  { title: 'a name that the named network does not have', name: 'db.front', expected: 'forward' },
  { title: 'a network the asker is not on is no suffix', name: 'away.lonely', expected: 'forward' },
  { title: 'a.b.c.d as a whole wins on any network', name: 'a.b.c.d', expected: ['10.0.1.51'] },
  {
    title: 'then a.b.c in network d, a.b in network c.d',
    name: 'a.b.c.d',
    asker: { networks: [DOTTED] },
    expected: ['10.0.3.11'],
  },
  { title: 'a in network c.d', name: 'host.c.d', expected: ['10.0.3.11'] },
  { title: 'a network whose name has dots is matched whole', name: 'host.d', expected: 'forward' },
  // Case and dots.
  { title: 'letter case does not matter', name: 'WeB', expected: ['10.0.1.2'] },
  { title: 'nor in what the operator wrote', name: 'SITE', expected: ['10.0.1.2'] },
  { title: 'nor in networks', name: 'Web.BACK', expected: ['10.0.2.2'] },
  // Scoping.
  { title: 'a service on a network of others is unknown', name: 'away', expected: 'forward' },
  { title: 'so is its task', name: 'hermit', expected: 'forward' },
  {
    title: 'one without networks knows nothing',
    name: 'web',
    asker: { networks: [] },
    expected: 'forward',
  },
  {
    title: 'a network that is not in the view is passed over',
    name: 'web',
    asker: { networks: [networkId('gone'), BACK] },
    expected: ['10.0.2.2'],
  },
  // Other types.
  { title: 'AAAA of a service is NODATA', name: 'web', type: AAAA, expected: 'nodata' },
  { title: 'AAAA of tasks.<service> is NODATA', name: 'tasks.web', type: AAAA, expected: 'nodata' },
  { title: 'AAAA of a task is NODATA', name: 'web.1.task-web-1', type: AAAA, expected: 'nodata' },
  {
    title: 'AAAA of an unknown name is forwarded',
    name: 'example.org',
    type: AAAA,
    expected: 'forward',
  },
  { title: 'MX of a local name is NODATA', name: 'web', type: MX, expected: 'nodata' },
  {
    title: 'MX of an unknown name is forwarded',
    name: 'example.org',
    type: MX,
    expected: 'forward',
  },
  { title: 'SRV is forwarded', name: '_http._tcp.web', type: SRV, expected: 'forward' },
  { title: 'TXT is forwarded, also for a local name', name: 'web', type: TXT, expected: 'forward' },
  { title: 'NS is forwarded, also for a local name', name: 'web', type: NS, expected: 'forward' },
  { title: 'ANY is forwarded, also for a local name', name: 'web', type: ANY, expected: 'forward' },
  // Reverse.
  {
    title: "PTR of a task's address is its first name on that network",
    name: '12.1.0.10.in-addr.arpa',
    type: PTR,
    expected: ['web.2.task-web-2.front'],
  },
  {
    title: 'PTR on the second network',
    name: '11.2.0.10.IN-ADDR.ARPA',
    type: PTR,
    expected: ['web.1.task-web-1.back'],
  },
  {
    title: 'PTR of a task that does not serve is forwarded',
    name: '13.1.0.10.in-addr.arpa',
    type: PTR,
    expected: 'forward',
  },
  {
    title: 'PTR of a VIP',
    name: '2.1.0.10.in-addr.arpa',
    type: PTR,
    expected: ['web.front'],
    compatible: 'forward',
  },
  {
    title: 'PTR of an ingress address is forwarded',
    name: '11.0.0.10.in-addr.arpa',
    type: PTR,
    expected: 'forward',
  },
  {
    title: "PTR of others' addresses is forwarded",
    name: '11.4.0.10.in-addr.arpa',
    type: PTR,
    expected: 'forward',
  },
  {
    title: 'PTR of half an address is forwarded',
    name: '2.1.0.in-addr.arpa',
    type: PTR,
    expected: 'forward',
  },
  {
    title: 'PTR of what is no address is forwarded',
    name: '012.1.0.10.in-addr.arpa',
    type: PTR,
    expected: 'forward',
  },
  {
    title: 'PTR in ip6.arpa is forwarded',
    name: `${'0.'.repeat(32)}ip6.arpa`,
    type: PTR,
    expected: 'forward',
  },
  { title: 'PTR elsewhere is forwarded', name: 'web', type: PTR, expected: 'forward' },
  // Unknown names.
  { title: 'an unknown name is forwarded', name: 'example.org', expected: 'forward' },
  { title: 'one of a single label too', name: 'nosuch', expected: 'forward' },
  {
    title: 'unless ndots was set by somebody',
    name: 'nosuch',
    asker: { hasNdots: true },
    expected: 'nodata',
  },
  {
    title: 'likewise for AAAA',
    name: 'nosuch',
    type: AAAA,
    asker: { hasNdots: true },
    expected: 'nodata',
  },
  {
    title: 'but not for other types',
    name: 'nosuch',
    type: TXT,
    asker: { hasNdots: true },
    expected: 'forward',
  },
  { title: 'nor for MX', name: 'nosuch', type: MX, asker: { hasNdots: true }, expected: 'forward' },
  {
    title: 'nor for names of two labels',
    name: 'example.org',
    asker: { hasNdots: true },
    expected: 'forward',
  },
  { title: 'the root is forwarded', name: '', expected: 'forward' },
  { title: 'a dot inside of a label is no border', name: 'web\\.back', expected: 'forward' },
  // What the modes disagree about.
  {
    title: 'a service without tasks keeps its VIP',
    name: 'empty',
    expected: ['10.0.1.4'],
    compatible: 'forward',
  },
  {
    title: 'a dnsrr service without serving tasks is NODATA',
    name: 'idle',
    expected: 'nodata',
    compatible: 'forward',
  },
  { title: 'and its alias', name: 'lazy', expected: 'nodata', compatible: 'forward' },
  {
    title: 'tasks. of a service without serving tasks',
    name: 'tasks.idle',
    expected: 'nxdomain',
    compatible: 'forward',
  },
  { title: 'tasks. of nothing', name: 'tasks.nosuch', expected: 'nxdomain', compatible: 'forward' },
  {
    title: 'tasks. of nothing, AAAA',
    name: 'tasks.nosuch',
    type: AAAA,
    expected: 'nxdomain',
    compatible: 'forward',
  },
  {
    title: 'tasks. of nothing on a network of the asker',
    name: 'tasks.nosuch.c.d',
    expected: 'nxdomain',
    compatible: 'forward',
  },
  { title: 'a longer name may be real outside', name: 'tasks.example.org', expected: 'forward' },
  { title: 'tasks. and a network without a service', name: 'tasks.c.d', expected: 'forward' },
];

for (const mode of ['default', 'compatible'] as const) {
  for (const one of CASES) {
    test(`${mode}: ${one.title} (${one.name} ${one.type ?? A})`, (t) => {
      const expected = mode === 'compatible' ? (one.compatible ?? one.expected) : one.expected;
      const asker = { ...MEMBER, ...one.asker };
      const question = { name: one.name, type: one.type ?? A, class: 1 };
      t.deepEqual(outcomeOf(ask(mode, question, asker)), expected);
    });
  }
}

function ask(
  mode: NamesMode,
  question: { name: string; type: number; class: number },
  asker: Asker = MEMBER,
): Resolution {
  return resolve(buildNames(sample, { mode }), question, { asker, rng: new SeededRng(1) });
}

function outcomeOf(resolution: Resolution): readonly string[] | string {
  if (resolution.kind === 'forward') return 'forward';
  if (resolution.kind === 'refuse') return resolution.rcode === Rcode.NXDOMAIN ? 'nxdomain' : '?';
  if (resolution.records.length === 0) return 'nodata';
  const texts = resolution.records.map(({ data }) => {
    if (data.kind === 'A') return formatIpv4(data.address);
    return data.kind === 'PTR' ? data.target : data.kind;
  });
  return texts.sort();
}

for (const [mode, ttl] of [
  ['compatible', 600],
  ['default', 5],
] as const) {
  test(`${mode}: every record lives ${ttl} s and has the question's letters`, (t) => {
    const resolution = ask(mode, { name: 'tAsKs.wEb', type: A, class: 1 });
    t.is(resolution.kind, 'answer');
    const records = resolution.kind === 'answer' ? resolution.records : [];
    t.is(records.length, 2);
    for (const record of records) {
      t.like(record, { name: 'tAsKs.wEb', class: 1, ttl });
    }
  });
}

test('another class than IN is forwarded, also for a local name', (t) => {
  t.is(ask('default', { name: 'web', type: A, class: 3 }).kind, 'forward');
});

test('several addresses come in random order, each first about equally often', (t) => {
  const names = buildNames(sample);
  const rng = new SeededRng(7);
  const first = new Map<string, number>();
  for (let round = 0; round < 1000; round += 1) {
    const question = { name: 'tasks.web', type: A, class: 1 };
    const resolution = resolve(names, question, { asker: MEMBER, rng });
    const data = resolution.kind === 'answer' ? resolution.records[0]?.data : undefined;
    const text = data?.kind === 'A' ? formatIpv4(data.address) : '?';
    first.set(text, (first.get(text) ?? 0) + 1);
  }
  t.deepEqual([...first.keys()].sort(), WEB_FRONT);
  for (const count of first.values()) t.true(count > 400 && count < 600);
});

test('a change rebuilds the tables of the networks it touches and keeps the others', (t) => {
  const before = buildNames(sample);
  const again = buildNames({ ...sample }, { previous: before });
  t.is(again.network(FRONT), before.network(FRONT));
  const stopped = endpoint('db.2', { back: '10.0.2.22' }, { isServing: false });
  const endpoints = new Map(sample.endpoints).set(stopped.taskId, stopped);
  const after = buildNames({ ...sample, endpoints }, { previous: before });
  t.is(after.network(FRONT), before.network(FRONT));
  t.not(after.network(BACK), before.network(BACK));
  t.deepEqual(after.network(BACK)?.addressesOf('tasks.db')?.map(formatIpv4), [
    '10.0.2.21',
    '10.0.2.22',
  ]);
  t.deepEqual(buildNames(sample, { mode: 'compatible', previous: before }).ttlSeconds, 600);
});

test('an index does not change when the next one is made of it', (t) => {
  const before = buildNames(sample);
  const emptied = buildNames(view({ networks: [...sample.networks.values()] }), {
    previous: before,
  });
  t.is(emptied.network(FRONT)?.addressesOf('web'), undefined);
  t.deepEqual(before.network(FRONT)?.addressesOf('web')?.map(formatIpv4), ['10.0.1.2']);
});

test('what is no address or no name in the view names nothing and breaks nothing', (t) => {
  const odd = buildNames(
    view({
      networks: [network('n'.repeat(70))],
      endpoints: [
        endpoint('six.1', { ['n'.repeat(70)]: 'fd00::1' }),
        endpoint('long.1', { ['n'.repeat(70)]: '10.9.0.1' }, { hostname: 'x'.repeat(300) }),
      ],
    }),
  );
  const table = odd.network(networkId(`id-${'n'.repeat(70)}`));
  t.is(table?.addressesOf('six'), undefined);
  t.deepEqual(table?.addressesOf('long')?.map(formatIpv4), ['10.9.0.1']);
  // 10.9.0.1: its full name would not fit a message.
  t.is(table?.nameOf(0x0a090001 as never), undefined);
});

test('two networks may use one subnet: each answers for its own', (t) => {
  const names = buildNames(
    view({
      networks: [network('one'), network('two')],
      endpoints: [endpoint('a.1', { one: '10.0.1.5' }), endpoint('b.1', { two: '10.0.1.5' })],
    }),
  );
  const question = { name: '5.1.0.10.in-addr.arpa', type: PTR, class: 1 };
  const rng = new SeededRng(1);
  const askFrom = (id: string): Resolution =>
    resolve(names, question, { asker: { networks: [networkId(id)], hasNdots: false }, rng });
  t.deepEqual(outcomeOf(askFrom('id-one')), ['a.1.task-a-1.one']);
  t.deepEqual(outcomeOf(askFrom('id-two')), ['b.1.task-b-1.two']);
});
