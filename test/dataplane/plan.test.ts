import test from 'ava';
import fc from 'fast-check';
import { SeededRng, shuffle } from '../../src/base/index.ts';
import {
  HOST_NAMESPACE,
  Planner,
  diff,
  objectKey,
  plan,
  pruneNamespaces,
  type KernelObject,
  type NamespaceName,
  type NftTableObject,
  type Plan,
  type PlanInput,
} from '../../src/dataplane/index.ts';
import type { NodeView } from '../../src/model/index.ts';
import {
  localOf,
  overlayOf,
  port,
  sandboxOf,
  serviceId,
  taskId,
  viewOf,
  type TestCluster,
  type TestTask,
} from './support/view.ts';

const CLUSTER: TestCluster = {
  vteps: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  networks: [{ number: 0 }, { number: 1 }, { number: 2, isInternal: true, mtu: 1400 }],
  services: [
    { number: 1, networks: [0, 1], ports: [port('ingress 8080 80'), port('ingress 5353 53 udp')] },
    { number: 2, networks: [2] },
  ],
  tasks: [
    { number: 1, service: 1, node: 1, networks: [0, 1], resolverPorts: { udp: 40001, tcp: 40002 } },
    { number: 2, service: 1, node: 2, networks: [0, 1] },
    { number: 3, service: 2, node: 1, networks: [2], hostPorts: [port('host 9000 90')] },
    { number: 4, service: 2, node: 1, networks: [2] },
  ],
};

function inputOf(cluster: TestCluster, node = 1): PlanInput {
  return { view: viewOf(cluster, node), local: localOf(cluster, node) };
}

function find<Kind extends KernelObject['kind']>(
  planned: Plan,
  namespace: NamespaceName,
  kind: Kind,
): Extract<KernelObject, { kind: Kind }>[] {
  const objects = planned.get(namespace) ?? [];
  return objects.filter((object) => object.kind === kind) as never;
}

/** The table as a person would write it: the golden form of these tests. */
function text(table: NftTableObject | undefined): string {
  if (table === undefined) return '';
  const chains = table.chains.map(({ name, base, rules }) => {
    const hook = base === undefined ? '' : ` # ${base.type} ${base.hook} ${base.priority}`;
    return [`chain ${name}${hook}`, ...rules.map((rule) => `  ${rule}`)].join('\n');
  });
  const elements = [
    ...table.sets.map((set) => `set ${set.name} { ${set.elements.join(', ')} }`),
    ...table.maps.map(({ name, elements: pairs }) => {
      const texts = [...pairs].map(([key, value]) => `${key} : ${value}`);
      return `map ${name} { ${texts.join(', ')} }`;
    }),
  ];
  return [`table ${table.family} ${table.name}`, ...elements, ...chains].join('\n');
}

function tableOf(planned: Plan, namespace: NamespaceName, family = 'inet'): string {
  return text(find(planned, namespace, 'nft-table').find((table) => table.family === family));
}

test('an overlay translates its VIPs where frames enter', (t) => {
  const planned = plan(inputOf(CLUSTER));
  t.is(
    tableOf(planned, overlayOf(1)),
    `table inet hawser
set hairpin { 10.99.1.11 . 10.99.1.11 }
map vips { 10.99.1.201 : goto svc-${serviceId(1)} }
chain svc-${serviceId(1)}
  dnat ip to numgen inc mod 2 map { 0 : 10.99.1.11, 1 : 10.99.1.12 }
chain prerouting # nat prerouting -100
  meta l4proto { tcp, udp, sctp } ip daddr vmap @vips
chain postrouting # nat postrouting 100
  ip saddr . ip daddr @hairpin ct status dnat ip saddr 10.99.1.0/24 snat ip to 10.99.1.1
chain translated # filter postrouting 110
  ct direction original ct status dnat meta mark set 1`,
  );
  t.is(
    tableOf(planned, overlayOf(1), 'bridge'),
    `table bridge hawser
set vip_pairs {  }
chain replies # filter prerouting -300
  ip saddr . ip daddr @vip_pairs meta pkttype set host ether daddr set 02:48:57:00:00:01
chain pairs # filter output 0
  meta mark 1 update @vip_pairs { ip daddr . ip saddr } meta mark set 0`,
  );
});

test('the ingress namespace balances by port and sends replies home by MAC', (t) => {
  const planned = plan(inputOf(CLUSTER));
  t.is(
    tableOf(planned, overlayOf(0)),
    `table inet hawser
map ports { tcp . 8080 : goto svc-tcp-8080, udp . 5353 : goto svc-udp-5353 }
map nodes { 02:48:57:00:00:02 : 2, 02:48:57:00:00:03 : 3 }
chain svc-tcp-8080
  meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.99.0.11 . 80, 1 : 10.99.0.12 . 80 }
chain svc-udp-5353
  meta l4proto udp dnat ip to numgen inc mod 2 map { 0 : 10.99.0.11 . 53, 1 : 10.99.0.12 . 53 }
chain marks # filter prerouting -150
  iifname "br0" ct direction original ct mark set ether saddr map @nodes
  iifname "br0" ct direction reply ct mark != 0 meta mark set ct mark
chain prerouting # nat prerouting -100
  iifname "gw0" meta l4proto . th dport vmap @ports
chain forward # filter forward 0
  iifname "gw0" ct state established,related accept
  iifname "gw0" ct status dnat accept
  iifname "gw0" drop
  oifname "gw0" ct direction original drop`,
  );
  t.is(
    tableOf(planned, overlayOf(0), 'bridge'),
    `table bridge hawser
map nodes { 2 : 02:48:57:00:00:02, 3 : 02:48:57:00:00:03 }
chain prerouting # filter prerouting 10
  meta mark != 0 ether daddr set meta mark map @nodes meta mark set 0`,
  );
});

test('a sandbox redirects names and guards its ingress interface', (t) => {
  const planned = plan(inputOf(CLUSTER));
  t.is(
    tableOf(planned, sandboxOf(1)),
    `table inet hawser
set ingress_targets { tcp . 80, udp . 53 }
set ingress_peers {  }
chain resolver # filter ingress 0
  ip daddr 127.0.0.11 udp dport 53 udp dport set 40001
  ip saddr 127.0.0.11 udp sport 40001 udp sport set 53
  ip daddr 127.0.0.11 tcp dport 53 tcp dport set 40002
  ip saddr 127.0.0.11 tcp sport 40002 tcp sport set 53
chain ingress_peers # filter prerouting -300
  iifname "eth0" udp dport { 53 } update @ingress_peers { ip saddr . udp sport . udp dport }
chain ingress_replies # route output -300
  ip daddr . udp dport . udp sport @ingress_peers ip saddr set 10.99.0.11
chain ingress_input # filter input 0
  iifname "eth0" meta l4proto { tcp, udp, sctp } meta l4proto . th dport != @ingress_targets drop
chain ingress_output # filter postrouting 0
  oifname "eth0" meta l4proto { tcp, udp, sctp } meta l4proto . th sport != @ingress_targets drop`,
  );
  t.is(tableOf(planned, sandboxOf(4)), '');
});

test('the host joins published ports with the ingress namespace and with tasks', (t) => {
  const planned = plan(inputOf(CLUSTER));
  const [inet = '', ...chains] = tableOf(planned, HOST_NAMESPACE).split('\nchain ');
  t.is(
    inet,
    `table inet hawser
set ingress_ports { tcp . 8080, udp . 5353 }
set local_ports { tcp . 8080, udp . 5353, tcp . 9000 }
set no_egress { 172.18.0.13 }
map host_ports { tcp . 9000 : 172.18.0.13 . 90 }`,
  );
  t.deepEqual(
    chains.map((chain) => chain.split('\n')[0]),
    [
      'tunnel_in # filter prerouting -300',
      'tunnel_out # filter output -300',
      'published',
      'prerouting # nat prerouting -100',
      'output # nat output -100',
      'loopback_out # filter output -150',
      'loopback_routing # filter prerouting -90',
      'loopback_in # filter input 110',
      'postrouting # nat postrouting 100',
      'forward # filter forward 0',
    ],
  );
  t.is(
    tableOf(planned, HOST_NAMESPACE, 'bridge'),
    `table bridge hawser
chain prerouting # filter prerouting -300
  iifname "hawser*" ether daddr 02:42:ac:12:00:01 accept
  iifname "hawser*" arp daddr ip 172.18.0.1 accept
  iifname "hawser*" drop`,
  );
});

test('interfaces of a sandbox: networks in order, the gateway last, if it has a use', (t) => {
  const planned = plan(inputOf(CLUSTER));
  const legs = (task: number): unknown[] =>
    find(planned, sandboxOf(task), 'address').map(({ link, address }) => `${link} ${address}`);
  t.deepEqual(legs(1), ['eth0 10.99.0.11/24', 'eth1 10.99.1.11/24', 'eth2 172.18.0.11/16']);
  t.deepEqual(legs(3), ['eth0 10.99.2.13/24', 'eth1 172.18.0.13/16']);
  t.deepEqual(legs(4), ['eth0 10.99.2.14/24']);
  const routes = (task: number): unknown[] =>
    find(planned, sandboxOf(task), 'route').map(({ table, via, link }) => [table, via, link]);
  t.deepEqual(routes(1), [
    [100, '10.99.0.1', 'eth0'],
    [254, '172.18.0.1', 'eth2'],
  ]);
  // Internal networks only: the gateway is for what it publishes, not a way out.
  t.deepEqual(routes(3), [[101, '172.18.0.1', 'eth1']]);
  t.deepEqual(routes(4), []);
});

test('MTU is what the underlay leaves', (t) => {
  const planned = plan(inputOf(CLUSTER));
  const mtu = (namespace: NamespaceName, name: string): number | undefined =>
    find(planned, namespace, 'link').find((link) => link.name === name)?.mtu;
  for (const [network, task, expected] of [
    [1, 1, 1450],
    [2, 3, 1350],
  ] as const) {
    for (const name of ['br0', 'vx0', `v${taskId(task).slice(0, 12)}`])
      t.is(mtu(overlayOf(network), name), expected);
    t.is(mtu(sandboxOf(task), network === 1 ? 'eth1' : 'eth0'), expected);
  }
});

test('a task without networks has only the gateway', (t) => {
  const tasks = [{ number: 1, service: 2, node: 1, networks: [] }];
  const planned = plan(inputOf({ ...CLUSTER, services: [], tasks }));
  t.deepEqual(
    find(planned, sandboxOf(1), 'link').map((link) => link.name),
    ['eth0'],
  );
  t.is(find(planned, sandboxOf(1), 'route').length, 1);
});

test('remote endpoints are rows, three each, and do not move what is local', (t) => {
  const planned = plan(inputOf(CLUSTER));
  t.deepEqual(
    find(planned, overlayOf(1), 'fdb').map((row) => [
      row.link,
      row.mac,
      row.owner === 'self' ? row.vtep : 'local',
    ]),
    [
      [`v${taskId(1).slice(0, 12)}`, '02:42:0a:63:01:0b', 'local'],
      ['vx0', '02:42:0a:63:01:0c', '192.0.2.2'],
    ],
  );
  t.deepEqual(
    find(planned, overlayOf(1), 'neighbour').map(({ link, address, mac }) => [link, address, mac]),
    [
      ['br0', '10.99.1.11', '02:42:0a:63:01:0b'],
      ['vx0', '10.99.1.12', '02:42:0a:63:01:0c'],
      ['br0', '10.99.1.12', '02:42:0a:63:01:0c'],
    ],
  );
});

test('an overlay is where it has an endpoint; ingress is everywhere', (t) => {
  const overlays = (node: number): string[] =>
    [...plan(inputOf(CLUSTER, node)).keys()].filter((name) => name.startsWith('n-')).sort();
  t.deepEqual(overlays(1), [overlayOf(0), overlayOf(1), overlayOf(2)]);
  t.deepEqual(overlays(2), [overlayOf(0), overlayOf(1)]);
  t.deepEqual(overlays(3), [overlayOf(0)]);
});

test('a service without a serving task is refused, not black-holed', (t) => {
  const tasks = CLUSTER.tasks.map((task): TestTask => ({ ...task, isServing: false }));
  const planned = plan(inputOf({ ...CLUSTER, tasks }));
  t.notRegex(tableOf(planned, overlayOf(1)), /vmap|svc-/);
  t.notRegex(tableOf(planned, overlayOf(0)), /vmap|svc-/);
  // The VIP's address stays: it answers ARP and ping, and what is sent to it is refused there.
  const vips = find(planned, overlayOf(1), 'address').filter((row) => row.address.endsWith('/32'));
  t.deepEqual(
    vips.map((row) => row.address),
    ['10.99.1.201/32'],
  );
  t.regex(tableOf(planned, HOST_NAMESPACE), /ingress_ports \{ tcp \. 8080/);
});

test('settings of the service itself are left to it', (t) => {
  const [first, ...others] = CLUSTER.tasks;
  const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '1024' };
  const tasks = first === undefined ? [] : [{ ...first, sysctls }, ...others];
  const planned = plan(inputOf({ ...CLUSTER, tasks }));
  const paths = find(planned, sandboxOf(1), 'sysctl').map((object) => object.path);
  t.false(paths.includes('net/ipv4/ip_unprivileged_port_start'));
  t.true(paths.includes('net/ipv4/ping_group_range'));
});

test('a node that nothing runs on and nothing is published in has nothing', (t) => {
  const idle = { ...CLUSTER, networks: [], services: [], tasks: [] };
  t.deepEqual([...plan(inputOf(idle))], [[HOST_NAMESPACE, []]]);
});

test('a sandbox whose task is not assigned keeps its namespace and nothing in it', (t) => {
  const { view, local } = inputOf(CLUSTER);
  const planned = plan({ view: { ...view, assignments: new Map() }, local });
  t.deepEqual(planned.get(sandboxOf(1)), []);
});

test('namespaces beside the plan are to go, if they are of a kind that plans make', (t) => {
  const planned = plan(inputOf(CLUSTER));
  const existing = ['n-old', 't-old', 'other', overlayOf(0), sandboxOf(1)];
  t.deepEqual(pruneNamespaces(existing, planned), ['n-old', 't-old']);
});

test('keys are unique in every namespace', (t) => {
  for (const node of [1, 2, 3])
    for (const [name, objects] of plan(inputOf(CLUSTER, node))) {
      const keys = objects.map(objectKey);
      t.is(new Set(keys).size, keys.length, name);
    }
});

function shuffled(view: NodeView, seed: number): NodeView {
  const rng = new SeededRng(seed);
  const mix = <Key, Row>(rows: ReadonlyMap<Key, Row>): Map<Key, Row> =>
    new Map(shuffle([...rows], rng));
  return {
    ...view,
    peers: mix(view.peers),
    networks: mix(view.networks),
    services: mix(view.services),
    endpoints: mix(view.endpoints),
    assignments: mix(view.assignments),
  };
}

const anyTasks = fc.uniqueArray(
  fc.record({
    number: fc.integer({ min: 1, max: 40 }),
    service: fc.constantFrom(1, 2),
    node: fc.constantFrom(1, 2, 3),
    networks: fc.subarray([0, 1, 2]),
    isServing: fc.boolean(),
  }),
  { selector: (task) => task.number },
);

test('a plan does not depend on the order of rows, nor on what was planned before', (t) => {
  fc.assert(
    fc.property(anyTasks, anyTasks, fc.integer(), (before, tasks, seed) => {
      const planner = new Planner();
      planner.plan(inputOf({ ...CLUSTER, tasks: before }));
      const { view, local } = inputOf({ ...CLUSTER, tasks });
      const fresh = plan({ view, local });
      const next = planner.plan({ view: shuffled(view, seed), local });
      t.deepEqual([...next.keys()].sort(), [...fresh.keys()].sort());
      for (const [name, objects] of fresh) {
        t.deepEqual(diff(next.get(name) ?? [], objects), []);
        t.is(next.get(name)?.length, objects.length);
      }
    }),
    { numRuns: 100 },
  );
});

test('what did not change is the same object', (t) => {
  const planner = new Planner();
  const { view, local } = inputOf(CLUSTER);
  const one = planner.plan({ view, local });
  const two = planner.plan({ view, local });
  const isRow = ({ kind }: KernelObject): boolean => kind === 'fdb' || kind === 'neighbour';
  const remote = (planned: Plan): KernelObject[] =>
    (planned.get(overlayOf(1)) ?? []).filter(
      (object) => isRow(object) && 'link' in object && object.link === 'vx0',
    );
  t.is(remote(one).length, 2);
  for (const [at, object] of remote(one).entries()) t.true(object === remote(two)[at]);
});
