/** A follower whose connection to its leader breaks. */
import test from 'ava';
import type { PeerId } from '../../../src/raft/index.ts';
import { TIMING, TestPeer, ofKind } from '../support/test-peer.ts';
import { heartbeat, preVoteRequest } from '../support/words.ts';

const TWO = { from: '2', term: 1 };
const { electionTicks } = TIMING;

/** It follows 2 in term 1. */
function follower(seed: number): TestPeer {
  const peer = new TestPeer({ term: 1, seed });
  peer.hear(heartbeat(TWO));
  return peer;
}

test('it doubts the leader at once, and asks for votes within an election time', (t) => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const peer = follower(seed);
    peer.raft.reportUnreachable('2' as PeerId);
    t.is(peer.raft.leader, undefined);
    t.is(ofKind(peer.tick(electionTicks), 'pre-vote.request').length >= 2, true, `seed ${seed}`);
  }
});

test('followers part: they do not all ask at the same tick', (t) => {
  const first = (seed: number): number => {
    const peer = follower(seed);
    peer.raft.reportUnreachable('2' as PeerId);
    let ticks = 1;
    while (ofKind(peer.tick(), 'pre-vote.request').length === 0) ticks += 1;
    return ticks;
  };
  const ticks = Array.from({ length: 100 }, (_, seed) => first(seed));
  t.deepEqual([Math.min(...ticks), Math.max(...ticks)], [1, electionTicks]);
});

test('a leader that is heard again has all of its time', (t) => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const peer = follower(seed);
    peer.raft.reportUnreachable('2' as PeerId);
    peer.hear(heartbeat(TWO));
    t.is(peer.raft.leader, '2' as PeerId);
    t.deepEqual(ofKind(peer.tick(electionTicks), 'pre-vote.request'), [], `seed ${seed}`);
  }
});

test('it gives its pre-vote to another that doubts too, and those that hear the leader do not', (t) => {
  const asks = preVoteRequest({ from: '3', term: 2 }, [0, 0]);
  const doubting = follower(1);
  doubting.raft.reportUnreachable('2' as PeerId);
  t.like(ofKind(doubting.hear(asks), 'pre-vote.reply')[0], { isGranted: true });
  const content = follower(1);
  t.deepEqual(ofKind(content.hear(asks), 'pre-vote.reply'), []);
});

test('another peer that is unreachable changes nothing', (t) => {
  const peer = follower(1);
  peer.raft.reportUnreachable('3' as PeerId);
  t.is(peer.raft.leader, '2' as PeerId);
  t.deepEqual(ofKind(peer.tick(electionTicks), 'pre-vote.request'), []);
});
