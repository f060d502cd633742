import test from 'ava';
import type { LogIndex, PeerId } from '../../../src/raft/index.ts';
import { MembershipHistory } from '../../../src/raft/membership/history.ts';
import { entry, membershipEntry, snapshotMeta } from '../support/words.ts';

const index = (value: number): LogIndex => value as LogIndex;

/** {1,2,3} as of 5, then {1,2,3,4} at 7 and {2,3,4} at 9. */
function grown(): MembershipHistory {
  const history = new MembershipHistory(snapshotMeta(5, 1));
  history.noteAppended([
    entry(6, 1),
    membershipEntry(7, 1, ['1', '2', '3', '4']),
    entry(8, 1),
    membershipEntry(9, 2, ['2', '3', '4']),
  ]);
  return history;
}

function votersAt(history: MembershipHistory, at: number): string {
  return history.at(index(at)).voters.join(' ');
}

test('a membership holds from its entry on', (t) => {
  const history = grown();
  t.deepEqual(
    [5, 6, 7, 8, 9, 20].map((at) => votersAt(history, at)),
    ['1 2 3', '1 2 3', '1 2 3 4', '1 2 3 4', '2 3 4', '2 3 4'],
  );
  t.is(history.latestIndex, index(9));
  t.throws(() => history.at(index(4)));
});

test('it ends when its entry is cut off, and the one before holds again', (t) => {
  const history = grown();
  t.true(history.noteAppended([entry(8, 3)]));
  t.is(history.latest.voters.join(' '), '1 2 3 4');
  t.true(history.noteAppended([membershipEntry(6, 4, ['1'])]));
  t.deepEqual([votersAt(history, 5), votersAt(history, 6)], ['1 2 3', '1']);
});

test('entries that change no membership are no news', (t) => {
  const history = grown();
  t.false(history.noteAppended([]));
  t.false(history.noteAppended([entry(10, 2)]));
});

test('a change is pending until its entry is committed', (t) => {
  const history = grown();
  t.true(history.isPending(index(8)));
  t.false(history.isPending(index(9)));
});

for (const { peer, committed, mayStand } of [
  { peer: '1', committed: 5, mayStand: true },
  { peer: '1', committed: 8, mayStand: true },
  { peer: '1', committed: 9, mayStand: false },
  { peer: '4', committed: 5, mayStand: true },
  { peer: '5', committed: 5, mayStand: false },
])
  test(`${peer} may ${mayStand ? '' : 'not '}stand when ${committed} is committed`, (t) => {
    t.is(grown().mayStand(peer as PeerId, index(committed)), mayStand);
  });

test('what is before an applied index is forgotten, but not what holds there', (t) => {
  const history = grown();
  history.forgetBefore(index(8));
  t.is(votersAt(history, 8), '1 2 3 4');
  t.throws(() => history.at(index(6)));
  history.forgetBefore(index(8));
  t.is(votersAt(history, 9), '2 3 4');
});

test('a snapshot ends what is not committed, and keeps what the state machine still needs', (t) => {
  const history = grown();
  history.restore(snapshotMeta(20, 4, ['7']), index(7));
  t.deepEqual(
    [5, 7, 19, 20].map((at) => votersAt(history, at)),
    ['1 2 3', '1 2 3 4', '1 2 3 4', '7'],
  );
  history.forgetBefore(index(20));
  t.is(history.latest.voters.join(' '), '7');
});
