import test from 'ava';
import {
  HOST_NAMESPACE,
  diff,
  plan,
  type KernelObject,
  type NamespaceName,
  type NftTableObject,
} from '../../src/dataplane/index.ts';
import { localOf, overlayOf, port, sandboxOf, viewOf, type TestCluster } from './support/view.ts';

const CLUSTER: TestCluster = {
  vteps: ['192.0.2.1', '192.0.2.2'],
  networks: [
    { number: 0, isDual: true },
    { number: 1, isDual: true },
    { number: 2, isInternal: true },
  ],
  services: [{ number: 1, networks: [0, 1], ports: [port('ingress 8080 80 udp')] }],
  tasks: [
    { number: 1, service: 1, node: 1, networks: [0, 1], hostPorts: [port('host 9000 90')] },
    { number: 2, service: 1, node: 2, networks: [0, 1] },
    { number: 3, service: 2, node: 1, networks: [2] },
  ],
};

const planned = plan({ view: viewOf(CLUSTER, 1), local: localOf(CLUSTER, 1) });

function objectsOf(name: NamespaceName): readonly KernelObject[] {
  return planned.get(name) ?? [];
}

/** Everything of a kind, as one line each. */
function lines(name: NamespaceName, kind: KernelObject['kind']): string[] {
  return objectsOf(name)
    .filter((object) => object.kind === kind)
    .map((object) => JSON.stringify(object));
}

function tables(name: NamespaceName): string {
  const found = objectsOf(name).filter((object): object is NftTableObject => {
    return object.kind === 'nft-table';
  });
  return found
    .flatMap(({ sets, maps, chains }) => [
      ...sets.map((set) => `set ${set.name} ${set.type} ${set.elements.join(', ')}`),
      ...maps.map((map) => `map ${map.name} ${[...map.elements].join(', ')}`),
      ...chains.flatMap((chain) => chain.rules.map((rule) => `${chain.name}: ${rule}`)),
    ])
    .join('\n');
}

function sysctl(name: NamespaceName, path: string): string | undefined {
  const found = objectsOf(name).find((object) => object.kind === 'sysctl' && object.path === path);
  return found?.kind === 'sysctl' ? found.value : undefined;
}

test('an overlay knows its endpoints by both families, over one tunnel', (t) => {
  const overlay = overlayOf(1);
  const text = lines(overlay, 'neighbour').join('\n');
  for (const link of ['vx0', 'br0'])
    t.true(text.includes(`"link":"${link}","address":"fd99:1::12","mac":"02:42:0a:63:01:0c"`));
  t.true(text.includes('"link":"br0","address":"fd99:1::11"'));
  t.is(lines(overlay, 'fdb').length, 2, 'one row for each MAC');
  t.is(lines(overlay, 'link').filter((link) => link.includes('vxlan')).length, 1);
  const addresses = lines(overlay, 'address').join('\n');
  for (const address of ['10.99.1.1/24', 'fd99:1::1/64', '10.99.1.201/32', 'fd99:1::201/128'])
    t.true(addresses.includes(`"${address}"`), address);
  for (const link of ['vx0', 'br0']) {
    t.is(sysctl(overlay, `net/ipv6/conf/${link}/disable_ipv6`), '0');
    t.is(sysctl(overlay, `net/ipv6/conf/${link}/addr_gen_mode`), '1', 'no link-local address');
  }
});

test('a virtual IP of either family is translated to backends of its own', (t) => {
  const text = tables(overlayOf(1));
  t.regex(text, /map vips 10\.99\.1\.201,goto svc-/);
  t.regex(text, /map vips6 fd99:1::201,goto svc-/);
  t.regex(text, /map vip-slots4-\S+ 10\.99\.1\.201 \. 0,10\.99\.1\.11/);
  t.regex(text, /map vip-slots6-\S+ fd99:1::201 \. 0,fd99:1::11/);
  t.regex(text, /dnat ip6 to ip6 daddr \. numgen inc mod 2 map @vip-slots6-/);
  t.true(text.includes('set hairpin6 ipv6_addr . ipv6_addr fd99:1::11 . fd99:1::11'));
  t.true(text.includes('ip6 saddr fd99:1::/64 snat ip6 to fd99:1::1'));
  t.true(text.includes('ip6 saddr . ip6 daddr @vip_pairs6 meta pkttype set host'));
});

test('ingress passes frames of both families by the same marks', (t) => {
  t.is(sysctl(overlayOf(0), 'net/bridge/bridge-nf-call-ip6tables'), '1');
  t.is(sysctl(overlayOf(1), 'net/bridge/bridge-nf-call-ip6tables'), '0');
  const text = tables(overlayOf(0));
  t.regex(text, /map port-slots6-\S+ udp \. 8080 \. 0,fd99:0::11/);
  t.true(lines(overlayOf(0), 'route').some((line) => line.includes('"destination":"::/0"')));
});

test('the host sends published ports on, and brings ::1 back', (t) => {
  const text = tables(HOST_NAMESPACE);
  t.true(text.includes('@ingress_ports dnat ip6 to fdb4:6a57:e21c::ac12:2'));
  t.true(text.includes('map host_ports6 tcp . 9000,fdb4:6a57:e21c::ac12:b . 90'));
  t.true(text.includes('oifname != "hawser_gw" ip6 saddr fdb4:6a57:e21c::/64 masquerade'));
  t.true(text.includes('ct original ip6 saddr ::1 ip6 daddr set ::1'));
});

test('a host goes on to take what routers tell it, before it forwards', (t) => {
  const operations = diff([], objectsOf(HOST_NAMESPACE));
  const at = (path: string): number =>
    operations.findIndex(({ object }) => object.kind === 'sysctl' && object.path === path);
  t.true(at('net/ipv6/conf/eth0/accept_ra') >= 0);
  t.true(at('net/ipv6/conf/eth0/accept_ra') < at('net/ipv6/conf/all/forwarding'));
});

test('a task has an address, a way back through ingress and a way out, of both families', (t) => {
  const sandbox = sandboxOf(1);
  const routes = lines(sandbox, 'route').filter((line) => line.includes('"::/0"'));
  t.is(routes.length, 2);
  t.true(routes.some((line) => line.includes('"table":254') && line.includes('ac12:1')));
  t.true(routes.some((line) => line.includes('"table":100') && line.includes('fd99:0::1')));
  t.true(lines(sandbox, 'rule').some((line) => line.includes('"source":"fd99:0::11"')));
  t.is(sysctl(sandbox, 'net/ipv6/conf/eth1/disable_ipv6'), '0');
  t.is(sysctl(sandbox, 'net/ipv6/conf/eth1/accept_dad'), '0');
  t.true(tables(sandbox).includes('@ingress_peers6 ip6 saddr set fd99:0::11'));
});

test('a task on networks without IPv6 has none', (t) => {
  const sandbox = sandboxOf(3);
  t.is(sysctl(sandbox, 'net/ipv6/conf/eth0/disable_ipv6'), '1');
  t.false(objectsOf(sandbox).some((object) => JSON.stringify(object).includes('::')));
});

test('VTEPs of IPv6 cost twenty bytes more', (t) => {
  const over6 = { ...CLUSTER, vteps: ['fd00:18::1', 'fd00:18::2'] };
  const objects = plan({ view: viewOf(over6, 1), local: localOf(over6, 1) }).get(overlayOf(1));
  const device = objects?.find((object) => object.kind === 'link' && object.type === 'vxlan');
  t.like(device, { local: 'fd00:18::1', mtu: 1430 });
  t.true(
    objects?.some(
      (object) => object.kind === 'fdb' && 'vtep' in object && object.vtep === 'fd00:18::2',
    ),
  );
});
