/**
 * What every `Kernel` must do, the real one and the fake alike. Registered by `fake-kernel.test.ts` and
 * `linux-kernel.root.test.ts`.
 */
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';
import type { ExecutionContext, TestFn } from 'ava';
import type { Mac } from '../../src/base/index.ts';
import type { Vni } from '../../src/model/index.ts';
import {
  nftRuleKey,
  objectKey,
  type BridgePort,
  type Kernel,
  type KernelFailure,
  type KernelObject,
  type LinkObject,
  type NamespaceName,
  type NftTableObject,
  type Operation,
} from '../../src/dataplane/index.ts';

export interface KernelUnderTest {
  readonly kernel: Kernel;
  /** A namespace name for this test alone; what it names is removed after the test. */
  readonly name: (suffix: string) => NamespaceName;
  /** For this test alone: VNIs are shared by all of a machine's namespaces. */
  readonly vni: number;
}

const DEADLINE_MS = 5000;
/** Not VXLAN's own port, so that no agent on the machine is disturbed. */
const UDP_PORT = 47_891;
const PORT: BridgePort = {
  learning: false,
  unicastFlood: false,
  isolated: false,
  hairpin: false,
};
const SYSCTLS = ['net/ipv4/ip_forward', 'net/ipv4/conf/br0/forwarding'];

export const BRIDGE: LinkObject = {
  kind: 'link',
  type: 'bridge',
  name: 'br0',
  isUp: true,
  mac: '02:48:57:00:00:01' as Mac,
  mtu: 1450,
};
const BRIDGE_ADDRESS: KernelObject = { kind: 'address', link: 'br0', address: '10.77.0.1/24' };

function vxlan(vni: number, local = '192.0.2.1'): LinkObject {
  return {
    kind: 'link',
    type: 'vxlan',
    name: 'vx0',
    isUp: true,
    mac: '02:00:00:00:00:07' as Mac,
    mtu: 1450,
    master: 'br0',
    port: { ...PORT, unicastFlood: true },
    vni: vni as Vni,
    udpPort: UDP_PORT,
    local,
  };
}

function veth(peerNamespace: NamespaceName): LinkObject {
  return {
    kind: 'link',
    type: 'veth',
    name: 'vabc',
    isUp: true,
    mac: '02:00:00:00:00:09' as Mac,
    mtu: 1450,
    master: 'br0',
    port: { ...PORT, hairpin: true },
    peerNamespace,
    peerName: 'eth0',
  };
}

const PEER: LinkObject = {
  kind: 'link',
  type: 'veth-peer',
  name: 'eth0',
  isUp: true,
  mac: '02:42:0a:4d:00:08' as Mac,
  mtu: 1450,
};

/** One of everything that hangs on links. */
const ROWS: readonly KernelObject[] = [
  BRIDGE_ADDRESS,
  { kind: 'address', link: 'br0', address: '10.77.0.5/32' },
  {
    kind: 'route',
    destination: '10.78.0.0/16',
    table: 254,
    link: 'br0',
    via: '10.77.0.9',
    isOnlink: false,
  },
  {
    kind: 'route',
    destination: '0.0.0.0/0',
    table: 1001,
    link: 'br0',
    via: '169.254.0.2',
    isOnlink: true,
  },
  { kind: 'route', destination: '10.79.0.0/16', table: 254, link: 'br0', isOnlink: false },
  { kind: 'rule', priority: 100, table: 1001, mark: 7 },
  { kind: 'rule', priority: 101, table: 1001, source: '10.77.0.9' },
  { kind: 'neighbour', link: 'br0', address: '169.254.0.2', mac: '02:48:57:00:00:02' as Mac },
  { kind: 'neighbour', link: 'vx0', address: '10.77.0.9', mac: '02:42:0a:4d:00:09' as Mac },
  {
    kind: 'fdb',
    link: 'vx0',
    mac: '02:42:0a:4d:00:09' as Mac,
    owner: 'self',
    vtep: '192.0.2.9',
  },
  { kind: 'fdb', link: 'vabc', mac: '02:42:0a:4d:00:08' as Mac, owner: 'master' },
  { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '1' },
  { kind: 'sysctl', path: 'net/ipv4/conf/br0/forwarding', value: '0' },
];

function table(change: Partial<NftTableObject> = {}): NftTableObject {
  return {
    kind: 'nft-table',
    family: 'inet',
    name: 'hawser',
    sets: [
      { name: 'ports', type: 'inet_proto . inet_service', elements: ['tcp . 80', 'udp . 53'] },
      {
        name: 'affinity',
        type: 'ipv4_addr',
        dynamic: { timeoutSeconds: 600, sizeMax: 1024 },
        elements: [],
      },
    ],
    maps: [
      {
        name: 'vips',
        type: 'ipv4_addr . inet_proto . inet_service : verdict',
        elements: new Map([
          ['10.77.0.5 . tcp . 80', 'goto svc-a'],
          ['10.77.0.6 . udp . 53', 'goto svc-b'],
        ]),
      },
      {
        name: 'marks',
        type: 'ether_addr : mark',
        elements: new Map([['02:48:57:00:00:02', '0x2']]),
      },
    ],
    chains: [
      { name: 'svc-a', rules: ['dnat ip to 10.77.0.8'] },
      { name: 'svc-b', rules: ['dnat ip to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }'] },
      {
        name: 'prerouting',
        base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
        rules: ['ip daddr . meta l4proto . th dport vmap @vips', 'meta l4proto . th dport @ports'],
      },
    ],
    ...change,
  };
}

export function registerCompliance(
  test: TestFn,
  setUp: (t: ExecutionContext) => KernelUnderTest,
): void {
  registerNamespaceTests(test, setUp);
  registerLinkTests(test, setUp);
  registerRowTests(test, setUp);
  registerNftTests(test, setUp);
}

type SetUp = (t: ExecutionContext) => KernelUnderTest;

function registerNamespaceTests(test: TestFn, setUp: SetUp): void {
  test('a namespace is listed from when it is made until it is deleted, each repeatable', async (t) => {
    const { kernel, name } = setUp(t);
    const one = name('one');
    await kernel.createNamespace(one);
    await kernel.createNamespace(one);
    t.true((await kernel.namespaces()).includes(one));
    await kernel.deleteNamespace(one);
    await kernel.deleteNamespace(one);
    t.false((await kernel.namespaces()).includes(one));
  });

  test('a new namespace holds the loopback device, up, and nothing else', async (t) => {
    const { kernel, name } = setUp(t);
    await kernel.createNamespace(name('one'));
    t.deepEqual(await kernel.observe(name('one'), { sysctls: [] }), [
      { kind: 'link', type: 'loopback', name: 'lo', isUp: true },
    ]);
  });

  test('a namespace that is not there cannot be observed or changed', async (t) => {
    const { kernel, name } = setUp(t);
    const missing = { code: 'SYSTEM', errno: 'ENOENT' };
    const observed = await t.throwsAsync(kernel.observe(name('none'), { sysctls: [] }));
    t.like((observed as unknown as { detail: object }).detail, missing);
    const applied = await t.throwsAsync(kernel.apply(name('none'), [put(BRIDGE)]));
    t.like((applied as unknown as { detail: object }).detail, missing);
  });

  test('a VNI is free again at once when its namespace is deleted', async (t) => {
    const { kernel, name, vni } = setUp(t);
    const operations = [put(BRIDGE), put(vxlan(vni))];
    for (const suffix of ['one', 'two']) {
      await kernel.createNamespace(name(suffix));
      await applyAll(t, kernel, { name: name(suffix), operations });
      await kernel.deleteNamespace(name(suffix));
    }
  });

  test('a namespace made again under its old name is empty', async (t) => {
    const { kernel, name } = setUp(t);
    const one = name('one');
    await kernel.createNamespace(one);
    await applyAll(t, kernel, { name: one, operations: [put(BRIDGE), put(table())] });
    await kernel.deleteNamespace(one);
    await kernel.createNamespace(one);
    t.is((await kernel.observe(one, { sysctls: [] })).length, 1);
  });
}

function registerLinkTests(test: TestFn, setUp: SetUp): void {
  test('what is put is observed, may be put again, and is gone when deleted', async (t) => {
    const { kernel, name, vni } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    const plan = [BRIDGE, vxlan(vni), veth(sandbox), ...ROWS, table()];
    await applyAll(t, kernel, { name: overlay, operations: plan.map((object) => put(object)) });
    await applyAll(t, kernel, { name: sandbox, operations: [put(PEER)] });
    await expectHeld(t, kernel, { name: overlay, objects: plan });
    await expectHeld(t, kernel, { name: sandbox, objects: [PEER] });

    await applyAll(t, kernel, { name: overlay, operations: plan.map((object) => put(object)) });
    await applyAll(t, kernel, { name: overlay, operations: await repeat(kernel, overlay, plan) });
    await expectHeld(t, kernel, { name: overlay, objects: plan });

    const deletions = [...plan].reverse().map((object) => remove(object));
    await applyAll(t, kernel, { name: overlay, operations: deletions });
    await applyAll(t, kernel, { name: overlay, operations: deletions });
    const left = await kernel.observe(overlay, { sysctls: [] });
    t.deepEqual(left.map(objectKey), ['link/lo']);
  });

  test('a link is changed in place where only its settings differ', async (t) => {
    const { kernel, name, vni } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    const before = [BRIDGE, vxlan(vni), veth(sandbox)];
    const kept = ROWS.filter((row) => row.kind === 'fdb');
    await applyAll(t, kernel, {
      name: overlay,
      operations: [...before, ...kept].map((object) => put(object)),
    });
    const after: LinkObject[] = [
      { ...BRIDGE, mtu: 1400, mac: '02:48:57:00:00:03' as Mac },
      { ...vxlan(vni), mtu: 1400, isUp: false },
      { ...veth(sandbox), mtu: 1400, port: { ...PORT, isolated: true, learning: true } },
    ];
    const operations = after.map((object, index) => put(object, before[index]));
    await applyAll(t, kernel, { name: overlay, operations });
    await expectHeld(t, kernel, { name: overlay, objects: [...after, ...kept] });
  });

  test('a link leaves its bridge, and its rows there, when the plan names none', async (t) => {
    const { kernel, name } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    const row = ROWS.find((object) => object.kind === 'fdb' && object.owner === 'master');
    const operations = [BRIDGE, veth(sandbox), row as KernelObject].map((object) => put(object));
    await applyAll(t, kernel, { name: overlay, operations });
    const { kind, isUp, type } = veth(sandbox);
    const free = { kind, isUp, type, name: 'vabc', peerNamespace: sandbox, peerName: 'eth0' };
    await applyAll(t, kernel, { name: overlay, operations: [put(free as LinkObject)] });
    const objects = await kernel.observe(overlay, { sysctls: [] });
    const link = objects.find((object) => objectKey(object) === 'link/vabc') as LinkObject;
    t.is(link.master, undefined);
    t.false(objects.some((object) => object.kind === 'fdb'));
  });

  test('a VXLAN with another VNI or address is made anew, and begins without rows', async (t) => {
    const { kernel, name, vni } = setUp(t);
    const { overlay } = await makePair(kernel, name);
    const row = ROWS.find((object) => object.kind === 'fdb' && object.owner === 'self');
    const operations = [BRIDGE, vxlan(vni), row as KernelObject].map((object) => put(object));
    await applyAll(t, kernel, { name: overlay, operations });
    const moved = vxlan(vni, '192.0.2.2');
    await applyAll(t, kernel, { name: overlay, operations: [put(moved, vxlan(vni))] });
    await expectHeld(t, kernel, { name: overlay, objects: [moved] });
    const objects = await kernel.observe(overlay, { sysctls: [] });
    t.false(objects.some((object) => object.kind === 'fdb'));
  });

  test('a link of another kind under the name is replaced', async (t) => {
    const { kernel, name } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    const bridge: LinkObject = { ...BRIDGE, name: 'vabc' };
    await applyAll(t, kernel, { name: overlay, operations: [put(BRIDGE), put(bridge)] });
    await applyAll(t, kernel, { name: overlay, operations: [put(veth(sandbox))] });
    await expectHeld(t, kernel, { name: overlay, objects: [veth(sandbox)] });
  });

  test('both ends of a veth go with one, whichever is deleted', async (t) => {
    const { kernel, name } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    for (const [place, link] of [
      [overlay, veth(sandbox)],
      [sandbox, PEER],
    ] as const) {
      await applyAll(t, kernel, { name: overlay, operations: [put(BRIDGE), put(veth(sandbox))] });
      await applyAll(t, kernel, { name: place, operations: [remove(link)] });
      const keys = [
        ...(await kernel.observe(overlay, { sysctls: [] })),
        ...(await kernel.observe(sandbox, { sysctls: [] })),
      ].map(objectKey);
      t.deepEqual(keys.sort(), ['link/br0', 'link/lo', 'link/lo']);
    }
  });

  test('a veth goes with the namespace of its far end', async (t) => {
    const { kernel, name } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    await applyAll(t, kernel, { name: overlay, operations: [put(BRIDGE), put(veth(sandbox))] });
    await kernel.deleteNamespace(sandbox);
    await until('the near end to go', async () => {
      const objects = await kernel.observe(overlay, { sysctls: [] });
      return !objects.some((object) => objectKey(object) === 'link/vabc');
    });
    t.pass();
  });

  test('what hangs on a link goes with it', async (t) => {
    const { kernel, name, vni } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    const links = [BRIDGE, vxlan(vni), veth(sandbox)];
    const operations = [...links, ...ROWS].map((object) => put(object));
    await applyAll(t, kernel, { name: overlay, operations });
    await applyAll(t, kernel, { name: overlay, operations: links.map(remove) });
    const kinds = (await kernel.observe(overlay, { sysctls: [] })).map(({ kind }) => kind);
    t.deepEqual(kinds, ['link', 'rule', 'rule']);
  });

  test('a link that goes down loses its routes', async (t) => {
    const { kernel, name } = setUp(t);
    const { overlay } = await makePair(kernel, name);
    const rows = ROWS.filter((row) => row.kind === 'route');
    const before = [BRIDGE, BRIDGE_ADDRESS, ...rows];
    await applyAll(t, kernel, { name: overlay, operations: before.map((object) => put(object)) });
    const down = put({ ...BRIDGE, isUp: false }, BRIDGE);
    await applyAll(t, kernel, { name: overlay, operations: [down] });
    const objects = await kernel.observe(overlay, { sysctls: [] });
    t.false(objects.some((object) => object.kind === 'route'));
    t.true(objects.some((object) => object.kind === 'address'));
  });
}

function registerRowTests(test: TestFn, setUp: SetUp): void {
  test('a row with other contents takes the place of the one before', async (t) => {
    const { kernel, name, vni } = setUp(t);
    const { overlay, sandbox } = await makePair(kernel, name);
    const links = [BRIDGE, vxlan(vni), veth(sandbox)];
    const before = [...links, ...ROWS].map((object) => put(object));
    await applyAll(t, kernel, { name: overlay, operations: before });
    const changes: KernelObject[] = ROWS.map((row) => changed(row));
    const operations = changes.map((row, index) => put(row, ROWS[index]));
    await applyAll(t, kernel, { name: overlay, operations });
    await expectHeld(t, kernel, { name: overlay, objects: changes });
    const count = (await kernel.observe(overlay, { sysctls: SYSCTLS })).length;
    t.is(count, 1 + links.length + ROWS.length);
  });

  test('a refused operation says why and stops none of the others', async (t) => {
    const { kernel, name, vni } = setUp(t);
    const { overlay } = await makePair(kernel, name);
    const other: LinkObject = { ...vxlan(vni), name: 'vx1' };
    const nowhere: KernelObject = { kind: 'address', link: 'none', address: '10.0.0.1/24' };
    const cases: [Operation, string | undefined][] = [
      [put(BRIDGE), undefined],
      [put(nowhere), 'ENODEV'],
      [remove(nowhere), undefined],
      [put(vxlan(vni)), undefined],
      [put(other), 'EEXIST'],
      [put({ ...PEER, name: 'eth9' }), 'ENODEV'],
      [put({ ...vxlan(vni), name: 'vx2', master: 'none' }), 'ENODEV'],
      [put(route('192.168.9.9')), 'ENETUNREACH'],
      [
        put({ ...(ROWS[9] as KernelObject & { kind: 'fdb' }), mac: 'zz' as Mac }),
        'INVALID_ARGUMENT',
      ],
      [put({ kind: 'sysctl', path: 'net/../kernel/hostname', value: 'x' }), 'INVALID_ARGUMENT'],
      [put({ kind: 'sysctl', path: 'net/ipv4/conf/none/forwarding', value: '1' }), 'ENOENT'],
      [put(BRIDGE_ADDRESS), undefined],
      [put(route('10.77.0.9')), undefined],
    ];
    const outcomes = await settle(
      kernel,
      overlay,
      cases.map(([operation]) => operation),
    );
    t.deepEqual(
      outcomes.map((failure) => failure?.code),
      cases.map(([, code]) => code),
    );
    for (const failure of outcomes) if (failure) t.regex(failure.message, /\w/);
  });
}

function registerNftTests(test: TestFn, setUp: SetUp): void {
  const [ports, affinity] = table().sets as [NftTableObject['sets'][0], NftTableObject['sets'][0]];
  const [vips, marks] = table().maps as [NftTableObject['maps'][0], NftTableObject['maps'][0]];
  const [svcA, svcB, prerouting] = table().chains as [
    NftTableObject['chains'][0],
    NftTableObject['chains'][0],
    NftTableObject['chains'][0],
  ];
  const steps: { name: string; want: NftTableObject }[] = [
    {
      name: 'a service more: its chain and its element',
      want: table({
        maps: [
          {
            ...vips,
            elements: new Map([...vips.elements, ['10.77.0.7 . tcp . 80', 'goto svc-c']]),
          },
          marks,
        ],
        chains: [svcA, svcB, prerouting, { name: 'svc-c', rules: ['dnat ip to 10.77.0.8'] }],
      }),
    },
    {
      name: 'a service less, another with other backends, an element to another chain',
      want: table({
        maps: [
          { ...vips, elements: new Map([['10.77.0.5 . tcp . 80', 'goto svc-b']]) },
          { ...marks, elements: new Map([['02:48:57:00:00:02', '0x3']]) },
        ],
        chains: [{ name: 'svc-b', rules: ['dnat ip to 10.77.0.10', 'drop'] }, prerouting],
      }),
    },
    {
      name: 'sets: elements come and go',
      want: table({ sets: [{ ...ports, elements: ['tcp . 80', 'tcp . 81'] }, affinity] }),
    },
    {
      name: 'sets that go and come with the rules that use them',
      want: table({
        sets: [{ name: 'nets', type: 'ipv4_addr', elements: ['10.1.0.0/16', '10.2.0.1'] }],
        chains: [svcA, svcB, { ...prerouting, rules: ['ip saddr @nets drop'] }],
      }),
    },
    {
      name: 'a set of another type',
      want: table({
        sets: [{ name: 'ports', type: 'inet_service', elements: ['80'] }, affinity],
        chains: [svcA, svcB, { ...prerouting, rules: ['tcp dport @ports drop'] }],
      }),
    },
    {
      name: 'a base chain at another priority',
      want: table({
        chains: [
          svcA,
          svcB,
          {
            ...prerouting,
            base: { type: 'nat', hook: 'prerouting', priority: -90, policy: 'accept' },
          },
        ],
      }),
    },
    { name: 'an empty table', want: table({ sets: [], maps: [], chains: [] }) },
  ];
  for (const { name: title, want } of steps) {
    test(`an nft table changes, there and back: ${title}`, async (t) => {
      const { kernel, name } = setUp(t);
      const one = name('one');
      await kernel.createNamespace(one);
      await applyAll(t, kernel, { name: one, operations: [put(table())] });
      for (const next of [want, table()]) {
        const [was] = await tables(kernel, one);
        await applyAll(t, kernel, { name: one, operations: [put(next, was)] });
        await expectHeld(t, kernel, { name: one, objects: [next] });
      }
      await applyAll(t, kernel, { name: one, operations: [remove(want)] });
      t.deepEqual(await tables(kernel, one), []);
    });
  }

  test('an nft table is put although the kernel holds another than was thought', async (t) => {
    const { kernel, name } = setUp(t);
    const one = name('one');
    await kernel.createNamespace(one);
    const thought = (steps[0] as { want: NftTableObject }).want;
    await applyAll(t, kernel, { name: one, operations: [put(table())] });
    const wanted = table({ chains: [svcA, svcB, { ...prerouting, rules: [] }] });
    await applyAll(t, kernel, { name: one, operations: [put(wanted, thought)] });
    await expectHeld(t, kernel, { name: one, objects: [wanted] });
  });

  test('an nft table that is refused leaves the others their success', async (t) => {
    const { kernel, name } = setUp(t);
    const one = name('one');
    await kernel.createNamespace(one);
    const bad = table({ name: 'hawser-bad', chains: [{ name: 'c', rules: ['jump nowhere'] }] });
    const escaping = table({
      name: 'hawser-esc',
      chains: [{ name: 'c', rules: ['accept\ndrop'] }],
    });
    const other = table({ name: 'hawser-other' });
    const operations = [put(bad), put(table()), put(escaping), put(other)];
    const failures = await settle(kernel, one, operations);
    t.deepEqual(
      failures.map((failure) => failure?.code),
      ['NFT', undefined, 'INVALID_ARGUMENT', undefined],
    );
    await expectHeld(t, kernel, { name: one, objects: [table(), other] });
    t.is((await tables(kernel, one)).length, 2);
  });
}

function route(via: string): KernelObject {
  return {
    kind: 'route',
    destination: '10.99.0.0/16',
    table: 254,
    link: 'br0',
    via,
    isOnlink: false,
  };
}

/** The same key with other contents, where an object has any beside its key. */
function changed(row: KernelObject): KernelObject {
  switch (row.kind) {
    case 'route':
      return { ...row, via: '10.77.0.10', isOnlink: true };
    case 'rule':
      return { ...row, table: 1002 };
    case 'neighbour':
      return { ...row, mac: '02:48:57:00:00:99' as Mac };
    case 'fdb':
      return row.owner === 'self' ? { ...row, vtep: '192.0.2.10' } : row;
    case 'sysctl':
      return { ...row, value: row.value === '1' ? '0' : '1' };
    case 'address':
    case 'link':
    case 'nft-table':
      return row;
  }
}

export function put(object: KernelObject, was?: KernelObject): Operation {
  return { action: 'put', object, ...(was === undefined ? {} : { was }) };
}

export function remove(object: KernelObject): Operation {
  return { action: 'delete', object };
}

async function makePair(
  kernel: Kernel,
  name: KernelUnderTest['name'],
): Promise<{ overlay: NamespaceName; sandbox: NamespaceName }> {
  const pair = { overlay: name('overlay'), sandbox: name('sandbox') };
  await kernel.createNamespace(pair.overlay);
  await kernel.createNamespace(pair.sandbox);
  return pair;
}

/** The plan again, with what is there as `was`. */
async function repeat(
  kernel: Kernel,
  name: NamespaceName,
  plan: readonly KernelObject[],
): Promise<Operation[]> {
  const observed = await kernel.observe(name, { sysctls: SYSCTLS });
  const byKey = new Map(observed.map((object) => [objectKey(object), object]));
  return plan.map((object) => put(object, byKey.get(objectKey(object))));
}

async function settle(
  kernel: Kernel,
  name: NamespaceName,
  operations: readonly Operation[],
): Promise<(KernelFailure | undefined)[]> {
  const outcomes = await kernel.apply(name, operations);
  return outcomes.map((outcome) => (outcome.ok ? undefined : outcome.error));
}

interface Batch {
  readonly name: NamespaceName;
  readonly operations: readonly Operation[];
}

async function applyAll(t: ExecutionContext, kernel: Kernel, batch: Batch): Promise<void> {
  const failures = await settle(kernel, batch.name, batch.operations);
  t.deepEqual(
    failures.filter((failure) => failure !== undefined),
    [],
  );
}

async function expectHeld(
  t: ExecutionContext,
  kernel: Kernel,
  expected: { readonly name: NamespaceName; readonly objects: readonly KernelObject[] },
): Promise<void> {
  const observed = await kernel.observe(expected.name, { sysctls: SYSCTLS });
  const byKey = new Map(observed.map((object) => [objectKey(object), object]));
  for (const object of expected.objects) {
    const held = byKey.get(objectKey(object));
    const relevant =
      held && Object.fromEntries(Object.keys(object).map((f) => [f, held[f as 'kind']]));
    t.deepEqual(comparable(relevant), comparable(object), objectKey(object));
  }
}

/** Without what the kernel orders by itself: chains, sets, elements; rules by their digests. */
function comparable(object: unknown): unknown {
  const candidate = object as NftTableObject | undefined;
  if (candidate?.kind !== 'nft-table') return object;
  const byName = (one: { name: string }, other: { name: string }): number =>
    one.name < other.name ? -1 : 1;
  const decimal = (text: string): string =>
    text.replace(/0x[0-9a-f]+/g, (number) => String(Number(number)));
  return {
    ...candidate,
    sets: [...candidate.sets].sort(byName).map((set) => ({
      ...set,
      elements: [...set.elements].sort(),
    })),
    maps: [...candidate.maps].sort(byName).map((map) => ({
      ...map,
      elements: [...map.elements].map(([key, value]) => `${key} : ${decimal(value)}`).sort(),
    })),
    chains: [...candidate.chains].sort(byName).map((chain) => ({
      ...chain,
      rules: chain.rules.map(nftRuleKey),
    })),
  };
}

async function tables(kernel: Kernel, name: NamespaceName): Promise<NftTableObject[]> {
  const observed = await kernel.observe(name, { sysctls: [] });
  return observed.filter((object) => object.kind === 'nft-table');
}

/** Waits for a condition; throws with what was awaited after the deadline. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await wait(5);
  }
}

/** Whether two observations hold the same, whatever their order. */
export function holdsSame(one: readonly KernelObject[], other: readonly KernelObject[]): boolean {
  const sorted = (objects: readonly KernelObject[]): unknown[] =>
    [...objects]
      .sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1))
      .map((object) => comparable(object));
  return isDeepStrictEqual(sorted(one), sorted(other));
}
