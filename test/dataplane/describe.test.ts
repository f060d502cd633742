import test from 'ava';
import type { Mac } from '../../src/base/index.ts';
import {
  describeDrift,
  nftRuleKey,
  objectKey,
  type KernelObject,
  type NftTableObject,
} from '../../src/dataplane/index.ts';

const bridge: KernelObject = { kind: 'link', type: 'bridge', name: 'br0', isUp: true, mtu: 1450 };
const port = { learning: false, unicastFlood: true, isolated: false, hairpin: false };
const veth: KernelObject = {
  kind: 'link',
  type: 'veth',
  name: 'v1',
  peerNamespace: 't-1',
  peerName: 'eth0',
  isUp: true,
  master: 'br0',
  port,
};
const row: KernelObject = {
  kind: 'neighbour',
  link: 'vx0',
  address: '10.0.0.5',
  mac: '02:42:0a:00:00:05' as Mac,
};
const table: NftTableObject = {
  kind: 'nft-table',
  family: 'inet',
  name: 'hawser',
  sets: [{ name: 's', type: 'ipv4_addr', elements: ['10.0.0.1', '10.0.0.2'] }],
  maps: [{ name: 'm', type: 'ipv4_addr : verdict', elements: new Map([['10.0.0.9', 'goto c']]) }],
  chains: [
    {
      name: 'c',
      base: { type: 'filter', hook: 'input', priority: 0, policy: 'accept' },
      rules: ['accept', 'drop'],
    },
  ],
};
/** As it is read from a kernel. */
const held: NftTableObject = {
  ...table,
  chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.map(nftRuleKey) })),
};

const CASES: readonly {
  readonly name: string;
  readonly found?: KernelObject;
  readonly wanted?: KernelObject;
  readonly expected: string;
}[] = [
  { name: 'gone', wanted: row, expected: 'neighbour/vx0/10.0.0.5 is gone' },
  { name: 'too much', found: row, expected: 'neighbour/vx0/10.0.0.5 should not be there' },
  {
    name: 'fields',
    found: { ...bridge, isUp: false, mtu: 1400 },
    wanted: bridge,
    expected: 'link/br0: isUp false instead of true, mtu 1400 instead of 1450',
  },
  {
    name: 'what the plan leaves open is not told',
    found: { ...bridge, mac: '02:00:00:00:00:01' as Mac, isUp: false },
    wanted: bridge,
    expected: 'link/br0: isUp false instead of true',
  },
  {
    name: 'fields of fields',
    found: { ...veth, port: { ...port, learning: true } },
    wanted: veth,
    expected: 'link/v1: port.learning true instead of false',
  },
  {
    name: 'a strange master',
    found: { ...bridge, master: 'br1' },
    wanted: bridge,
    expected: 'link/br0: master br1',
  },
  {
    name: 'rules and elements',
    found: {
      ...held,
      sets: [{ name: 's', type: 'ipv4_addr', elements: ['10.0.0.3'] }],
      maps: [{ name: 'm', type: 'ipv4_addr : verdict', elements: new Map() }],
      chains: [{ ...held.chains[0], name: 'c', rules: [nftRuleKey('drop'), '#foreign'] }],
    },
    wanted: table,
    expected:
      'nft-table/inet/hawser: chain c has lost 1 of 2 rules, chain c has 1 rules of others, ' +
      'set s has lost { 10.0.0.1 } and 1 more elements, set s has { 10.0.0.3 } too much and 1 more',
  },
  {
    name: 'the order of rules',
    found: { ...held, chains: [{ ...held.chains[0], name: 'c', rules: ['drop', 'accept'] }] },
    wanted: table,
    expected: 'nft-table/inet/hawser: chain c has its rules in another order',
  },
  {
    name: 'chains that went and came',
    found: { ...held, chains: [{ name: 'other', rules: [] }] },
    wanted: table,
    expected: 'nft-table/inet/hawser: chain other should not be there, chain c is gone',
  },
];

for (const { name, found, wanted, expected } of CASES)
  test(`a difference in words: ${name}`, (t) => {
    const key = objectKey((wanted ?? found) as KernelObject);
    t.is(describeDrift(key, found, wanted), expected);
  });

test('a long difference is cut', (t) => {
  const elements = ['1', '2'].map((digit) => digit.repeat(200));
  const long = { ...table, sets: [{ name: 's', type: 'ipv4_addr', elements }] };
  t.is(describeDrift(objectKey(table), long, table).length, 300);
});
