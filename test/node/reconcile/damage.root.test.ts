/**
 * Somebody else's damage, kind by kind, on the real kernel and with the ecosystem's own tools: it
 * is repaired, counted under its kind, and told with what was found.
 */
import { rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  overlayOf,
  port,
  sandboxOf,
  taskId,
  type TestCluster,
} from '../../dataplane/support/view.ts';
import { TwoNodes, VTEPS } from './support/scene.ts';

const CLUSTER: TestCluster = {
  vteps: VTEPS,
  vni: 10_000_000 + (process.pid % 10_000) * 100,
  networks: [{ number: 0 }, { number: 1 }],
  services: [{ number: 1, networks: [0, 1], ports: [port('ingress 8080 80')] }],
  tasks: [
    { number: 1, service: 1, node: 1, networks: [0, 1], resolverPorts: { udp: 5301, tcp: 5302 } },
    { number: 2, service: 1, node: 2, networks: [0, 1] },
  ],
};
const HOST = '';
const OVERLAY = overlayOf(1);
const INGRESS = overlayOf(0);
const SANDBOX = sandboxOf(1);
/** The overlay's end of the task's link. */
const PORT = `v${taskId(1).slice(0, 12)}`;
const LOCAL_MAC = '02:42:0a:63:01:0b';
const REMOTE_MAC = '02:42:0a:63:01:0c';
const REMOTE = '10.99.1.12';
const DEADLINE_MS = 15_000;

interface Damage {
  readonly name: string;
  readonly where: string;
  /** Shell command, run in the namespace. */
  readonly damage: string;
  /** Prints the same before the damage and after the repair. */
  readonly look: string;
  readonly kind: string;
  readonly told: RegExp;
}

const FDB = `bridge fdb show dev vx0 | grep -v '^33:33\\|^01:00\\|master br0 permanent' | sort`;
const NEIGHBOURS = 'ip neigh show nud permanent | sort';
const ADDRESSES = `ip -o -4 addr | awk '{print $2,$4}' | sort`;
const ROUTES = 'ip route show table all type unicast | grep -v "proto kernel" | sort';
/** Everything but numbers that a new link has anew. */
const LINKS =
  "ip -o link | sed -E 's/^[0-9]+: //; s/@[^:]*//; s/link-netns.*//; s/state.*mode/mode/; " +
  "s/,?NO-CARRIER//; s/ether [0-9a-f:]+//' | sort";
const PORTS = 'bridge -d link show | grep -v "^[0-9]" | sort; ip -o link | grep -c master';
/** Of the first map that has one. */
const DELETE_ELEMENT =
  "nft list maps | tr -d '\\n\\t' | sed 's/}.*//; s/.*map //; " +
  "s/ {.*elements = { / { /; s/ :.*/ }/' | " +
  'xargs -I% nft delete element inet hawser %';
const TABLES = 'nft list ruleset';

const DAMAGES: readonly Damage[] = [
  {
    name: 'a forwarding row is deleted',
    where: OVERLAY,
    look: FDB,
    kind: 'fdb',
    damage: `bridge fdb del ${REMOTE_MAC} dev vx0`,
    told: /fdb\/vx0\/.*self is gone/,
  },
  {
    name: 'a forwarding row names another node',
    where: OVERLAY,
    look: FDB,
    kind: 'fdb',
    damage: `bridge fdb replace ${REMOTE_MAC} dev vx0 dst 198.18.0.77`,
    told: /vtep 198.18.0.77 instead of 198.18.0.2/,
  },
  {
    name: 'a forwarding row becomes one that ages',
    where: OVERLAY,
    look: FDB,
    kind: 'fdb',
    damage: `bridge fdb replace ${REMOTE_MAC} dev vx0 dst 198.18.0.2 dynamic`,
    told: /is gone/,
  },
  {
    name: 'a forwarding row is added',
    where: OVERLAY,
    look: FDB,
    kind: 'fdb',
    damage: 'bridge fdb add 02:00:00:00:00:99 dev vx0 dst 198.18.0.2',
    told: /02:00:00:00:00:99.*should not be there/,
  },
  {
    name: "a port's forwarding row is deleted",
    where: OVERLAY,
    kind: 'fdb',
    look: `bridge fdb show dev ${PORT} | grep ${LOCAL_MAC}`,
    damage: `bridge fdb del ${LOCAL_MAC} dev ${PORT} master`,
    told: /master is gone/,
  },
  {
    name: 'a neighbour is deleted',
    where: OVERLAY,
    look: NEIGHBOURS,
    kind: 'neighbour',
    damage: `ip neigh del ${REMOTE} dev vx0`,
    told: /neighbour\/vx0\/10.99.1.12 is gone/,
  },
  {
    name: 'a neighbour has another MAC',
    where: OVERLAY,
    look: NEIGHBOURS,
    kind: 'neighbour',
    damage: `ip neigh replace ${REMOTE} lladdr 02:00:00:00:00:99 dev br0 nud permanent`,
    told: /mac 02:00:00:00:00:99 instead of/,
  },
  {
    name: 'a neighbour becomes one that ages',
    where: OVERLAY,
    look: NEIGHBOURS,
    kind: 'neighbour',
    damage: `ip neigh replace ${REMOTE} lladdr ${REMOTE_MAC} dev br0 nud reachable`,
    told: /neighbour\/br0\/10.99.1.12 is gone/,
  },
  {
    name: 'neighbours are flushed',
    where: OVERLAY,
    look: NEIGHBOURS,
    kind: 'neighbour',
    damage: 'ip neigh flush nud permanent',
    told: /neighbour\/.* is gone/,
  },
  {
    name: "the bridge's address is deleted",
    where: OVERLAY,
    look: ADDRESSES,
    kind: 'address',
    damage: 'ip addr del 10.99.1.1/24 dev br0',
    told: /10.99.1.1\/24 is gone/,
  },
  {
    name: "a task's address is flushed",
    where: SANDBOX,
    look: `${ADDRESSES}; ${ROUTES}`,
    damage: 'ip addr flush dev eth1',
    kind: 'address',
    told: /address\/eth1\/.* is gone/,
  },
  {
    name: 'an address is added',
    where: OVERLAY,
    look: ADDRESSES,
    kind: 'address',
    damage: 'ip addr add 10.99.1.99/24 dev br0',
    told: /10.99.1.99\/24 should not be there/,
  },
  {
    name: 'a route is deleted',
    where: SANDBOX,
    look: ROUTES,
    kind: 'route',
    damage: 'ip route del default',
    told: /route\/254\/0.0.0.0\/0 is gone/,
  },
  {
    name: 'a route leads elsewhere',
    where: SANDBOX,
    look: ROUTES,
    kind: 'route',
    damage: 'ip route replace default via 172.18.0.9 dev eth2 onlink',
    told: /via 172.18.0.9 instead of 172.18.0.1/,
  },
  {
    name: 'routes are flushed',
    where: SANDBOX,
    look: ROUTES,
    kind: 'route',
    damage: 'ip route flush table 100',
    told: /route\/100\/.* is gone/,
  },
  {
    name: 'the routes of the kernel itself are flushed',
    where: SANDBOX,
    look: 'ip route',
    kind: 'address',
    damage: 'ip route flush table main',
    told: /address\/eth1\/10.99.1.11.* is gone/,
  },
  {
    name: 'a rule is deleted',
    where: SANDBOX,
    look: 'ip rule',
    kind: 'rule',
    damage: 'ip rule del $(ip rule | grep -v "local\\|main\\|default" | head -1 | cut -d: -f2-)',
    told: /rule\/.* is gone/,
  },
  {
    name: 'a rule is added',
    where: SANDBOX,
    look: 'ip rule',
    kind: 'rule',
    damage: 'ip rule add from 10.1.2.3 table 77',
    told: /rule\/.*10.1.2.3.* should not be there/,
  },
  {
    name: "the host's ruleset is flushed",
    where: HOST,
    look: TABLES,
    kind: 'nft-table',
    damage: 'nft flush ruleset',
    told: /nft-table\/inet\/hawser is gone/,
  },
  {
    name: "an overlay's ruleset is flushed",
    where: OVERLAY,
    look: TABLES,
    kind: 'nft-table',
    damage: 'nft flush ruleset',
    told: /nft-table\/.*\/hawser is gone/,
  },
  {
    name: "a task's ruleset is flushed",
    where: SANDBOX,
    look: TABLES,
    kind: 'nft-table',
    damage: 'nft flush ruleset',
    told: /nft-table\/.*\/hawser is gone/,
  },
  {
    name: 'a chain is emptied',
    where: HOST,
    look: TABLES,
    kind: 'nft-table',
    damage: 'nft flush chain inet hawser forward',
    told: /chain forward has lost \d of \d rules/,
  },
  {
    name: 'one rule is deleted',
    where: HOST,
    look: TABLES,
    kind: 'nft-table',
    damage:
      'nft delete rule inet hawser forward handle $(nft -a list chain inet hawser forward | ' +
      "awk '/handle/ && /drop/ {print $NF; exit}')",
    told: /chain forward has lost 1 of/,
  },
  {
    name: 'one rule is added',
    where: HOST,
    look: TABLES,
    kind: 'nft-table',
    damage: 'nft insert rule inet hawser forward drop',
    told: /forward has 1 rules of others/,
  },
  {
    name: 'one element of a map is deleted',
    where: OVERLAY,
    look: TABLES,
    kind: 'nft-table',
    damage: DELETE_ELEMENT,
    told: /map \S+ has lost \{/,
  },
  {
    name: 'a chain is added',
    where: OVERLAY,
    look: TABLES,
    kind: 'nft-table',
    damage: 'nft add chain inet hawser intruder',
    told: /chain intruder should not be there/,
  },
  {
    name: 'the bridge is down',
    where: OVERLAY,
    look: `${LINKS}; ${ROUTES}`,
    kind: 'link',
    damage: 'ip link set br0 down',
    told: /link\/br0: isUp false instead of true/,
  },
  {
    name: 'the tunnel is down',
    where: OVERLAY,
    look: `${LINKS}; ${FDB}; ${NEIGHBOURS}`,
    damage: 'ip link set vx0 down',
    kind: 'link',
    told: /link\/vx0: isUp false/,
  },
  {
    name: "a task's link is down",
    where: SANDBOX,
    look: `${LINKS}; ${ROUTES}`,
    kind: 'link',
    damage: 'ip link set eth1 down',
    told: /link\/eth1: isUp false/,
  },
  {
    name: 'the gateway is down',
    where: HOST,
    look: LINKS,
    kind: 'link',
    damage: 'ip link set hawser_gw down',
    told: /link\/hawser_gw: isUp false/,
  },
  {
    name: 'the bridge is deleted',
    where: OVERLAY,
    kind: 'link',
    damage: 'ip link del br0',
    look: `${LINKS}; ${ADDRESSES}; ${NEIGHBOURS}; ${FDB}; ${PORTS}`,
    told: /link\/br0 is gone/,
  },
  {
    name: 'the tunnel is deleted',
    where: OVERLAY,
    kind: 'link',
    damage: 'ip link del vx0',
    look: `${LINKS}; ${NEIGHBOURS}; ${FDB}; ${PORTS}`,
    told: /link\/vx0 is gone/,
  },
  {
    name: "the overlay's end of a task's link is deleted",
    where: OVERLAY,
    kind: 'link',
    damage: `ip link del ${PORT}`,
    look: `${LINKS}; ${PORTS}`,
    told: /is gone/,
  },
  {
    name: "the task's end of its link is deleted",
    where: SANDBOX,
    kind: 'link',
    damage: 'ip link del eth1',
    look: `${LINKS}; ${ADDRESSES}; ${ROUTES}`,
    told: /link\/(eth1|vtsk00001xxxx) is gone/,
  },
  {
    name: 'the gateway is deleted',
    where: HOST,
    kind: 'link',
    damage: 'ip link del hawser_gw',
    look: `${LINKS}; ${ADDRESSES}`,
    told: /link\/hawser_gw is gone/,
  },
  {
    name: 'a link is renamed',
    where: OVERLAY,
    kind: 'link',
    look: `${LINKS}; ${FDB}`,
    damage: 'ip link set vx0 down; ip link set vx0 name vx9',
    told: /link\/vx0 is gone/,
  },
  {
    name: 'the MTU is another',
    where: OVERLAY,
    look: LINKS,
    kind: 'link',
    damage: `ip link set ${PORT} mtu 1280`,
    told: /mtu 1280 instead of 1450/,
  },
  {
    name: 'a port leaves its bridge',
    where: OVERLAY,
    look: PORTS,
    kind: 'link',
    damage: `ip link set ${PORT} nomaster`,
    told: /master none instead of br0/,
  },
  {
    name: "a port's flags are others",
    where: OVERLAY,
    look: PORTS,
    kind: 'link',
    damage: 'bridge link set dev vx0 learning on',
    told: /port.learning true instead of false/,
  },
  {
    name: "the bridge's MAC is another",
    where: OVERLAY,
    kind: 'link',
    look: 'ip -o link show br0 | grep -o "ether [0-9a-f:]*"',
    damage: 'ip link set br0 address 02:00:00:00:00:98',
    told: /mac 02:00:00:00:00:98 instead/,
  },
  {
    name: 'a setting of the node is another',
    where: HOST,
    look: 'sysctl net.ipv4.ip_forward',
    damage: 'sysctl -w net.ipv4.ip_forward=0',
    kind: 'sysctl',
    told: /ip_forward: value 0 instead of 1/,
  },
  {
    name: 'a setting without events is another',
    where: OVERLAY,
    kind: 'sysctl',
    look: 'sysctl net.ipv4.conf.br0.send_redirects',
    damage: 'sysctl -w net.ipv4.conf.br0.send_redirects=1',
    told: /send_redirects: value 1/,
  },
];

let scene: TwoNodes;

test.before(async (t) => {
  t.timeout(120_000);
  scene = new TwoNodes();
  scene.open(false);
  for (const node of [1, 2]) {
    const answer = await scene.tell(node, { command: 'plan', cluster: CLUSTER, node });
    t.true(answer.ok, `${answer.message} ${JSON.stringify(answer.detail)}`);
  }
  await scene.serve(1, SANDBOX, 'task1');
  await scene.serve(2, sandboxOf(2), 'task2');
});
test.after.always(() => scene.close());

for (const { name, where, damage, look, kind, told } of DAMAGES)
  test.serial(`${name}: repaired, counted and told`, async (t) => {
    const before = scene.sh(1, where, look);
    const counted = await repairsOf(kind);
    const toldBefore = (await scene.tell(1, { command: 'repairs' })).told?.length ?? 0;
    const startedMs = performance.now();
    const said = scene.sh(1, where, damage);
    await until(
      t,
      `${kind} repaired after: ${said}`,
      async () => (await repairsOf(kind)) > counted,
    );
    await until(t, `it is as before:\n${before}`, () => scene.sh(1, where, look) === before);
    t.log(`${Math.round(performance.now() - startedMs)} ms`);
    const lines = (await scene.tell(1, { command: 'repairs' })).told?.slice(toldBefore) ?? [];
    t.regex(lines.join('\n'), told);
    t.true(answers(), 'tasks answer through the published port');
  });

for (const [name, namespace] of [
  ['an overlay', OVERLAY],
  ['the ingress network', INGRESS],
  ['a task', SANDBOX],
] as const)
  test.serial(`the namespace of ${name} is taken away: it is put back as it was`, async (t) => {
    const path = scene.sandboxPath(1, namespace);
    const { ino } = statSync(path);
    const counted = await repairsOf('namespace');
    const operations = (await scene.tell(1, { command: 'repairs' })).operations;
    execFileSync('umount', ['-l', path]);
    rmSync(path);
    await until(t, 'counted', async () => (await repairsOf('namespace')) > counted);
    await until(t, 'in its place', () => inodeOf(path) === ino);
    t.is((await scene.tell(1, { command: 'repairs' })).operations, operations, 'nothing was lost');
    t.true(answers());
  });

test.serial("what is not Hawser's is never touched", async (t) => {
  const foreign = [
    'ip link add foreign0 type bridge',
    'ip addr add 192.0.2.77/24 dev foreign0',
    'ip link set foreign0 up',
    'ip route add 203.0.113.0/24 via 192.0.2.78 table 100',
    'ip rule add from 203.0.113.5 table 100',
    'ip neigh add 192.0.2.79 lladdr 02:00:00:00:00:79 dev foreign0 nud permanent',
    'ip link add foreignbr type bridge',
    'nft add table inet foreign',
    'nft add chain inet foreign input "{ type filter hook input priority 0 ; }"',
    'nft add rule inet foreign input accept',
    'nft add table ip filter; nft add chain ip filter FOREIGN',
    'nft add rule ip filter FOREIGN return',
  ];
  scene.sh(1, HOST, foreign.join('; '));
  const look =
    'ip -o link show foreign0; ip -o link show foreignbr; ip -o -4 addr show foreign0; ' +
    'ip route show table 100; ip rule; ip neigh show dev foreign0; nft list table inet foreign; ' +
    'nft list table ip filter';
  const before = scene.sh(1, HOST, look);
  t.regex(before, /return/);
  t.regex(before, /203.0.113.0\/24 via 192.0.2.78/);
  const counted = await repairsOf('link');
  scene.sh(1, HOST, 'ip link del hawser_gw');
  await until(t, 'the gateway repaired', async () => (await repairsOf('link')) > counted);
  await until(t, 'tasks answer', answers);
  t.is(scene.sh(1, HOST, look), before);
  const total = await repairsOf();
  // What `iptables -F` does where it is nft underneath.
  scene.sh(1, HOST, 'nft flush table ip filter');
  t.true(answers());
  t.is(await repairsOf(), total);
  t.notRegex(scene.sh(1, HOST, look), /return/);
});

async function repairsOf(kind?: string): Promise<number> {
  const { repairs = {} } = await scene.tell(1, { command: 'repairs' });
  if (kind !== undefined) return repairs[kind] ?? 0;
  return Object.values(repairs).reduce((sum, count) => sum + count, 0);
}

/** Whether both tasks are reached through the first node, and say who asks. */
function answers(): boolean {
  const said = scene.ask('client', 'tcp', VTEPS[0], 8080, 4);
  return ['task1', 'task2'].every((task) => said.some((line) => line.startsWith(`${task} `)));
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}

async function until(
  t: ExecutionContext,
  awaited: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) t.fail(`waited in vain for: ${awaited}`);
    await wait(20);
  }
}
