/** The plan on the real kernel: two nodes and a client, asked from everywhere. */
import test, { type ExecutionContext } from 'ava';
import {
  overlayOf,
  port,
  sandboxOf,
  vipOf,
  type TestCluster,
} from '../../dataplane/support/view.ts';
import { CLIENT, TwoNodes, VTEPS } from './support/scene.ts';

const WEB: TestCluster = {
  vteps: VTEPS,
  vni: 9_000_000 + (process.pid % 10_000) * 100,
  networks: [{ number: 0 }, { number: 1 }, { number: 2, isInternal: true }],
  services: [
    {
      number: 1,
      networks: [0, 1],
      ports: [
        port('ingress 8080 80'),
        port('ingress 8080 80 udp'),
        port('host 9000 80'),
        port('host 9000 80 udp'),
      ],
    },
    { number: 2, networks: [1] },
    { number: 3, networks: [0, 2], ports: [port('ingress 8081 80')] },
  ],
  tasks: [
    {
      number: 1,
      service: 1,
      node: 1,
      networks: [0, 1],
      hostPorts: [port('host 9000 80'), port('host 9000 80 udp')],
    },
    { number: 2, service: 1, node: 2, networks: [0, 1] },
    { number: 3, service: 2, node: 1, networks: [1] },
    { number: 4, service: 3, node: 1, networks: [2] },
  ],
};

const BOTH = ['task1', 'task2'];

async function setUp(t: ExecutionContext, hostBridgeNetfilter = false): Promise<TwoNodes> {
  t.timeout(120_000);
  const scene = new TwoNodes();
  t.teardown(() => scene.close());
  scene.open(hostBridgeNetfilter);
  await plan(t, scene, WEB);
  await scene.serve(1, sandboxOf(1), 'task1');
  await scene.serve(2, sandboxOf(2), 'task2');
  return scene;
}

async function plan(t: ExecutionContext, scene: TwoNodes, cluster: TestCluster): Promise<void> {
  for (const node of [1, 2]) {
    const answer = await scene.tell(node, { command: 'plan', cluster, node });
    t.true(answer.ok, `${answer.message} ${JSON.stringify(answer.detail)}`);
  }
}

/** Both tasks answer in turn, and say that `client` asked them. */
function isShared(t: ExecutionContext, answers: readonly string[], client: string): void {
  const expected = BOTH.map((task) => `${task} ${client}`);
  t.deepEqual([...answers].sort(), [...expected, ...expected].sort());
}

for (const hostBridgeNetfilter of [false, true]) {
  const where = hostBridgeNetfilter ? ' (host with br_netfilter on)' : '';
  test.serial(`published ports and VIPs answer from everywhere${where}`, async (t) => {
    const scene = await setUp(t, hostBridgeNetfilter);
    for (const protocol of ['tcp', 'udp']) {
      for (const vtep of VTEPS) isShared(t, scene.ask('client', protocol, vtep, 8080, 4), CLIENT);
      for (const [at, vtep] of VTEPS.entries()) {
        const node = String(at + 1);
        isShared(t, scene.ask(node, protocol, vtep, 8080, 4), vtep);
        isShared(t, scene.ask(node, protocol, '127.0.0.1', 8080, 4), '172.18.0.1');
      }
      // A VIP keeps the client's address; a task that meets itself sees the gateway.
      const vip = [vipOf(1, 1), 80, 4] as const;
      isShared(t, scene.askIn(1, sandboxOf(3), protocol, ...vip), '10.99.1.13');
      const own = scene.askIn(1, sandboxOf(1), protocol, ...vip).sort();
      t.deepEqual(own, [
        'task1 10.99.1.1',
        'task1 10.99.1.1',
        'task2 10.99.1.11',
        'task2 10.99.1.11',
      ]);
      // Host mode: on the task's node only, with the client's address.
      t.deepEqual(scene.ask('client', protocol, VTEPS[0], 9000, 1), [`task1 ${CLIENT}`]);
      t.deepEqual(scene.ask('1', protocol, VTEPS[0], 9000, 1), [`task1 ${VTEPS[0]}`]);
      t.deepEqual(scene.ask('1', protocol, '127.0.0.1', 9000, 1), ['task1 172.18.0.1']);
      t.deepEqual(scene.ask('client', protocol, VTEPS[1], 9000, 1), ['ECONNREFUSED']);
      // A task uses published ports of its own node and of another.
      for (const task of [1, 3]) {
        const [own, other] = VTEPS;
        isShared(t, scene.askIn(1, sandboxOf(task), protocol, own, 8080, 4), '172.18.0.1');
        isShared(t, scene.askIn(1, sandboxOf(task), protocol, other, 8080, 4), own);
        t.deepEqual(scene.askIn(1, sandboxOf(task), protocol, own, 9000, 1), ['task1 172.18.0.1']);
      }
    }
    t.true(scene.runIn(1, sandboxOf(3), 'ping', '-c1', '-W2', vipOf(1, 1)));
    t.true(scene.runIn(1, sandboxOf(3), 'ping', '-c1', '-W2', CLIENT));
    // No server behind it; no way around what is published; no way out of an internal network.
    t.deepEqual(scene.ask('client', 'tcp', VTEPS[0], 8081, 1), ['ECONNREFUSED']);
    t.deepEqual(scene.askIn(1, sandboxOf(3), 'tcp', '172.18.0.11', 80, 1), ['timeout']);
    t.false(scene.runIn(1, sandboxOf(4), 'ping', '-c1', '-W1', CLIENT));
  });
}

test.serial('what others break is repaired', async (t) => {
  const scene = await setUp(t);
  const repairs = async (): Promise<number> => {
    const answer = await scene.tell(1, { command: 'repairs' });
    return Object.values(answer.repairs ?? {}).reduce((sum, count) => sum + count, 0);
  };
  const remoteMac = '02:42:0a:63:00:0c';
  const breakages: readonly [string, () => unknown][] = [
    ['the ruleset', () => scene.run('1', '/usr/sbin/nft', 'flush', 'ruleset')],
    [
      'a forwarding row',
      () => scene.runIn(1, overlayOf(0), 'bridge', 'fdb', 'del', remoteMac, 'dev', 'vx0'),
    ],
    ['a link of a task', () => scene.runIn(1, sandboxOf(1), 'ip', 'link', 'del', 'eth0')],
    ['the gateway', () => scene.run('1', 'ip', 'link', 'del', 'hawser_gw')],
    ['routes', () => scene.runIn(1, sandboxOf(1), 'ip', 'route', 'flush', 'table', '100')],
  ];
  for (const [name, destroy] of breakages) {
    const before = await repairs();
    destroy();
    const deadlineMs = performance.now() + 5000;
    while ((await repairs()) === before || !answers(scene)) {
      if (performance.now() < deadlineMs) continue;
      t.fail(`${name} is not repaired within five seconds`);
      return;
    }
    t.pass();
  }
});

/** Whether both tasks are reached through the first node. */
function answers(scene: TwoNodes): boolean {
  const said = scene.ask('client', 'tcp', VTEPS[0], 8080, 2);
  return BOTH.every((task) => said.includes(`${task} ${CLIENT}`));
}

test.serial(
  'a task that goes takes its namespace, its network and its share with it',
  async (t) => {
    const scene = await setUp(t);
    const tasks = WEB.tasks.filter((task) => task.node === 2);
    await plan(t, scene, { ...WEB, tasks });
    t.deepEqual(scene.namespacesOf(1), [overlayOf(0)]);
    const answers = scene.ask('client', 'tcp', VTEPS[0], 8080, 3);
    t.deepEqual(answers, Array(3).fill(`task2 ${CLIENT}`));
    await plan(t, scene, WEB);
    await scene.serve(1, sandboxOf(1), 'task1');
    isShared(t, scene.ask('client', 'tcp', VTEPS[1], 8080, 4), CLIENT);
  },
);

test.serial('an agent that was killed finds everything in its place', async (t) => {
  const scene = await setUp(t);
  await scene.crash(1);
  isShared(t, scene.ask('client', 'udp', VTEPS[0], 8080, 4), CLIENT);
  const answer = await scene.tell(1, { command: 'plan', cluster: WEB, node: 1 });
  t.true(answer.ok);
  t.is(answer.operations, 0);
});
