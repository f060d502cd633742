import { testProp, fc } from '@fast-check/ava';
import test from 'ava';
import type { Membership, MembershipChange } from '../../../src/raft/index.ts';
import { LEARNERS_MAX, VOTERS_MAX } from '../../../src/raft/index.ts';
import { changeMembership } from '../../../src/raft/membership/change.ts';
import { memberIds } from '../support/words.ts';

function membership(voters: string, learners = ''): Membership {
  const list = (text: string) => memberIds(text === '' ? [] : text.split(' '));
  return { voters: list(voters), learners: list(learners) };
}

function change(text: string): MembershipChange {
  const [kind, peer] = text.split(' ');
  return { kind, peer } as MembershipChange;
}

const SEVEN = '1 2 3 4 5 6 7';

for (const { before, asked, after } of [
  { before: membership('1 3'), asked: 'add-learner 2', after: membership('1 3', '2') },
  { before: membership('1', '3'), asked: 'add-learner 2', after: membership('1', '2 3') },
  { before: membership('1 3', '2'), asked: 'promote 2', after: membership('1 2 3') },
  { before: membership('1 2 3'), asked: 'demote 2', after: membership('1 3', '2') },
  { before: membership('1 2'), asked: 'remove 1', after: membership('2') },
  { before: membership('1', '2'), asked: 'remove 2', after: membership('1') },
])
  test(`${asked}: {${before.voters.join(' ')} (${before.learners.join(' ')})} changes`, (t) => {
    t.deepEqual(changeMembership(before, change(asked)), { kind: 'changed', membership: after });
  });

for (const { before, asked, reason } of [
  { before: membership('1 2'), asked: 'add-learner 2', reason: 'already-member' },
  { before: membership('1', '2'), asked: 'add-learner 2', reason: 'already-member' },
  { before: membership('1', 'a b c d e f g'), asked: 'add-learner h', reason: 'too-many-learners' },
  { before: membership('1 2'), asked: 'promote 2', reason: 'not-a-learner' },
  { before: membership('1 2'), asked: 'promote 9', reason: 'not-a-learner' },
  { before: membership(SEVEN, '8'), asked: 'promote 8', reason: 'too-many-voters' },
  { before: membership('1', '2'), asked: 'demote 2', reason: 'not-a-voter' },
  { before: membership('1', '2'), asked: 'demote 1', reason: 'last-voter' },
  { before: membership('1 2', 'a b c d e f g'), asked: 'demote 1', reason: 'too-many-learners' },
  { before: membership('1 2'), asked: 'remove 9', reason: 'not-a-member' },
  { before: membership('1', '2'), asked: 'remove 1', reason: 'last-voter' },
])
  test(`${asked}: refused as ${reason}, from {${before.voters.join(' ')}}`, (t) => {
    t.deepEqual(changeMembership(before, change(asked)), { kind: 'refused', reason });
  });

const changes = fc.array(
  fc.record({
    kind: fc.constantFrom('add-learner', 'promote', 'demote', 'remove'),
    peer: fc.integer({ min: 1, max: 18 }).map(String),
  }) as unknown as fc.Arbitrary<MembershipChange>,
  { minLength: 1, maxLength: 200 },
);

testProp(
  'after any changes there is a voter, nobody is both, lists are sorted and within bounds, and each change moves one voter at most',
  [changes],
  (t, list) => {
    let current = membership('1');
    for (const asked of list) {
      const result = changeMembership(current, asked);
      if (result.kind === 'refused') continue;
      const { voters, learners } = result.membership;
      t.true(voters.length >= 1 && voters.length <= VOTERS_MAX && learners.length <= LEARNERS_MAX);
      t.is(new Set([...voters, ...learners]).size, voters.length + learners.length);
      t.deepEqual([...voters].sort(), [...voters]);
      t.deepEqual([...learners].sort(), [...learners]);
      const before = current.voters;
      const moved = [
        ...voters.filter((peer) => !before.includes(peer)),
        ...before.filter((peer) => !voters.includes(peer)),
      ];
      t.true(moved.length <= 1);
      current = result.membership;
    }
    t.pass();
  },
);
