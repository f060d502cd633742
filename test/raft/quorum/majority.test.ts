/** Against a second implementation that counts subsets, and knows no formula. */
import { testProp, fc } from '@fast-check/ava';
import test from 'ava';
import type { PeerId } from '../../../src/raft/index.ts';
import { Ballot } from '../../../src/raft/quorum/ballot.ts';
import { quorumSize, quorumValue, voteResult } from '../../../src/raft/quorum/majority.ts';
import { memberIds } from '../support/words.ts';

const names = fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 0, maxLength: 7 });
const voters = names.map((list) => memberIds(list.map(String)));
const runs = { numRuns: 500 };

function subsetsOf<Item>(items: readonly Item[]): Item[][] {
  return items.reduce<Item[][]>(
    (sets, item) => [...sets, ...sets.map((set) => [...set, item])],
    [[]],
  );
}

/** A set is a quorum when whoever is left out is fewer. */
function isQuorum(set: readonly PeerId[], all: readonly PeerId[]): boolean {
  return (
    all.filter((peer) => set.includes(peer)).length > all.filter((p) => !set.includes(p)).length
  );
}

testProp(
  'the quorum value is the best that all of some quorum have reached',
  [voters, fc.array(fc.nat({ max: 9 }), { minLength: 20, maxLength: 20 })],
  (t, group, values) => {
    const valueOf = (peer: PeerId): number => values[Number(peer) - 1] ?? 0;
    const reached = subsetsOf(group)
      .filter((set) => isQuorum(set, group))
      .map((set) => Math.min(...set.map(valueOf)));
    t.is(quorumValue(group, valueOf), Math.max(0, ...reached));
  },
  runs,
);

const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 20, maxLength: 20 });

testProp(
  'an election is won or lost when no outcome of the open votes would change it',
  [voters, votes],
  (t, group, said) => {
    const voteOf = (peer: PeerId): boolean | undefined => said[Number(peer) - 1];
    const given = new Map(
      memberIds(said.map((_, at) => String(at + 1))).flatMap((peer) => {
        const vote = voteOf(peer);
        return vote === undefined ? [] : [[peer, vote] as const];
      }),
    );
    const granted = group.filter((peer) => voteOf(peer) === true);
    const open = group.filter((peer) => voteOf(peer) === undefined);
    const ends = subsetsOf(open).map((set) => isQuorum([...granted, ...set], group));
    const isWon = ends.every((won) => won);
    const isLost = ends.every((won) => !won);
    t.is(voteResult(group, given), isWon ? 'won' : isLost ? 'lost' : 'open');
  },
  runs,
);

testProp(
  'a quorum has the size of the smallest set that is one',
  [voters.filter((group) => group.length > 0)],
  (t, group) => {
    const sizes = subsetsOf(group)
      .filter((set) => isQuorum(set, group))
      .map((set) => set.length);
    t.is(quorumSize(group.length), Math.min(...sizes));
  },
  runs,
);

testProp(
  'any quorum meets any quorum of a membership that is one voter away',
  [voters.filter((group) => group.length > 1)],
  (t, group) => {
    const smaller = group.slice(1);
    const quorums = (all: readonly PeerId[]) => subsetsOf(all).filter((set) => isQuorum(set, all));
    for (const one of quorums(group))
      for (const other of [...quorums(group), ...quorums(smaller)])
        if (!one.some((peer) => other.includes(peer)))
          t.fail(`${String(one)} and ${String(other)}`);
    t.pass();
  },
  { numRuns: 20 },
);

test('without voters nobody wins and nothing is reached', (t) => {
  t.is(voteResult([], new Map()), 'lost');
  t.is(
    quorumValue([], () => 9),
    0,
  );
});

test('the first word of a peer counts, and only voters are counted', (t) => {
  const [one, two, three, stranger] = memberIds(['1', '2', '3', '9']) as [
    PeerId,
    PeerId,
    PeerId,
    PeerId,
  ];
  const ballot = new Ballot();
  ballot.record(one, true);
  ballot.record(stranger, true);
  t.is(ballot.result([one, two, three]), 'open');
  ballot.record(two, false);
  ballot.record(two, true);
  t.is(ballot.result([one, two, three]), 'open');
  t.true(ballot.hasVoteOf(two) && !ballot.hasVoteOf(three));
  ballot.record(three, true);
  t.is(ballot.result([one, two, three]), 'won');
});
