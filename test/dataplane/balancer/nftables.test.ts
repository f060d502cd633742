import test from 'ava';
import { NftablesBalancer } from '../../../src/dataplane/balancer/nftables.ts';
import type { Backend, BalancerRules, Frontend } from '../../../src/dataplane/balancer/balancer.ts';

const IN_TURN = { id: 'web', policy: 'round-robin' } as const;

function vip(backends: readonly Backend[], change: Partial<Frontend> = {}): Frontend {
  const frontend = { ...IN_TURN, kind: 'address', addresses: ['10.0.0.2', 'fd00::2'], backends };
  return { ...frontend, ...change } as Frontend;
}

function port(backends: readonly Backend[]): Frontend {
  const place = { protocol: 'tcp', port: 8080, targetPort: 80, link: 'ingress0' } as const;
  return { ...IN_TURN, kind: 'port', ...place, backends };
}

function backend(host: number, weight = 1): Backend {
  return { address: `10.0.0.${host}`, weight };
}

function backend6(host: number): Backend {
  return { address: `fd00::${host}`, weight: 1 };
}

/** The maps with slots, as one list. */
function slots({ maps }: BalancerRules): string[] {
  return maps
    .filter(({ type }) => type.includes('integer'))
    .flatMap(({ elements }) => [...elements].map(([key, address]) => `${key} : ${address}`));
}

test('a frontend is one rule, and one element for each slot', (t) => {
  const cases = [
    { name: 'one', of: vip([backend(5)]), rule: /^dnat ip to 10\.0\.0\.5$/, elements: [] },
    {
      name: 'one behind a port',
      of: port([backend(5, 7)]),
      rule: /^meta l4proto tcp dnat ip to 10\.0\.0\.5:80$/,
      elements: [],
    },
    {
      name: 'two',
      of: vip([backend(5), backend(6)]),
      rule: /^dnat ip to ip daddr \. numgen inc mod 2 map @vip-slots4-[0-9a-f]{2}$/,
      elements: ['10.0.0.2 . 0 : 10.0.0.5', '10.0.0.2 . 1 : 10.0.0.6'],
    },
    {
      name: 'two behind a port',
      of: port([backend(5), backend(6)]),
      rule: /^meta l4proto tcp dnat ip to meta l4proto \. th dport \. numgen inc mod 2 map @port-slots4-[0-9a-f]{2}:80$/,
      elements: ['tcp . 8080 . 0 : 10.0.0.5', 'tcp . 8080 . 1 : 10.0.0.6'],
    },
    {
      name: 'a drained one',
      of: vip([backend(5, 0), backend(6)]),
      rule: /^dnat ip to 10\.0\.0\.6$/,
      elements: [],
    },
    {
      name: 'one of the other family behind a port',
      of: port([backend6(5)]),
      rule: /^meta l4proto tcp dnat ip6 to \[fd00::5\]:80$/,
      elements: [],
    },
  ];
  for (const { name, of, rule, elements } of cases) {
    const rules = new NftablesBalancer().rules([of]);
    t.is(rules.chains.length, 1, name);
    t.is(rules.chains[0]?.rules.length, 1, name);
    t.regex(rules.chains[0]?.rules[0] ?? '', rule, name);
    t.deepEqual(slots(rules), elements, name);
  }
});

test('each client gets a backend of its own family', (t) => {
  const backends = [backend(5), backend6(5), backend(6), backend6(6)];
  const rules = new NftablesBalancer().rules([vip(backends)]);
  t.is(rules.chains[0]?.rules.length, 2);
  t.deepEqual(slots(rules), [
    '10.0.0.2 . 0 : 10.0.0.5',
    '10.0.0.2 . 1 : 10.0.0.6',
    'fd00::2 . 0 : fd00::5',
    'fd00::2 . 1 : fd00::6',
  ]);
  t.deepEqual(
    rules.maps.map(({ name, type }) => [name.replace(/-..$/, ''), type]),
    [
      ['vips', 'ipv4_addr : verdict'],
      ['vips6', 'ipv6_addr : verdict'],
      ['vip-slots4', 'ipv4_addr . integer : ipv4_addr'],
      ['vip-slots6', 'ipv6_addr . integer : ipv6_addr'],
    ],
  );
});

test('by hash of the client, the table is of one size whatever the backends', (t) => {
  const rules = new NftablesBalancer().rules([
    vip([backend(5), backend(6)], { policy: 'source-hash' }),
  ]);
  t.regex(rules.chains[0]?.rules[0] ?? '', /jhash ip saddr mod 10007 seed 0x48617773 map @/);
  t.is(slots(rules).length, 10_007);
});

test('a frontend without backends is not translated', (t) => {
  const { maps, chains, entry } = new NftablesBalancer().rules([vip([]), port([backend(5, 0)])]);
  t.deepEqual([maps, chains, entry], [[], [], []]);
});

test('what did not change is the same object; others do not matter', (t) => {
  const balancer = new NftablesBalancer();
  const backends = [backend(5), backend(6)];
  const other = (host: number): Frontend =>
    vip([backend(host), backend(host + 1)], { id: 'db', addresses: ['10.0.0.3'] });
  const before = balancer.rules([vip(backends), other(7)]);
  const after = balancer.rules([vip(backends), other(8)]);
  t.is(before.chains[0], after.chains[0]);
  t.is(before.chains[1], after.chains[1]);
  const web = before.maps.find(({ elements }) => elements.has('10.0.0.2 . 0'));
  t.true(web !== undefined && after.maps.includes(web));
  t.deepEqual(slots(after).slice(2), ['10.0.0.3 . 0 : 10.0.0.8', '10.0.0.3 . 1 : 10.0.0.9']);
});

test('another address, port or policy is not taken for what was', (t) => {
  const backends = [backend(5), backend(6)];
  const changes: [Frontend, Frontend][] = [
    [vip(backends), vip(backends, { addresses: ['10.0.0.4'] })],
    [vip(backends), vip(backends, { policy: 'source-hash' })],
    [port(backends), { ...port(backends), targetPort: 81 } as Frontend],
    [port(backends), { ...port(backends), port: 8081 } as Frontend],
  ];
  for (const [was, want] of changes) {
    const balancer = new NftablesBalancer();
    balancer.rules([was]);
    t.deepEqual(balancer.rules([want]), new NftablesBalancer().rules([want]));
  }
});

test('10,000 services are spread over maps, so that none grows with all of them', (t) => {
  const frontends = Array.from({ length: 10_000 }, (_, at) =>
    vip([backend(5), backend(6)], {
      id: `service-${at}`,
      addresses: [`10.${at >> 8}.${at & 255}.2`],
    }),
  );
  const { maps } = new NftablesBalancer().rules(frontends);
  const sizes = maps.filter(({ type }) => type.includes('integer')).map((map) => map.elements.size);
  t.true(sizes.length <= 256);
  t.true(Math.max(...sizes) < 2 * 100);
});
