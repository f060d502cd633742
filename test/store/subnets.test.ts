import test from 'ava';
import fc from 'fast-check';
import { cidr4, cidr4Overlaps, formatCidr4, ipv4FromNumber, maskTo } from '../../src/base/index.ts';
import type { Network } from '../../src/model/index.ts';
import { cutSubnet, findOverlap, parseSubnet } from '../../src/store/pool/subnets.ts';

function networkWith(...prefixes: readonly string[]): Network {
  return { subnets: prefixes.map((prefix) => ({ prefix })) } as unknown as Network;
}

const cuts: readonly {
  name: string;
  pools: readonly string[];
  bits: number;
  used: readonly string[];
  expected: string | undefined;
}[] = [
  { name: 'first', pools: ['10.0.0.0/8'], bits: 24, used: [], expected: '10.0.0.0/24' },
  {
    name: 'after one in use',
    pools: ['10.0.0.0/8'],
    bits: 24,
    used: ['10.0.0.0/24'],
    expected: '10.0.1.0/24',
  },
  {
    name: 'in a gap',
    pools: ['10.0.0.0/8'],
    bits: 24,
    used: ['10.0.2.0/24', '10.0.0.0/24'],
    expected: '10.0.1.0/24',
  },
  {
    name: 'behind a smaller one, aligned',
    pools: ['10.0.0.0/8'],
    bits: 16,
    used: ['10.0.3.0/30'],
    expected: '10.1.0.0/16',
  },
  {
    name: 'behind a larger one',
    pools: ['10.0.0.0/8'],
    bits: 24,
    used: ['10.0.0.0/9'],
    expected: '10.128.0.0/24',
  },
  {
    name: 'in the next pool',
    pools: ['10.1.0.0/24', '10.9.0.0/24'],
    bits: 24,
    used: ['10.1.0.0/25'],
    expected: '10.9.0.0/24',
  },
  {
    name: 'nowhere',
    pools: ['10.1.0.0/24'],
    bits: 24,
    used: ['10.1.0.128/25'],
    expected: undefined,
  },
  {
    name: 'up to the last address',
    pools: ['255.255.255.0/24'],
    bits: 25,
    used: ['255.255.255.0/25'],
    expected: '255.255.255.128/25',
  },
];

for (const { name, pools, bits, used, expected } of cuts) {
  test(`a subnet is cut ${name}`, (t) => {
    t.is(cutSubnet(pools, bits, [networkWith(...used)])?.prefix, expected);
  });
}

const prefix = fc
  .tuple(fc.nat(2 ** 16 - 1), fc.integer({ min: 17, max: 30 }))
  .map(([low, bits]) => {
    const base = maskTo(ipv4FromNumber(10 * 2 ** 24 + low), bits);
    return formatCidr4({ base, bits });
  });

test('what is cut overlaps nothing, and nothing lower would do', (t) => {
  const property = fc.property(
    fc.array(prefix, { maxLength: 40 }),
    fc.integer({ min: 20, max: 29 }),
    (used, bits) => {
      const networks = used.map((text) => networkWith(text));
      const cut = cutSubnet(['10.0.0.0/16'], bits, networks);
      const size = 2 ** (32 - bits);
      const isFree = (base: number): boolean => {
        const candidate = { base: ipv4FromNumber(base), bits };
        return !used.some((text) => cidr4Overlaps(cidr4(text), candidate));
      };
      let lowest = 10 * 2 ** 24;
      while (!isFree(lowest)) lowest += size;
      const isInside = lowest + size <= 10 * 2 ** 24 + 2 ** 16;
      const expected = isInside ? formatCidr4({ base: ipv4FromNumber(lowest), bits }) : undefined;
      return cut?.prefix === expected;
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: 500, seed: 11 }));
});

test('an overlap names the network and the subnet that are in the way', (t) => {
  const networks = [networkWith('10.1.0.0/24'), networkWith('10.2.0.0/24', '10.3.0.0/16')];
  const overlap = findOverlap(cidr4('10.3.7.0/24'), networks);
  t.is(overlap?.network, networks[1]);
  t.is(overlap?.subnet.prefix, '10.3.0.0/16');
  t.is(findOverlap(cidr4('10.4.0.0/24'), networks), undefined);
});

const described: readonly {
  config: { Subnet: string; Gateway?: string; IPRange?: string };
  expected: object;
}[] = [
  {
    config: { Subnet: '10.1.0.0/24' },
    expected: { subnet: { prefix: '10.1.0.0/24', gateway: '10.1.0.1' } },
  },
  {
    config: { Subnet: '10.1.0.0/30', Gateway: '10.1.0.2' },
    expected: { subnet: { prefix: '10.1.0.0/30', gateway: '10.1.0.2' } },
  },
  {
    config: { Subnet: '10.1.0.0/24', IPRange: '10.1.0.8/29' },
    expected: {
      subnet: { prefix: '10.1.0.0/24', gateway: '10.1.0.1', ipRange: '10.1.0.8/29' },
    },
  },
  {
    config: { Subnet: '10.1.0.0/24', IPRange: '10.1.0.0/32' },
    expected: {
      problem: 'ipam configuration: subnet 10.1.0.0/24 does not contain range 10.1.0.0/32',
    },
  },
  {
    config: { Subnet: '10.1.0.0/33' },
    expected: { problem: 'ipam configuration: invalid subnet 10.1.0.0/33' },
  },
  {
    config: { Subnet: '10.1.0.0/24', Gateway: 'x' },
    expected: { problem: 'ipam configuration: invalid gateway x' },
  },
  {
    config: { Subnet: '10.1.0.0/24', Gateway: '10.1.0.0' },
    expected: {
      problem: 'ipam configuration: subnet 10.1.0.0/24 does not contain gateway 10.1.0.0',
    },
  },
  {
    config: { Subnet: '10.1.0.0/24', IPRange: 'x' },
    expected: { problem: 'ipam configuration: invalid range x' },
  },
];

for (const { config, expected } of described) {
  test(`a subnet described as ${JSON.stringify(config)} is read`, (t) => {
    t.deepEqual(parseSubnet(config) as object, expected);
  });
}
