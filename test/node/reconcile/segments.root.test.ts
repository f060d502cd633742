/** Where MTUs differ along a way: what TCP is told of, and what others are told by ICMP. */
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { port, sandboxOf, type TestCluster } from '../../dataplane/support/view.ts';
import { Ear } from './support/frames.ts';
import { CLIENT, TwoNodes, VTEPS } from './support/scene.ts';

const CLUSTER: TestCluster = {
  vteps: VTEPS,
  vni: 9_200_000 + (process.pid % 10_000) * 100,
  networks: [{ number: 0 }, { number: 1 }],
  services: [{ number: 1, networks: [0, 1], ports: [port('ingress 8080 80')] }],
  tasks: [{ number: 1, service: 1, node: 1, networks: [0, 1] }],
};

/** The option of a TCP header: kind 2, four bytes, the segment's. */
const segments = (bytes: number): string => String.fromCharCode(2, 4, bytes >> 8, bytes & 255);

test.serial('connections out and in are told of segments that every link carries', async (t) => {
  t.timeout(120_000);
  const scene = new TwoNodes();
  t.teardown(() => scene.close());
  scene.open(false);
  for (const node of [1, 2]) {
    const answer = await scene.tell(node, { command: 'plan', cluster: CLUSTER, node });
    t.true(answer.ok, `${answer.message} ${JSON.stringify(answer.detail)}`);
  }
  await scene.serve(1, sandboxOf(1), 'task1');
  scene.run('1', 'ip', 'link', 'set', 'eth0', 'mtu', '1400');
  const sandbox = scene.sandboxPath(1, sandboxOf(1));
  const [client, task] = [new Ear(scene.memberPath('client'), 'eth0'), new Ear(sandbox, 'eth0')];
  t.teardown(() => [client, task].forEach((ear) => ear.socket.close()));

  // Out: the container's leg carries 1500 bytes, the node's own link 1400.
  t.deepEqual(scene.askIn(1, sandboxOf(1), 'tcp', CLIENT, 9, 1), ['ECONNREFUSED']);
  t.true(client.has(segments(1360)));
  t.false(client.has(segments(1460)));
  // In: the client says 1460, the overlay carries 1450 bytes; asked through the other node.
  t.deepEqual(scene.ask('client', 'tcp', VTEPS[1], 8080, 1), [`task1 ${CLIENT}`]);
  t.true(task.has(segments(1410)));
  t.false(task.has(segments(1460)));
  // What is no TCP learns of it by ICMP, which passes.
  const ping = ['ping', '-c', '2', '-W', '2', '-M', 'do', '-s', '1400', CLIENT];
  const { stdout } = spawnSync('nsenter', [`--net=${sandbox}`, ...ping], { encoding: 'utf8' });
  t.regex(stdout, /mtu ?= ?1400/i);
});
