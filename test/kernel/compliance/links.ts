/** Links: made, changed, replaced, deleted, and what goes with them. */
import type { TestFn } from 'ava';
import type { Mac } from '../../../src/base/index.ts';
import { objectKey, type KernelObject, type LinkObject } from '../../../src/dataplane/index.ts';
import {
  applyAll,
  expectHeld,
  makePair,
  put,
  remove,
  repeat,
  until,
  type SetUp,
} from './harness.ts';
import { BRIDGE, BRIDGE_ADDRESS, PEER, PORT, ROWS, table, veth, vxlan } from './objects.ts';

export function registerLinkTests(test: TestFn, setUp: SetUp): void {
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
