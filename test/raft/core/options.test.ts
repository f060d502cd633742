import test from 'ava';
import { SeededRng } from '../../../src/base/index.ts';
import {
  MemoryLog,
  RAFT_LIMITS,
  Raft,
  RaftError,
  type LogIndex,
  type LogReader,
  type PeerId,
  type RaftOptions,
  type Term,
} from '../../../src/raft/index.ts';
import { limitsOf, timingOf } from '../../../src/raft/options.ts';
import { entry, membershipEntry, snapshotMeta } from '../support/words.ts';

function options(changes: Partial<RaftOptions> = {}): RaftOptions {
  return { id: '1' as PeerId, log: MemoryLog.empty(), rng: new SeededRng(1), ...changes };
}

for (const [heartbeatTicks, electionTicks, option] of [
  [0, 10, 'heartbeatTicks'],
  [-1, 10, 'heartbeatTicks'],
  [1.5, 10, 'heartbeatTicks'],
  [Number.NaN, 10, 'heartbeatTicks'],
  [10, 10, 'electionTicks'],
  [10, 9, 'electionTicks'],
  [1, 2.5, 'electionTicks'],
  [1, Infinity, 'electionTicks'],
] as const)
  test(`heartbeats each ${heartbeatTicks} and elections after ${electionTicks} ticks are refused`, (t) => {
    const error = t.throws(() => new Raft(options({ timing: { heartbeatTicks, electionTicks } })), {
      instanceOf: RaftError,
    });
    t.deepEqual(error.detail, { code: 'bad-option', option });
  });

for (const option of Object.keys(RAFT_LIMITS) as (keyof typeof RAFT_LIMITS)[])
  for (const value of [0, -1, 0.5, Number.NaN])
    test(`a limit ${option} of ${value} is refused`, (t) => {
      const error = t.throws(() => new Raft(options({ limits: { [option]: value } })), {
        instanceOf: RaftError,
      });
      t.deepEqual(error.detail, { code: 'bad-option', option });
    });

test('limits that are left out are the usual ones', (t) => {
  t.deepEqual(limitsOf(options({ limits: { readsMax: 3 } })), { ...RAFT_LIMITS, readsMax: 3 });
  t.deepEqual(timingOf(options()), { heartbeatTicks: 2, electionTicks: 10 });
});

test('a log that does not go on from its snapshot is a bug of the host', (t) => {
  const log: LogReader = {
    firstIndex: 5 as LogIndex,
    lastIndex: 4 as LogIndex,
    snapshot: snapshotMeta(9, 1),
    term: () => undefined,
    entries: () => undefined,
  };
  t.throws(() => new Raft(options({ log })));
});

test('a log with entries of a later term than the hard state is a bug of the host', (t) => {
  const log = MemoryLog.empty();
  log.append([entry(1, 3)]);
  t.throws(() => new Raft(options({ log, hardState: { term: 2 as Term, vote: undefined } })));
  t.notThrows(() => new Raft(options({ log, hardState: { term: 3 as Term, vote: undefined } })));
});

test('after a restart the membership is the latest in the log', (t) => {
  const log = MemoryLog.empty();
  const others = Array.from({ length: 50 }, (_, at) => entry(at + 3, 1));
  log.append([
    membershipEntry(1, 1, ['1', '2']),
    membershipEntry(2, 1, ['1', '2', '3']),
    ...others,
    membershipEntry(53, 1, ['1', '3']),
  ]);
  const hardState = { term: 1 as Term, vote: undefined };
  const limits = { applyBytesMax: 100 };
  const commit = 53 as LogIndex;
  const raft = new Raft(options({ log, hardState, limits, commit }));
  t.deepEqual(raft.membership.voters as readonly string[], ['1', '3']);
  t.deepEqual(raft.membershipAt(40 as LogIndex).voters as readonly string[], ['1', '2', '3']);
  t.false(raft.isMembershipPending);
});
