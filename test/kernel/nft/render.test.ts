import test from 'ava';
import fc from 'fast-check';
import { nftDigest, type NftTableObject } from '../../../src/dataplane/index.ts';
import { KernelError } from '../../../src/kernel/index.ts';
import { canonicalElement, renderNft } from '../../../src/kernel/nft/render.ts';
import { asObserved, contentsOf, interpret, type Table } from './script-interpreter.ts';

function table(change: Partial<NftTableObject> = {}): NftTableObject {
  return {
    kind: 'nft-table',
    family: 'inet',
    name: 'hawser',
    sets: [{ name: 'ports', type: 'inet_service', elements: ['80'] }],
    maps: [
      {
        name: 'vips',
        type: 'ipv4_addr : verdict',
        elements: new Map([['10.0.0.5', 'goto svc-a']]),
      },
    ],
    chains: [
      { name: 'svc-a', rules: ['dnat ip to 10.0.0.8'] },
      {
        name: 'pre',
        base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
        rules: ['ip daddr vmap @vips'],
      },
    ],
    ...change,
  };
}

const [vips] = table().maps as [NftTableObject['maps'][0]];
const [svcA, pre] = table().chains as [NftTableObject['chains'][0], NftTableObject['chains'][0]];
const rule = (chain: string, text: string): string =>
  `add rule inet hawser ${chain} ${text} comment "${nftDigest(text)}"`;

const GOLDEN: { name: string; was?: NftTableObject; want?: NftTableObject; expected: string[] }[] =
  [
    { name: 'nothing wanted where nothing was: nothing', expected: [] },
    {
      name: 'no table wanted: it is deleted, also when it is gone',
      was: table(),
      expected: ['add table inet hawser', 'delete table inet hawser'],
    },
    {
      name: 'a table of which nothing is known: replaced as a whole',
      want: table(),
      expected: [
        'add table inet hawser',
        'delete table inet hawser',
        'add table inet hawser',
        'add set inet hawser ports { type inet_service; }',
        'add map inet hawser vips { type ipv4_addr : verdict; }',
        'add chain inet hawser svc-a',
        'add chain inet hawser pre { type nat hook prerouting priority -100; policy accept; }',
        'add element inet hawser ports { 80 }',
        'add element inet hawser vips { 10.0.0.5 : goto svc-a }',
        rule('svc-a', 'dnat ip to 10.0.0.8'),
        rule('pre', 'ip daddr vmap @vips'),
      ],
    },
    { name: 'the same table: nothing', was: asObserved(table()), want: table(), expected: [] },
    {
      name: 'one element and one chain more: just these, the chain first',
      was: asObserved(table()),
      want: table({
        maps: [{ ...vips, elements: new Map([...vips.elements, ['10.0.0.6', 'goto svc-b']]) }],
        chains: [svcA, { name: 'svc-b', rules: ['drop'] }, pre],
      }),
      expected: [
        'add chain inet hawser svc-b',
        'add element inet hawser vips { 10.0.0.6 : goto svc-b }',
        rule('svc-b', 'drop'),
      ],
    },
    {
      name: 'a service less: its element goes before its chain',
      was: asObserved(table()),
      want: table({ maps: [{ ...vips, elements: new Map() }], chains: [pre] }),
      expected: [
        'flush chain inet hawser svc-a',
        'delete element inet hawser vips { 10.0.0.5 }',
        'delete chain inet hawser svc-a',
      ],
    },
    {
      name: 'other backends: the one chain is filled anew',
      was: asObserved(table()),
      want: table({ chains: [{ ...svcA, rules: ['dnat ip to 10.0.0.9'] }, pre] }),
      expected: ['flush chain inet hawser svc-a', rule('svc-a', 'dnat ip to 10.0.0.9')],
    },
    {
      name: 'a value changed: the element leaves and comes',
      was: asObserved(table()),
      want: table({ maps: [{ ...vips, elements: new Map([['10.0.0.5', 'drop']]) }] }),
      expected: [
        'delete element inet hawser vips { 10.0.0.5 }',
        'add element inet hawser vips { 10.0.0.5 : drop }',
      ],
    },
    {
      name: 'a chain of ingress is one of the loopback device',
      was: asObserved(table()),
      want: table({
        chains: [
          svcA,
          pre,
          {
            name: 'lo',
            base: { type: 'filter', hook: 'ingress', priority: 0, policy: 'accept' },
            rules: [],
          },
        ],
      }),
      expected: [
        'add chain inet hawser lo ' +
          '{ type filter hook ingress device "lo" priority 0; policy accept; }',
      ],
    },
    {
      name: 'another hook: the chain is deleted and added, and nothing else touched',
      was: asObserved(table()),
      want: table({
        chains: [
          svcA,
          { ...pre, base: { ...(pre.base as NonNullable<typeof pre.base>), priority: -90 } },
        ],
      }),
      expected: [
        'flush chain inet hawser pre',
        'delete chain inet hawser pre',
        'add chain inet hawser pre { type nat hook prerouting priority -90; policy accept; }',
        rule('pre', 'ip daddr vmap @vips'),
      ],
    },
    {
      name: 'what packets put into a dynamic set is left alone',
      was: table({
        sets: [
          {
            name: 'ports',
            type: 'ipv4_addr',
            dynamic: { timeoutSeconds: 60, sizeMax: 10 },
            elements: ['1.2.3.4'],
          },
        ],
      }),
      want: table({
        sets: [
          {
            name: 'ports',
            type: 'ipv4_addr',
            dynamic: { timeoutSeconds: 60, sizeMax: 10 },
            elements: [],
          },
        ],
      }),
      expected: [],
    },
  ];

for (const { name, was, want, expected } of GOLDEN)
  test(name, (t) => {
    const script = renderNft(was, want);
    t.deepEqual(script.split('\n').slice(0, -1), expected);
  });

test('a set that changes its type makes the table anew', (t) => {
  const was = table({ sets: [{ name: 'ports', type: 'ipv4_addr', elements: [] }] });
  t.true(renderNft(was, table()).startsWith('add table inet hawser\ndelete table inet hawser\n'));
});

test('ten thousand elements are written in commands of a thousand', (t) => {
  const elements = Array.from({ length: 10_000 }, (_, index) => String(index));
  const want = table({ sets: [{ name: 'ports', type: 'inet_service', elements }] });
  const lines = renderNft(asObserved(table()), want).split('\n');
  t.is(lines.filter((line) => line.startsWith('add element inet hawser ports')).length, 10);
});

const HOSTILE: { name: string; want: NftTableObject }[] = [
  {
    name: 'a rule with a new line',
    want: table({ chains: [{ name: 'c', rules: ['drop\nflush ruleset'] }] }),
  },
  { name: 'a rule with a comment', want: table({ chains: [{ name: 'c', rules: ['drop # x'] }] }) },
  { name: 'a chain name with a brace', want: table({ chains: [{ name: 'c { }', rules: [] }] }) },
  { name: 'a table name with a semicolon', want: table({ name: 'hawser; flush ruleset' }) },
  {
    name: 'a set type that closes',
    want: table({ sets: [{ name: 's', type: 'mark; }', elements: [] }] }),
  },
  {
    name: 'an element that closes',
    want: table({ sets: [{ name: 's', type: 'mark', elements: ['1 }'] }] }),
  },
  {
    name: 'a map value with a comma',
    want: table({
      maps: [{ ...vips, elements: new Map([['1.2.3.4', 'drop, 1.2.3.5 : accept']]) }],
    }),
  },
];

for (const { name, want } of HOSTILE)
  test(`refused: ${name}`, (t) => {
    const error = t.throws(() => renderNft(undefined, want), { instanceOf: KernelError });
    t.is(error.detail.code, 'INVALID_ARGUMENT');
  });

test('elements have one spelling', (t) => {
  t.is(canonicalElement('  10.0.0.1 .  tcp . 0x1F '), '10.0.0.1 . tcp . 31');
  t.is(canonicalElement('goto svc-a'), 'goto svc-a');
});

const name = fc.constantFrom('a', 'b', 'c', 'd');
/** A table whose verdicts and rules name only what it has. */
const anyTable: fc.Arbitrary<NftTableObject> = fc
  .record({
    chains: fc.uniqueArray(name, { minLength: 1 }),
    sets: fc.uniqueArray(name),
    hook: fc.constantFrom('prerouting', 'output', undefined),
    seed: fc.array(fc.nat({ max: 40 }), { minLength: 30, maxLength: 30 }),
  })
  .map(({ chains, sets, hook, seed }) => {
    let at = 0;
    const next = (bound: number): number => (seed[(at += 1) % seed.length] ?? 0) % bound;
    const target = (): string => `goto chain-${chains[next(chains.length)] as string}`;
    const keys = (count: number): string[] => [
      ...new Set(Array.from({ length: count }, () => String(next(40)))),
    ];
    return table({
      sets: sets.map((set) => ({ name: `set-${set}`, type: 'mark', elements: keys(next(6)) })),
      maps: [
        {
          name: 'verdicts',
          type: 'mark : verdict',
          elements: new Map(keys(next(8)).map((key) => [key, target()])),
        },
      ],
      chains: [
        ...chains.map((chain) => ({
          name: `chain-${chain}`,
          rules: Array.from(
            { length: next(3) },
            () => ['drop', `meta mark ${next(9)} accept`][next(2)] as string,
          ),
        })),
        ...(hook === undefined
          ? []
          : [
              {
                name: 'base',
                base: { type: 'nat', hook, priority: next(3), policy: 'accept' } as const,
                rules: [
                  'meta mark vmap @verdicts',
                  target(),
                  ...sets.map((set) => `meta mark @set-${set} drop`),
                ],
              },
            ]),
      ],
    });
  });

test('from any table to any other, a script that names only what is there arrives at it', (t) => {
  const key = 'inet hawser';
  const none = new Map<string, Table>();
  fc.assert(
    fc.property(anyTable, anyTable, (was, want) => {
      const before = interpret(none, renderNft(undefined, was));
      const after = interpret(before, renderNft(asObserved(was), want)).get(key);
      const whole = interpret(before, renderNft(undefined, want)).get(key);
      t.deepEqual(contentsOf(after), contentsOf(whole));
      t.is(renderNft(asObserved(want), want), '');
    }),
    { numRuns: 500 },
  );
});
