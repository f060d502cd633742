/** What containers cannot say on an overlay, told with frames that are made by hand. */
import test, { type ExecutionContext } from 'ava';
import { ipv4, macOfIpv4, type Mac } from '../../../src/base/index.ts';
import {
  address,
  overlayOf,
  port,
  sandboxOf,
  type TestCluster,
} from '../../dataplane/support/view.ts';
import { arp, BROADCAST, datagram, Ear, frame } from './support/frames.ts';
import { CLIENT, TwoNodes, VTEPS } from './support/scene.ts';

/** Tasks 1 (who speaks) and 2 are on the first node, task 3 on the second. */
const CLUSTER: TestCluster = {
  vteps: VTEPS,
  vni: 9_100_000 + (process.pid % 10_000) * 100,
  networks: [{ number: 0 }, { number: 1 }],
  services: [{ number: 1, networks: [0, 1], ports: [port('ingress 8080 80')] }],
  tasks: [
    { number: 1, service: 1, node: 1, networks: [1] },
    { number: 2, service: 1, node: 1, networks: [0, 1] },
    { number: 3, service: 1, node: 2, networks: [1] },
  ],
};
const DEADLINE_MS = 10_000;

interface Host {
  readonly mac: Mac;
  readonly address: string;
}

const hostOf = (task: number): Host => {
  const own = address(1, 10 + task);
  return { address: own, mac: macOfIpv4(ipv4(own)) };
};
const [SELF, NEAR, FAR] = [hostOf(1), hostOf(2), hostOf(3)];
const NOBODY = { address: address(1, 99), mac: '02:42:0a:63:01:63' as Mac };
const GROUP = { address: '239.1.2.3', mac: '01:00:5e:01:02:03' as Mac };
const EVERYBODY = { address: '255.255.255.255', mac: BROADCAST };

function said(from: Host, to: Host, text: string): Uint8Array {
  return frame(
    { from: from.mac, to: to.mac },
    datagram({ from: from.address, to: to.address }, text),
  );
}

function claimed(from: Mac, sender: Host, text: string): Uint8Array {
  const body = arp('reply', sender, { address: NEAR.address, text });
  return frame({ from, to: BROADCAST }, body);
}

/** Frames that nobody may hear; each says its own name. */
const DROPPED: readonly (readonly [string, (text: string) => Uint8Array])[] = [
  ['another MAC', (text) => said({ ...SELF, mac: NOBODY.mac }, NEAR, text)],
  ['another address', (text) => said({ ...SELF, address: NOBODY.address }, NEAR, text)],
  ['the far host’s MAC and address', (text) => said(FAR, NEAR, text)],
  [
    'the near host’s address to the far one',
    (text) => said({ ...SELF, address: NEAR.address }, FAR, text),
  ],
  ['another MAC to the far host', (text) => said({ ...SELF, mac: NOBODY.mac }, FAR, text)],
  ['ARP for another address', (text) => claimed(SELF.mac, { ...SELF, address: FAR.address }, text)],
  ['ARP that names another MAC', (text) => claimed(SELF.mac, { ...SELF, mac: NOBODY.mac }, text)],
  ['ARP from another MAC', (text) => claimed(NOBODY.mac, SELF, text)],
  ['broadcast', (text) => said(SELF, EVERYBODY, text)],
  ['multicast', (text) => said(SELF, GROUP, text)],
  ['unknown unicast', (text) => said(SELF, NOBODY, text)],
  [
    'another address behind a VLAN tag',
    (text) => {
      const body = datagram({ from: FAR.address, to: NEAR.address }, text);
      return frame({ from: SELF.mac, to: NEAR.mac }, body, 7);
    },
  ],
  [
    'an IPv6 packet without an IPv6 address',
    (text) => {
      const head = [
        0x86,
        0xdd,
        0x60,
        0,
        0,
        0,
        0,
        text.length,
        59,
        64,
        ...Array<number>(32).fill(1),
      ];
      return frame({ from: SELF.mac, to: NEAR.mac }, [...head, ...Buffer.from(text)]);
    },
  ],
];

async function setUp(t: ExecutionContext): Promise<TwoNodes> {
  t.timeout(120_000);
  const scene = new TwoNodes();
  t.teardown(() => scene.close());
  scene.open(false);
  for (const node of [1, 2]) {
    const answer = await scene.tell(node, { command: 'plan', cluster: CLUSTER, node });
    t.true(answer.ok, `${answer.message} ${JSON.stringify(answer.detail)}`);
  }
  return scene;
}

function listen(t: ExecutionContext, path: string, link: string): Ear {
  const ear = new Ear(path, link);
  t.teardown(() => ear.socket.close());
  return ear;
}

/** Frames of one sender keep their order: who has heard the last one hears no earlier one. */
async function hears(t: ExecutionContext, ear: Ear, text: string): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!ear.has(text)) {
    if (performance.now() > deadlineMs) t.fail(`waited in vain for "${text}"`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test.serial('a container speaks as itself alone, and to one at a time', async (t) => {
  const scene = await setUp(t);
  const mouth = listen(t, scene.sandboxPath(1, sandboxOf(1)), 'eth0');
  const near = listen(t, scene.sandboxPath(1, sandboxOf(2)), 'eth1');
  const far = listen(t, scene.sandboxPath(2, sandboxOf(3)), 'eth0');
  for (const [name, make] of DROPPED) mouth.socket.send(make(`<${name}>`));
  mouth.socket.send(claimed(SELF.mac, SELF, '<own ARP>'));
  mouth.socket.send(said(SELF, NEAR, '<to near>'));
  mouth.socket.send(said(SELF, FAR, '<to far>'));
  await hears(t, near, '<to near>');
  await hears(t, far, '<to far>');
  t.true(near.has('<own ARP>'));
  t.false(far.has('<own ARP>'), 'no ARP crosses the tunnel');
  for (const [name] of DROPPED) {
    t.false(near.has(`<${name}>`), `the near host hears ${name}`);
    t.false(far.has(`<${name}>`), `the far host hears ${name}`);
  }
});

test.serial('what comes through the tunnel is for one host', async (t) => {
  const scene = await setUp(t);
  const mouth = listen(t, scene.sandboxPath(2, overlayOf(1)), 'vx0');
  const near = listen(t, scene.sandboxPath(1, sandboxOf(2)), 'eth1');
  mouth.socket.send(said(FAR, EVERYBODY, '<broadcast>'));
  mouth.socket.send(said(FAR, NEAR, '<to near>'));
  await hears(t, near, '<to near>');
  t.false(near.has('<broadcast>'));
});

test.serial('a container leaves the node by its own address alone', async (t) => {
  const scene = await setUp(t);
  const gateway = { address: '172.18.0.1', mac: macOfIpv4(ipv4('172.18.0.1')) };
  const self = { address: '172.18.0.11', mac: macOfIpv4(ipv4('172.18.0.11')) };
  const mouth = listen(t, scene.sandboxPath(1, sandboxOf(1)), 'eth1');
  const client = listen(t, scene.memberPath('client'), 'eth0');
  const toClient = (from: Host, text: string): Uint8Array =>
    frame({ from: from.mac, to: gateway.mac }, datagram({ from: from.address, to: CLIENT }, text));
  mouth.socket.send(toClient({ ...self, address: '203.0.113.9' }, '<foreign address>'));
  mouth.socket.send(toClient({ ...self, address: '172.18.0.12' }, '<another’s address>'));
  mouth.socket.send(toClient({ ...self, mac: NOBODY.mac }, '<another MAC>'));
  mouth.socket.send(toClient(self, '<as itself>'));
  await hears(t, client, '<as itself>');
  for (const name of ['foreign address', 'another’s address', 'another MAC'])
    t.false(client.has(`<${name}>`), name);
});
