import fc from 'fast-check';
import test from 'ava';
import type { Mac } from '../../src/base/index.ts';
import {
  diff,
  linkOf,
  nftRuleKey,
  objectKey,
  type KernelObject,
  type LinkObject,
  type NftTableObject,
  type Operation,
} from '../../src/dataplane/index.ts';
import type { Vni } from '../../src/model/index.ts';

const bridge: LinkObject = { kind: 'link', type: 'bridge', name: 'br0', isUp: true };
const dummy: LinkObject = { kind: 'link', type: 'dummy', name: 'd0', isUp: true, master: 'br0' };
const mac = '02:42:0a:00:00:05' as Mac;

function vxlan(vni: number): LinkObject {
  return {
    kind: 'link',
    type: 'vxlan',
    name: 'vx0',
    vni: vni as Vni,
    udpPort: 4789,
    local: '192.0.2.1',
    isUp: true,
    master: 'br0',
  };
}

function fdb(vtep: string): KernelObject {
  return { kind: 'fdb', link: 'vx0', mac, owner: 'self', vtep };
}

function table(rules: readonly string[], elements: readonly string[] = []): NftTableObject {
  return {
    kind: 'nft-table',
    family: 'inet',
    name: 'hawser',
    sets: [{ name: 's', type: 'ipv4_addr', elements }],
    maps: [],
    chains: [{ name: 'c', rules }],
  };
}

/** `put kind/…`, `delete kind/…`: what a table of expectations can say. */
function words(operations: readonly Operation[]): string[] {
  return operations.map(({ action, object }) => `${action} ${objectKey(object)}`);
}

test('operations are the differences, in an order that holds', (t) => {
  const address: KernelObject = { kind: 'address', link: 'br0', address: '10.0.0.1/24' };
  const route: KernelObject = {
    kind: 'route',
    destination: '0.0.0.0/0',
    table: 254,
    link: 'br0',
    via: '10.0.0.254',
    isOnlink: false,
  };
  const general: KernelObject = { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '1' };
  const ofLink: KernelObject = { kind: 'sysctl', path: 'net/ipv4/conf/br0/rp_filter', value: '0' };
  const wanted = [route, address, ofLink, dummy, table(['accept']), bridge, general];
  const cases = [
    { name: 'nothing to do', observed: wanted, desired: wanted, expected: [] },
    {
      name: 'from nothing, what others stand on comes first',
      observed: [],
      desired: wanted,
      expected: [
        'put sysctl/net/ipv4/ip_forward',
        'put nft-table/inet/hawser',
        'put link/br0',
        'put link/d0',
        'put sysctl/net/ipv4/conf/br0/rp_filter',
        'put address/br0/10.0.0.1/24',
        'put route/254/0.0.0.0/0',
      ],
    },
    {
      name: 'to nothing, a link takes what is on it along',
      observed: wanted,
      desired: [],
      expected: ['delete link/d0', 'delete link/br0', 'delete nft-table/inet/hawser'],
    },
    {
      name: 'a link made anew gets everything again',
      observed: [bridge, vxlan(4096), fdb('192.0.2.2')],
      desired: [bridge, vxlan(4097), fdb('192.0.2.2')],
      expected: ['delete link/vx0', 'put link/vx0', `put fdb/vx0/${mac}/self`],
    },
    {
      name: 'a link that was gone gets everything again, whatever was read of it',
      observed: [fdb('192.0.2.2')],
      desired: [bridge, vxlan(4097), fdb('192.0.2.2')],
      expected: ['put link/br0', 'put link/vx0', `put fdb/vx0/${mac}/self`],
    },
    {
      name: 'a link that changes keeps what is on it',
      observed: [bridge, vxlan(4096), fdb('192.0.2.2')],
      desired: [bridge, { ...vxlan(4096), mtu: 1400 }, fdb('192.0.2.3')],
      expected: ['put link/vx0', `put fdb/vx0/${mac}/self`],
    },
    {
      name: 'what is left open is not compared; a master that is not wanted is',
      observed: [{ ...dummy, mac, mtu: 1500 }, bridge],
      desired: [{ kind: 'link', type: 'dummy', name: 'd0', isUp: true }, bridge],
      expected: ['put link/d0'],
    },
    {
      name: 'settings have no absence and the loopback device stays',
      observed: [general, { kind: 'link', type: 'loopback', name: 'lo', isUp: true }],
      desired: [],
      expected: [],
    },
    {
      name: 'spaces in a setting are as good as others',
      observed: [{ kind: 'sysctl', path: 'net/ipv4/ping_group_range', value: '0\t5' }],
      desired: [{ kind: 'sysctl', path: 'net/ipv4/ping_group_range', value: '0 5' }],
      expected: [],
    },
  ] as const;
  for (const { name, observed, desired, expected } of cases)
    t.deepEqual(words(diff(observed, desired)), [...expected], name);
});

test('a table read back is known by digests and by sets', (t) => {
  const wanted = table(['accept', 'drop'], ['10.0.0.1', '10.0.0.2']);
  const read = table(wanted.chains[0]?.rules.map(nftRuleKey) ?? [], ['10.0.0.2', '10.0.0.1']);
  t.deepEqual(diff([read], [wanted]), []);
  const others = [
    table([...(read.chains[0]?.rules ?? [])].reverse(), ['10.0.0.2', '10.0.0.1']),
    table(['#foreign'], ['10.0.0.2', '10.0.0.1']),
    table(read.chains[0]?.rules ?? [], ['10.0.0.2']),
    { ...read, maps: [{ name: 'm', type: 'mark : mark', elements: new Map() }] },
    { ...read, chains: [] },
  ];
  for (const other of others) t.is(diff([other], [wanted]).length, 1);
});

test('what packets put into a dynamic set is not compared', (t) => {
  const dynamic = { timeoutSeconds: 5, sizeMax: 10 };
  const set = { name: 's', type: 'ipv4_addr', dynamic };
  const wanted = { ...table([]), sets: [{ ...set, elements: [] }] };
  const read = { ...table([]), sets: [{ ...set, elements: ['10.0.0.1'] }] };
  t.deepEqual(diff([read], [wanted]), []);
  const small = { ...set, dynamic: { ...dynamic, sizeMax: 9 }, elements: [] };
  t.is(diff([{ ...read, sets: [small] }], [wanted]).length, 1);
});

/** A dumber kernel: a list, and links that take along what stands on them. */
function applyTo(held: readonly KernelObject[], operations: readonly Operation[]): KernelObject[] {
  let objects = [...held];
  for (const { action, object } of operations) {
    const key = objectKey(object);
    const was = objects.find((other) => objectKey(other) === key);
    const isNewLink = object.kind === 'link' && (was === undefined || action === 'delete');
    objects = objects.filter(
      (other) => objectKey(other) !== key && !(isNewLink && linkOf(other) === object.name),
    );
    if (action === 'put') {
      const link = object.kind === 'link' ? undefined : linkOf(object);
      if (link !== undefined && !objects.some((other) => objectKey(other) === `link/${link}`))
        throw new Error(`${key} before its link`);
      objects.push(object);
    }
  }
  return objects;
}

const names = fc.constantFrom('a', 'b', 'c');
const anyLink = fc.record({ name: names, isUp: fc.boolean(), vni: fc.integer({ min: 1, max: 2 }) });
const anyObjects: fc.Arbitrary<KernelObject[]> = fc
  .record({
    links: fc.uniqueArray(anyLink, { selector: (link) => link.name }),
    rows: fc.array(fc.tuple(names, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))),
    rules: fc.array(fc.constantFrom('accept', 'drop', 'return')),
    sysctls: fc.dictionary(names, fc.constantFrom('0', '1')),
  })
  .map(({ links, rows, rules, sysctls }) => {
    const objects: KernelObject[] = links.map(({ name, isUp, vni }) => ({
      ...vxlan(vni),
      name,
      isUp,
    }));
    for (const [link, host, value] of rows) {
      if (!links.some(({ name }) => name === link)) continue;
      objects.push(
        { kind: 'address', link, address: `10.0.0.${host}/24` },
        {
          kind: 'neighbour',
          link,
          address: `10.0.0.${host}`,
          mac: `02:00:00:00:00:0${value}` as Mac,
        },
        { kind: 'fdb', link, mac, owner: 'self', vtep: `192.0.2.${value}` },
      );
    }
    if (rules.length > 0) objects.push(table(rules));
    for (const [link, value] of Object.entries(sysctls))
      if (links.some(({ name }) => name === link))
        objects.push({ kind: 'sysctl', path: `net/ipv4/conf/${link}/rp_filter`, value });
    return [...new Map(objects.map((object) => [objectKey(object), object])).values()];
  });

test('what the differences lead to has no differences', (t) => {
  fc.assert(
    fc.property(anyObjects, anyObjects, (observed, desired) => {
      const operations = diff(observed, desired);
      const reached = applyTo(observed, operations);
      t.deepEqual(words(diff(reached, desired)), []);
      const isWanted = new Set(desired.map(objectKey));
      const left = reached.filter((object) => !isWanted.has(objectKey(object)));
      t.true(left.every((object) => object.kind === 'sysctl'));
      t.deepEqual(words(diff(desired, desired)), []);
    }),
    { numRuns: 500 },
  );
});
