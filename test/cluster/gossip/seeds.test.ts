import test from 'ava';
import { SeededRng } from '../../../src/base/index.ts';
import type { MemberView } from '../../../src/gossip/index.ts';
import { seedsMissing, seedsOf } from '../../../src/cluster/gossip/seeds.ts';
import { nodeId, peer, view } from './facts/rows.ts';

const PORT = 7946;
const hosts = (seeds: readonly { readonly host: string }[]): string[] =>
  seeds.map(({ host }) => host).sort();
const rng = (): SeededRng => new SeededRng(1);

/** Members that gossip has heard of. */
function knowing(
  numbers: readonly number[],
  { liveCount = numbers.length, isJoining = false } = {},
): Parameters<typeof seedsMissing>[1] {
  const ids = numbers.map(nodeId);
  const member = (id: MemberView['id']): MemberView | undefined =>
    ids.includes(id) ? ({ id } as MemberView) : undefined;
  return { liveCount, isJoining, member };
}

test('seeds are all others that are up, on the one port', (t) => {
  const told = view({ peers: [peer(1), peer(2), peer(3, false), peer(4)] });
  const seeds = seedsOf(told, PORT, rng());
  t.deepEqual(hosts(seeds), ['192.0.2.2', '192.0.2.4']);
  t.true(seeds.every(({ port }) => port === PORT));
});

test('of many others, a few different ones are asked', (t) => {
  const peers = Array.from({ length: 200 }, (_, at) => peer(at + 1));
  t.is(new Set(hosts(seedsOf(view({ peers }), PORT, rng()))).size, 16);
});

const CASES = [
  {
    name: 'who knows everyone asks nobody',
    known: knowing([1, 2, 3]),
    isPatient: true,
    expected: [],
  },
  {
    name: 'one that was never heard of is asked',
    known: knowing([1, 2]),
    isPatient: true,
    expected: ['192.0.2.3'],
  },
  {
    name: 'who searches already searches on',
    known: knowing([1, 2], { isJoining: true }),
    isPatient: false,
    expected: [],
  },
  {
    name: 'one that is alone asks everyone, known or not',
    known: knowing([1, 2, 3], { liveCount: 1 }),
    isPatient: true,
    expected: ['192.0.2.2', '192.0.2.3'],
  },
  {
    name: 'one that is alone and searches is patient',
    known: knowing([1], { liveCount: 1, isJoining: true }),
    isPatient: true,
    expected: [],
  },
  {
    name: 'one that is alone begins its search anew now and then',
    known: knowing([1], { liveCount: 1, isJoining: true }),
    isPatient: false,
    expected: ['192.0.2.2', '192.0.2.3'],
  },
];

for (const { name, known, isPatient, expected } of CASES)
  test(name, (t) => {
    const options = { port: PORT, rng: rng(), isPatient };
    t.deepEqual(hosts(seedsMissing(view({}), known, options)), expected);
  });
