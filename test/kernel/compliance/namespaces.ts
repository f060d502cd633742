/** Namespaces come and go. */
import type { TestFn } from 'ava';
import { applyAll, put, type SetUp } from './harness.ts';
import { BRIDGE, table, vxlan } from './objects.ts';

export function registerNamespaceTests(test: TestFn, setUp: SetUp): void {
  test('a namespace is listed from when it is made until it is deleted', async (t) => {
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
