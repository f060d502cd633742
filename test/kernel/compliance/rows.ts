/** Rows and settings, and refusals. */
import type { TestFn } from 'ava';
import type { Mac } from '../../../src/base/index.ts';
import {
  type KernelObject,
  type LinkObject,
  type Operation,
} from '../../../src/dataplane/index.ts';
import { applyAll, expectHeld, makePair, put, remove, settle, type SetUp } from './harness.ts';
import { BRIDGE, BRIDGE_ADDRESS, PEER, ROWS, SYSCTLS, veth, vxlan } from './objects.ts';

export function registerRowTests(test: TestFn, setUp: SetUp): void {
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
