import test from 'ava';
import fc from 'fast-check';
import { NFT_FOREIGN_RULE } from '../../../src/dataplane/index.ts';
import { KernelError } from '../../../src/kernel/index.ts';
import { parseNft } from '../../../src/kernel/nft/parse.ts';

const TABLE = { table: { family: 'inet', name: 'hawser', handle: 1 } };
const PLACE = { family: 'inet', table: 'hawser' };

function parse(...items: unknown[]): ReturnType<typeof parseNft>[0] {
  const [table] = parseNft({ nftables: [{ metainfo: { version: '1.0.6' } }, TABLE, ...items] });
  if (table === undefined) throw new Error('no table was parsed');
  return table;
}

test('a table that is not ours, or of a family we do not use, is left out', (t) => {
  const items = [
    { table: { family: 'ip', name: 'docker' } },
    { chain: { family: 'ip', table: 'docker', name: 'x' } },
    { table: { family: 'netdev', name: 'hawser' } },
  ];
  t.deepEqual(parseNft({ nftables: items }), []);
});

const ELEMENTS: { name: string; element: unknown; expected: string }[] = [
  { name: 'an address', element: '10.0.0.1', expected: '10.0.0.1' },
  { name: 'a number', element: 80, expected: '80' },
  {
    name: 'a concatenation',
    element: { concat: ['10.0.0.1', 'tcp', 80] },
    expected: '10.0.0.1 . tcp . 80',
  },
  { name: 'a prefix', element: { prefix: { addr: '10.0.0.0', len: 8 } }, expected: '10.0.0.0/8' },
  { name: 'a range', element: { range: [80, 90] }, expected: '80-90' },
  {
    name: 'a concatenation of a prefix and a range',
    element: { concat: [{ prefix: { addr: '10.0.0.0', len: 8 } }, { range: [80, 90] }] },
    expected: '10.0.0.0/8 . 80-90',
  },
  {
    name: 'an element with a timeout',
    element: { elem: { val: '10.0.0.1', timeout: 60 } },
    expected: '10.0.0.1',
  },
];

for (const { name, element, expected } of ELEMENTS)
  test(`an element of a set: ${name}`, (t) => {
    const { sets } = parse({ set: { ...PLACE, name: 's', type: 'mark', elem: [element] } });
    t.deepEqual(sets[0]?.elements, [expected]);
  });

const VERDICTS: [unknown, string][] = [
  [{ goto: { target: 'svc-a' } }, 'goto svc-a'],
  [{ jump: { target: 'svc-a' } }, 'jump svc-a'],
  [{ drop: null }, 'drop'],
  [{ accept: null }, 'accept'],
  [2, '2'],
  [{ concat: ['10.0.0.1', 80] }, '10.0.0.1 . 80'],
];

for (const [value, expected] of VERDICTS)
  test(`a value of a map: ${expected}`, (t) => {
    const map = {
      ...PLACE,
      name: 'm',
      type: ['ipv4_addr', 'mark'],
      map: 'verdict',
      elem: [['x', value]],
    };
    const { maps } = parse({ map });
    t.deepEqual(maps, [
      { name: 'm', type: 'ipv4_addr . mark : verdict', elements: new Map([['x', expected]]) },
    ]);
  });

test('a dynamic set is known by its size and has no elements', (t) => {
  const set = {
    ...PLACE,
    name: 's',
    type: 'mark',
    size: 10,
    timeout: 60,
    flags: ['timeout'],
    elem: ['1'],
  };
  t.deepEqual(parse({ set }).sets, [
    { name: 's', type: 'mark', dynamic: { timeoutSeconds: 60, sizeMax: 10 }, elements: [] },
  ]);
});

test('rules are their digests, in order; a rule of somebody else is none of ours', (t) => {
  const rule = (comment?: string): unknown => ({
    rule: { ...PLACE, chain: 'c', handle: 3, comment, expr: [] },
  });
  const chain = { ...PLACE, name: 'c', type: 'nat', hook: 'output', prio: -100, policy: 'accept' };
  const { chains } = parse({ chain }, rule('0123456789abcdef'), rule('by hand'), rule());
  t.deepEqual(chains, [
    {
      name: 'c',
      base: { type: 'nat', hook: 'output', priority: -100, policy: 'accept' },
      rules: ['#0123456789abcdef', NFT_FOREIGN_RULE, NFT_FOREIGN_RULE],
    },
  ]);
});

const word = fc.constantFrom(
  ...['nftables', 'table', 'set', 'map', 'chain', 'rule', 'family', 'name', 'elem', 'type', 'inet'],
  ...['hawser', 'concat', 'prefix', 'range', 'goto', 'target', 'comment', 'hook', 'val', 'flags'],
);
const { document } = fc.letrec((tie) => ({
  document: fc.oneof(
    { depthSize: 'medium' },
    fc.oneof(word, fc.integer(), fc.constant(null), fc.boolean()),
    fc.array(tie('document'), { maxLength: 6 }),
    fc.dictionary(word, tie('document'), { maxKeys: 6 }),
  ),
}));

test('any other JSON is refused with a code', (t) => {
  fc.assert(
    fc.property(fc.array(document, { maxLength: 8 }), fc.boolean(), (items, isWrapped) => {
      try {
        parseNft(isWrapped ? { nftables: [TABLE, ...items] } : items);
      } catch (error) {
        t.true(error instanceof KernelError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
