/** What the kernel holds after our operations, in the words of iproute2, bridge and nft. */
import { mkdtempSync, rmSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Mac } from '../../src/base/index.ts';
import type { Vni } from '../../src/model/index.ts';
import {
  nftDigest,
  NFT_FOREIGN_RULE,
  objectKey,
  type KernelObject,
  type NftTableObject,
} from '../../src/dataplane/index.ts';
import { LinuxKernel } from '../../src/kernel/index.ts';
import { BRIDGE, put } from './compliance/index.ts';

const ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const MAC = '02:42:0a:4d:00:09' as Mac;
const VNI = 9_000_000 + (process.pid % 100_000);

interface Fixture {
  readonly kernel: LinuxKernel;
  readonly apply: (name: string, ...objects: KernelObject[]) => Promise<void>;
  readonly run: (name: string, ...command: string[]) => string;
  readonly rows: (name: string, ...command: string[]) => Record<string, unknown>[];
}

async function makeKernel(t: ExecutionContext): Promise<Fixture> {
  const runDirectory = mkdtempSync(join(tmpdir(), 'hawser-tools-'));
  const kernel = new LinuxKernel({ runDirectory });
  for (const name of ['overlay', 'sandbox']) await kernel.createNamespace(name);
  t.teardown(async () => {
    for (const name of await kernel.namespaces()) await kernel.deleteNamespace(name);
    kernel.close();
    rmSync(runDirectory, { recursive: true });
  });
  const run = (name: string, ...command: string[]): string =>
    execFileSync('nsenter', [`--net=${kernel.namespacePath(name)}`, ...command], {
      encoding: 'utf8',
      env: ENV,
    });
  return {
    kernel,
    run,
    rows: (...all) => JSON.parse(run(...all)) as Record<string, unknown>[],
    apply: async (name, ...objects) => {
      const outcomes = await kernel.apply(
        name,
        objects.map((object) => put(object)),
      );
      t.deepEqual(
        outcomes.filter((outcome) => !outcome.ok),
        [],
      );
    },
  };
}

const VXLAN: KernelObject = {
  kind: 'link',
  type: 'vxlan',
  name: 'vx0',
  isUp: true,
  mtu: 1450,
  master: 'br0',
  port: { learning: false, unicastFlood: true, isolated: false, hairpin: false },
  vni: VNI as Vni,
  udpPort: 47_893,
  local: '192.0.2.1',
};
const VETH: KernelObject = {
  kind: 'link',
  type: 'veth',
  name: 'v0',
  isUp: true,
  master: 'br0',
  port: { learning: false, unicastFlood: false, isolated: true, hairpin: true },
  peerNamespace: 'sandbox',
  peerName: 'eth0',
};

test('ip shows the bridge, the VXLAN with its underlay outside, and the veth', async (t) => {
  const { apply, rows } = await makeKernel(t);
  await apply('overlay', BRIDGE, VXLAN, VETH);
  const links = rows('overlay', 'ip', '-j', '-d', 'link', 'show');
  const byName = new Map(links.map((link) => [link['ifname'], link]));
  t.like(byName.get('br0'), {
    address: '02:48:57:00:00:01',
    mtu: 1450,
    linkinfo: { info_kind: 'bridge' },
  });
  t.like(byName.get('vx0'), {
    mtu: 1450,
    master: 'br0',
    linkinfo: {
      info_kind: 'vxlan',
      info_data: { id: VNI, local: '192.0.2.1', port: 47_893, learning: false, proxy: true },
    },
  });
  t.is(typeof byName.get('vx0')?.['link_netnsid'], 'number');
  t.like(byName.get('v0'), { master: 'br0', ifalias: 'hawser:veth/sandbox/eth0' });
  const [peer] = rows('sandbox', 'ip', '-j', '-d', 'link', 'show', 'dev', 'eth0');
  t.like(peer, { ifalias: 'hawser:veth-peer', linkinfo: { info_kind: 'veth' } });
});

test("bridge shows the ports' flags and the forwarding rows", async (t) => {
  const { apply, rows } = await makeKernel(t);
  await apply(
    'overlay',
    ...[BRIDGE, VXLAN, VETH],
    { kind: 'fdb', link: 'vx0', mac: MAC, owner: 'self', vtep: '192.0.2.9' },
    { kind: 'fdb', link: 'v0', mac: '02:42:0a:4d:00:08' as Mac, owner: 'master' },
  );
  const ports = rows('overlay', 'bridge', '-j', '-d', 'link', 'show');
  const byName = new Map(ports.map((port) => [port['ifname'], port]));
  t.like(byName.get('vx0'), { learning: false, flood: true, isolated: false, hairpin: false });
  t.like(byName.get('v0'), { learning: false, flood: false, isolated: true, hairpin: true });
  const fdb = rows('overlay', 'bridge', '-j', 'fdb', 'show');
  t.like(
    fdb.find((row) => row['mac'] === MAC),
    { ifname: 'vx0', dst: '192.0.2.9', flags: ['self'], state: 'permanent' },
  );
  const port = fdb.filter((row) => row['mac'] === '02:42:0a:4d:00:08');
  t.is(port.length, 1);
  t.like(port[0], { ifname: 'v0', master: 'br0', state: 'static' });
});

test('ip shows addresses, routes, rules and neighbours', async (t) => {
  const { apply, rows } = await makeKernel(t);
  await apply(
    'overlay',
    BRIDGE,
    { kind: 'address', link: 'br0', address: '10.77.0.1/24' },
    {
      kind: 'route',
      destination: '0.0.0.0/0',
      table: 1001,
      link: 'br0',
      via: '169.254.0.2',
      isOnlink: true,
    },
    { kind: 'rule', priority: 100, table: 1001, mark: 7 },
    { kind: 'rule', priority: 101, table: 1001, source: '10.77.0.9' },
    { kind: 'neighbour', link: 'br0', address: '169.254.0.2', mac: MAC },
  );
  const [address] = rows('overlay', 'ip', '-j', '-4', 'addr', 'show', 'dev', 'br0');
  t.like((address?.['addr_info'] as object[])[0], { local: '10.77.0.1', prefixlen: 24 });
  const [route] = rows('overlay', 'ip', '-j', 'route', 'show', 'table', '1001');
  t.like(route, { dst: 'default', gateway: '169.254.0.2', dev: 'br0', protocol: '72' });
  t.true((route?.['flags'] as string[]).includes('onlink'));
  const rules = rows('overlay', 'ip', '-j', 'rule', 'show');
  t.like(
    rules.find((rule) => rule['priority'] === 100),
    { fwmark: '0x7', table: '1001' },
  );
  t.like(
    rules.find((rule) => rule['priority'] === 101),
    { src: '10.77.0.9', table: '1001' },
  );
  const [neighbour] = rows('overlay', 'ip', '-j', 'neigh', 'show', 'dev', 'br0');
  t.like(neighbour, { dst: '169.254.0.2', lladdr: MAC, state: ['PERMANENT'] });
});

test('what somebody else takes away or adds is observed', async (t) => {
  const { kernel, apply, run } = await makeKernel(t);
  await apply('overlay', BRIDGE, VXLAN, VETH);
  run('overlay', 'ip', 'link', 'del', 'vx0');
  run('overlay', 'ip', 'link', 'set', 'v0', 'nomaster', 'down');
  run('overlay', 'ip', 'route', 'add', 'blackhole', '10.9.0.0/16');
  run('overlay', 'ip', 'addr', 'add', '10.1.2.3/32', 'dev', 'br0');
  run('overlay', 'ip', 'tuntap', 'add', 'tap0', 'mode', 'tap');
  const objects = await kernel.observe('overlay', { sysctls: [] });
  t.deepEqual(objects.map(objectKey).sort(), [
    'address/br0/10.1.2.3/32',
    'link/br0',
    'link/lo',
    'link/v0',
  ]);
  const veth = objects.find((object) => objectKey(object) === 'link/v0');
  t.like(veth, { isUp: false, type: 'veth', peerNamespace: 'sandbox' });
  t.false('master' in (veth ?? {}));
});

const TABLE: NftTableObject = {
  kind: 'nft-table',
  family: 'inet',
  name: 'hawser',
  sets: [
    {
      name: 'seen',
      type: 'ipv4_addr',
      dynamic: { timeoutSeconds: 60, sizeMax: 100 },
      elements: [],
    },
  ],
  maps: [],
  chains: [
    {
      name: 'out',
      base: { type: 'filter', hook: 'output', priority: 0, policy: 'accept' },
      rules: ['update @seen { ip daddr }', 'meta mark 7 drop'],
    },
  ],
};

test('nft shows the table; foreign rules are observed; dynamic elements are kept', async (t) => {
  const { kernel, apply, run } = await makeKernel(t);
  await apply('overlay', TABLE);
  const text = run('overlay', 'nft', 'list', 'table', 'inet', 'hawser');
  for (const rule of TABLE.chains[0]?.rules ?? []) t.true(text.includes(nftDigest(rule)), rule);
  run('overlay', 'nft', 'add', 'element', 'inet', 'hawser', 'seen', '{ 192.0.2.7 }');
  run('overlay', 'nft', 'insert', 'rule', 'inet', 'hawser', 'out', 'meta mark 8 drop');
  const observed = await kernel.observe('overlay', { sysctls: [] });
  const was = observed.find((object) => object.kind === 'nft-table') as NftTableObject;
  t.is(was.chains[0]?.rules[0], NFT_FOREIGN_RULE);
  t.deepEqual(was.sets, TABLE.sets);
  const outcomes = await kernel.apply('overlay', [put(TABLE, was)]);
  t.deepEqual(outcomes, [{ ok: true }]);
  const after = run('overlay', 'nft', 'list', 'table', 'inet', 'hawser');
  t.true(after.includes('192.0.2.7'));
  t.false(after.includes('0x00000008'));
  run('overlay', 'nft', 'flush', 'ruleset');
  t.false(
    (await kernel.observe('overlay', { sysctls: [] })).some(({ kind }) => kind === 'nft-table'),
  );
});

test("others' nft tables and the host's links are neither listed nor touched", async (t) => {
  const { kernel, apply, run } = await makeKernel(t);
  run('overlay', 'nft', 'add', 'table', 'ip', 'docker');
  await apply('overlay', TABLE);
  await kernel.apply('overlay', [{ action: 'delete', object: TABLE }]);
  t.true(run('overlay', 'nft', 'list', 'tables').includes('table ip docker'));
  for (const object of await kernel.observe('', { sysctls: [] }))
    t.regex(objectKey(object), /hawser|^rule\//);
});
