/** nft tables: from one to another and back. */
import type { TestFn } from 'ava';
import { type NftTableObject } from '../../../src/dataplane/index.ts';
import { applyAll, expectHeld, put, remove, settle, tables, type SetUp } from './harness.ts';
import { table } from './objects.ts';

export function registerNftTests(test: TestFn, setUp: SetUp): void {
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
