import test from 'ava';
import { advise, judge } from '../../../src/dataplane/index.ts';
import { tryOut, type Way } from './network.ts';

const ways: readonly {
  readonly name: string;
  readonly way: Way;
  readonly isHeard?: boolean;
  readonly faults: readonly string[];
  readonly mtu?: number;
}[] = [
  { name: 'a usual way', way: {}, faults: [], mtu: 1500 },
  { name: 'a way for large packets', way: { mtu: 9000 }, faults: [], mtu: 9000 },
  {
    name: 'a way for larger ones than are looked for',
    way: { mtu: 65_535 },
    faults: [],
    mtu: 9000,
  },
  { name: 'a way one byte wider', way: { mtu: 1501 }, faults: [], mtu: 1501 },
  { name: 'a way of another tunnel', way: { mtu: 1420 }, faults: [], mtu: 1420 },
  { name: 'a cloud’s way', way: { mtu: 8001 }, faults: [], mtu: 8001 },
  { name: 'a way too narrow for IPv6', way: { mtu: 1300 }, faults: ['mtu'], mtu: 1300 },
  { name: 'a way that is cut', way: { isCut: true }, faults: ['unreachable'] },
  { name: 'a way that is cut one way', way: { isCut: true }, isHeard: true, faults: ['one-way'] },
  { name: 'checksums spoilt', way: { losesSummed: true }, faults: ['checksum'], mtu: 1500 },
  {
    name: 'checksums of large packets spoilt',
    way: { losesLargeSummed: true },
    faults: ['checksum'],
    mtu: 1500,
  },
  { name: 'every third packet lost', way: { losesEvery: 3 }, faults: ['loss'], mtu: 1500 },
  { name: 'one packet in thirty lost', way: { losesEvery: 30 }, faults: [], mtu: 1500 },
  { name: 'a clock that is ahead', way: { clockAheadMs: 5000 }, faults: ['clock'], mtu: 1500 },
  { name: 'a clock that is behind', way: { clockAheadMs: -5000 }, faults: ['clock'], mtu: 1500 },
  { name: 'a clock that is a little ahead', way: { clockAheadMs: 400 }, faults: [], mtu: 1500 },
];

for (const { name, way, isHeard = false, faults, mtu } of ways) {
  test(`${name} is found to be so`, (t) => {
    const { result, ms, sent } = tryOut(way);
    t.deepEqual(judge(result, { isHeard }), faults as never);
    t.is(result.pathMtu, mtu);
    t.true(ms <= 15_000, `${ms} ms`);
    t.true(sent <= 100, `${sent} probes`);
    for (const fault of judge(result, { isHeard })) t.regex(advise(fault, result, 4789), /: .{20}/);
  });
}

test('packets that arrive changed are no answers, and are told of', (t) => {
  const { result } = tryOut({ corrupts: true });
  t.is(result.corrupt, 8);
  t.is(result.pathMtu, undefined);
  t.true(judge(result, { isHeard: false }).includes('corrupt'));
});

test('the clock’s difference is good to half a round trip', (t) => {
  const { result } = tryOut({ clockAheadMs: 250 });
  t.is(result.clockOffsetMs, 250);
  t.is(result.roundTripMs, 10);
});
