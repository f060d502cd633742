/** Ongaro's dissertation: membership (4), disturbers (4.2.3, 9.6), transfer (3.10), reads (6.4). */
import test from 'ava';
import type { Message, MembershipChange, PeerId, ReadId } from '../../../src/raft/index.ts';
import { TestPeer, TIMING, command, ofKind } from '../support/test-peer.ts';
import {
  append,
  entry,
  heartbeat,
  heartbeatReply,
  membershipEntry,
  preVoteRequest,
  timeoutNow,
  voteRequest,
} from '../support/words.ts';

function leader(voters: readonly string[] = ['1', '2', '3'], learners: readonly string[] = []) {
  const peer = new TestPeer({ voters, learners });
  const others = voters.filter((id) => id !== '1');
  peer.elect(...others);
  for (const from of others) peer.accept(from);
  peer.work();
  return peer;
}

function change(kind: MembershipChange['kind'], peer: string): MembershipChange {
  return { kind, peer: peer as PeerId };
}

function readId(id: number): ReadId {
  return id as ReadId;
}

test('9.6: a question before an election raises no term', (t) => {
  const peer = new TestPeer({ term: 1 });
  const out = peer.hear(preVoteRequest({ from: '2', term: 2 }, [0, 0]));
  t.like(ofKind(out, 'pre-vote.reply')[0], { isGranted: true, term: 2 });
  t.like(peer.raft, { term: 1, vote: undefined });
  t.is(peer.writing, undefined);
});

test('9.6: a peer that is cut off keeps its term, however long', (t) => {
  const peer = new TestPeer({ term: 4 });
  peer.tick(500);
  t.like(peer.raft, { term: 4, role: 'pre-candidate' });
});

test('9.6: a question refused in a later term takes its asker there', (t) => {
  const peer = new TestPeer({ term: 4 });
  peer.tick(2 * TIMING.electionTicks);
  peer.hear({
    kind: 'pre-vote.reply',
    from: '2' as PeerId,
    to: '1' as PeerId,
    term: 7 as typeof peer.raft.term,
    isGranted: false,
  });
  t.like(peer.raft, { term: 7, role: 'follower' });
});

for (const make of [preVoteRequest, voteRequest]) {
  test(`4.2.3: who hears a leader ignores a ${make({ from: '3', term: 2 }, [9, 9]).kind}`, (t) => {
    const peer = new TestPeer();
    peer.hear(heartbeat({ from: '2', term: 1 }));
    t.deepEqual(peer.hear(make({ from: '3', term: 2 }, [9, 9])), []);
    t.like(peer.raft, { term: 1, leader: '2' });
    peer.tick(TIMING.electionTicks);
    const [reply] = peer.hear(make({ from: '3', term: 2 }, [9, 9]));
    t.like(reply, { isGranted: true }, 'until it has not heard it for an election time');
  });
}

test('4.2.3: a leader ignores them while a quorum hears it', (t) => {
  const peer = leader();
  t.deepEqual(peer.hear(voteRequest({ from: '3', term: 9 }, [9, 9])), []);
  t.is(peer.raft.role, 'leader');
});

test('6.2: a leader that hears no quorum steps down within two election times', (t) => {
  const peer = leader();
  peer.tick(2 * TIMING.electionTicks);
  t.like(peer.raft, { role: 'follower', leader: undefined });
});

test('6.2: one voice of two is enough for a quorum of three', (t) => {
  const peer = leader();
  for (let beat = 0; beat < 10 * TIMING.electionTicks; beat += 1) {
    peer.tick();
    peer.hear(heartbeatReply({ from: '3', term: 1 }));
  }
  t.is(peer.raft.role, 'leader');
});

test('3.10: leadership is handed to one that holds everything', (t) => {
  const peer = leader();
  peer.propose('x');
  peer.work();
  t.like(peer.raft.transferLeadership('2' as PeerId), { kind: 'started', to: '2' });
  t.deepEqual(ofKind(peer.work(), 'timeout-now'), [], 'not before it does');
  t.deepEqual(
    ofKind(peer.accept('2'), 'timeout-now').map(({ to }) => to as string),
    ['2'],
  );
});

test('3.10: the one told to take over stands at once, and others heed it although they hear a leader', (t) => {
  const heir = new TestPeer();
  heir.hear(heartbeat({ from: '2', term: 1 }));
  const requests = ofKind(heir.hear(timeoutNow({ from: '2', term: 1 })), 'vote.request');
  t.true(requests.length === 2 && requests.every(({ isTransfer }) => isTransfer));
  const other = new TestPeer();
  other.hear(heartbeat({ from: '2', term: 1 }));
  const [reply] = ofKind(
    other.hear(voteRequest({ from: '3', term: 2 }, [0, 0], true)),
    'vote.reply',
  );
  t.is(reply?.isGranted, true);
});

test('3.10: nothing is proposed meanwhile, and a transfer that fails is given up', (t) => {
  const peer = leader();
  peer.raft.transferLeadership('2' as PeerId);
  t.deepEqual(peer.propose('x'), { kind: 'refused', reason: 'transferring' });
  for (let tick = 0; tick < TIMING.electionTicks; tick += 1) {
    peer.tick();
    peer.hear(heartbeatReply({ from: '2', term: 1 }));
  }
  t.is(peer.raft.transferTarget, undefined);
  t.is(peer.propose('x').kind, 'appended');
});

test('3.10: without a name the one that holds the most takes over', (t) => {
  const peer = leader(['1', '2', '3', '4', '5']);
  peer.propose('x');
  peer.work();
  peer.accept('4');
  t.like(peer.raft.transferLeadership(), { kind: 'started', to: '4' });
});

test('3.10: leadership goes to no learner, to nobody unknown and not to itself', (t) => {
  const peer = leader(['1', '2', '3'], ['4']);
  const reasons = ['4', '9', '1'].map((to) => peer.raft.transferLeadership(to as PeerId));
  t.deepEqual(reasons, [
    { kind: 'refused', reason: 'not-a-voter' },
    { kind: 'refused', reason: 'not-a-voter' },
    { kind: 'refused', reason: 'already-leader' },
  ]);
  t.like(new TestPeer().raft.transferLeadership(), { reason: 'not-leader' });
});

test('4.1: a membership is in effect as soon as it is in the log', (t) => {
  const peer = new TestPeer();
  const entries = [membershipEntry(1, 1, ['1', '2', '3', '4'])];
  peer.hear(append({ from: '2', term: 1 }, [0, 0], { entries }));
  t.deepEqual(peer.raft.membership.voters as readonly string[], ['1', '2', '3', '4']);
  t.true(peer.raft.isMembershipPending);
});

test('4.1: a membership whose entry is cut off is undone', (t) => {
  const peer = new TestPeer();
  const entries = [membershipEntry(1, 1, ['1', '2', '3', '4'])];
  peer.hear(append({ from: '2', term: 1 }, [0, 0], { entries }));
  peer.hear(append({ from: '3', term: 2 }, [0, 0], { entries: [entry(1, 2)] }));
  t.deepEqual(peer.raft.membership.voters as readonly string[], ['1', '2', '3']);
});

test('4.1: one change at a time', (t) => {
  const peer = leader();
  t.is(peer.raft.proposeMembership(change('add-learner', '4')).kind, 'appended');
  peer.work();
  t.deepEqual(peer.raft.proposeMembership(change('add-learner', '5')), {
    kind: 'refused',
    reason: 'pending',
  });
  peer.accept('2');
  t.is(peer.raft.proposeMembership(change('add-learner', '5')).kind, 'appended');
});

test('4.1, erratum: no change before the leader has committed in its own term', (t) => {
  const peer = new TestPeer({ terms: [1] });
  peer.elect('2');
  const tried = peer.raft.proposeMembership(change('remove', '3'));
  t.deepEqual(tried, { kind: 'refused', reason: 'not-ready' });
  peer.accept('2');
  t.is(peer.raft.proposeMembership(change('remove', '3')).kind, 'appended');
});

test('4.2.1: a learner receives, and counts for nothing', (t) => {
  const peer = leader(['1', '2', '3'], ['4']);
  peer.accept('4');
  peer.propose('x');
  t.true(ofKind(peer.work(), 'append.request').some(({ to }) => to === ('4' as PeerId)));
  peer.accept('4');
  t.like(peer.raft, { commit: 1 });
});

test('4.2.1: a learner does not stand for election', (t) => {
  const peer = new TestPeer({ voters: ['2', '3'], learners: ['1'] });
  t.deepEqual(peer.tick(100), []);
  peer.hear(heartbeat({ from: '2', term: 1 }));
  t.deepEqual(peer.hear(timeoutNow({ from: '2', term: 1 })), []);
  t.is(peer.raft.role, 'follower');
});

test('4.2.1: a learner that lags is not promoted', (t) => {
  const peer = leader(['1', '2', '3'], ['4']);
  t.deepEqual(peer.raft.proposeMembership(change('promote', '4')), {
    kind: 'refused',
    reason: 'behind',
  });
  peer.accept('4');
  t.is(peer.raft.proposeMembership(change('promote', '4')).kind, 'appended');
});

test('4.2.2: a leader that is removed leads until that is committed, without counting itself', (t) => {
  const peer = leader();
  peer.raft.proposeMembership(change('remove', '1'));
  peer.work();
  peer.accept('2');
  t.like(peer.raft, { role: 'leader', commit: 1 });
  const out = peer.accept('3');
  t.like(peer.raft, { role: 'follower', commit: 2 });
  t.true(ofKind(out, 'append.request').every(({ commit }) => commit === peer.raft.commit));
  t.is(ofKind(out, 'timeout-now').length, 1, 'and somebody is told to take over');
  t.deepEqual(peer.tick(100), [], 'it does not come back');
});

test('4.2.2: a peer that holds its own removal, uncommitted, still stands: it may be needed', (t) => {
  const peer = new TestPeer({ voters: ['1', '2'] });
  peer.hear(append({ from: '2', term: 1 }, [0, 0], { entries: [membershipEntry(1, 1, ['2'])] }));
  t.true(ofKind(peer.tick(50), 'pre-vote.request').length > 0);
  peer.elect('2');
  t.is(peer.raft.role, 'leader');
});

test('6.4: a read waits until a quorum confirms that the leader still leads', (t) => {
  const peer = leader();
  t.deepEqual(peer.raft.readIndex(readId(7)), { kind: 'queued' });
  const beats = ofKind(peer.work(), 'heartbeat.request');
  t.deepEqual(
    beats.map(({ round }) => round),
    [1, 1],
  );
  t.deepEqual(peer.reads, []);
  peer.hear(heartbeatReply({ from: '3', term: 1 }, 1));
  t.deepEqual(peer.reads as unknown, [{ id: 7, index: 1 }]);
});

test('6.4: an answer to an earlier round confirms nothing later', (t) => {
  const peer = leader();
  peer.raft.readIndex(readId(1));
  peer.work();
  peer.raft.readIndex(readId(2));
  peer.work();
  peer.hear(heartbeatReply({ from: '2', term: 1 }, 1));
  t.like(peer.reads, [{ id: 1 }]);
  peer.hear(heartbeatReply({ from: '2', term: 1 }, 2));
  t.like(peer.reads, [{ id: 1 }, { id: 2 }]);
});

test('6.4: reads that come together share a round', (t) => {
  const peer = leader();
  for (let id = 1; id <= 50; id += 1) peer.raft.readIndex(readId(id));
  t.is(ofKind(peer.work(), 'heartbeat.request').length, 2);
  peer.hear(heartbeatReply({ from: '2', term: 1 }, 1));
  t.is(peer.reads.length, 50);
});

test('6.4: a new leader answers no read before it has committed in its own term', (t) => {
  const peer = new TestPeer({ terms: [1] });
  peer.elect('2');
  t.deepEqual(peer.raft.readIndex(readId(1)), { kind: 'queued' });
  peer.hear(heartbeatReply({ from: '2', term: 2 }, 0));
  t.deepEqual(peer.reads, []);
  peer.accept('2');
  peer.hear(heartbeatReply({ from: '2', term: 2 }, 1));
  t.like(peer.reads, [{ id: 1, index: 2 }]);
});

test('6.4: a group of one answers reads by itself', (t) => {
  const peer = leader(['1']);
  peer.raft.readIndex(readId(1));
  peer.work();
  t.like(peer.reads, [{ id: 1, index: 1 }]);
});

test('6.4: a follower asks its leader, and reads what it has applied by then', (t) => {
  const follower = new TestPeer();
  follower.hear(heartbeat({ from: '2', term: 1 }));
  t.like(follower.raft.readIndex(readId(5)), { kind: 'forwarded', to: '2' });
  follower.raft.readIndex(readId(6));
  t.like(follower.work(), [{ kind: 'read.request', to: '2', ids: [5, 6] }]);

  const lead = leader();
  const from = '3' as PeerId;
  const to = '1' as PeerId;
  lead.hear({ kind: 'read.request', from, to, ids: [readId(5)] });
  const out = lead.hear(heartbeatReply({ from: '2', term: 1 }, 1));
  t.like(ofKind(out, 'read.reply')[0], { to: '3', ids: [5], index: 1 });
});

test('6.4: reads that wait when a leader steps down are lost, and said to be', (t) => {
  const peer = leader();
  peer.raft.readIndex(readId(1));
  const remote: Message = {
    kind: 'read.request',
    from: '2' as PeerId,
    to: '1' as PeerId,
    ids: [readId(9)],
  };
  peer.hear(remote);
  const out = peer.hear(heartbeat({ from: '3', term: 2 }));
  t.deepEqual(peer.lostReads as readonly number[], [1]);
  t.is(ofKind(out, 'read.reply')[0]?.index, undefined);
  t.like(peer.raft.readIndex(readId(2)), { kind: 'forwarded', to: '3' });
});

test('6.3: a follower passes commands on, and hears of those that were refused', (t) => {
  const follower = new TestPeer();
  t.deepEqual(follower.propose('x'), { kind: 'refused', reason: 'no-leader' });
  follower.hear(heartbeat({ from: '2', term: 1 }));
  t.like(follower.propose('x'), { kind: 'forwarded', to: '2' });
  t.like(follower.work(), [{ kind: 'proposal.forward', to: '2' }]);

  const stranger = new TestPeer();
  const forward: Message = {
    kind: 'proposal.forward',
    from: '3' as PeerId,
    to: '1' as PeerId,
    commands: [command('x')],
  };
  const [refused] = ofKind(stranger.hear(forward), 'proposal.refused');
  t.like(refused?.refusals[0], { reason: 'not-leader' });
  const lead = leader();
  lead.hear(forward);
  t.like(lead.raft, { lastIndex: 2 });
});
