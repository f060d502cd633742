/** The face towards the host: what comes out when, and what a host that errs is told. */
import test from 'ava';
import type { LogIndex, Message, PeerId, Term, WriteId } from '../../../src/raft/index.ts';
import { TestPeer, ofKind } from '../support/test-peer.ts';
import {
  accepted,
  append,
  appendReply,
  entry,
  heartbeat,
  membershipEntry,
  voteRequest,
} from '../support/words.ts';

const TWO = { from: '2', term: 1 };

test('a core at rest has no work, and drains nothing', (t) => {
  const { raft } = new TestPeer();
  t.false(raft.hasWork);
  const ready = raft.drain();
  t.is(ready.write, undefined);
  for (const list of [ready.messages, ready.committed, ready.reads, ready.lostReads])
    t.is(list.length, 0);
});

test('one write at a time; the next one has everything that has gathered', (t) => {
  const peer = new TestPeer();
  const { raft } = peer;
  raft.step(append(TWO, [0, 0], { entries: [entry(1, 1)] }));
  const first = raft.drain().write;
  t.is(first?.entries.length, 1);
  raft.step(append(TWO, [1, 1], { entries: [entry(2, 1)] }));
  raft.step(append(TWO, [2, 1], { entries: [entry(3, 1)] }));
  t.is(raft.drain().write, undefined);
  t.false(raft.hasWork, 'it waits for the disk');
  peer.log.append(first?.entries ?? []);
  raft.advance({ persisted: first?.id as WriteId });
  const second = raft.drain().write;
  t.deepEqual(
    second?.entries.map(({ index }) => index as number),
    [2, 3],
  );
});

test('a write that only carries messages needs no disk', (t) => {
  const peer = new TestPeer({ terms: [1] });
  peer.hear(append(TWO, [1, 1]));
  peer.raft.step(append(TWO, [1, 1]));
  const { write } = peer.raft.drain();
  t.like(write, { needsSync: false, hardState: undefined });
  t.is(write?.messages[0]?.kind, 'append.reply');
});

test('a hard state is written only when it has changed', (t) => {
  const peer = new TestPeer({ term: 1 });
  peer.raft.step(append(TWO, [0, 0], { entries: [entry(1, 1)] }));
  t.like(peer.raft.drain().write, { needsSync: true, hardState: undefined });
});

test('the end of a write that did not begin is a bug of the host', (t) => {
  const { raft } = new TestPeer();
  t.throws(() => raft.advance({ persisted: 1 as WriteId }));
});

test('a write whose entries the host does not show is a bug of the host', (t) => {
  const { raft } = new TestPeer();
  raft.step(append(TWO, [0, 0], { entries: [entry(1, 1)] }));
  const id = raft.drain().write?.id;
  t.throws(() => raft.advance({ persisted: id as WriteId }));
});

test('nothing is proposed by nobody', (t) => {
  t.throws(() => new TestPeer().raft.propose([]));
});

test('what is committed comes once, when it is durable', (t) => {
  const peer = new TestPeer();
  peer.isDiskHeld = true;
  peer.hear(append(TWO, [0, 0], { entries: [entry(1, 1), entry(2, 1)], commit: 2 }));
  t.is(peer.applied.length, 0);
  peer.sync();
  peer.isDiskHeld = false;
  peer.work();
  t.deepEqual(
    peer.applied.map(({ index }) => index as number),
    [1, 2],
  );
  peer.hear(heartbeat(TWO, 2));
  t.is(peer.applied.length, 2);
});

for (const { name, message, reason } of [
  {
    name: 'for another peer',
    message: { ...heartbeat(TWO), to: '9' as PeerId },
    reason: 'not-for-this-peer',
  },
  { name: 'from this peer', message: heartbeat({ from: '1', term: 1 }), reason: 'malformed' },
  {
    name: 'with a gap between its entries',
    message: append(TWO, [0, 0], { entries: [entry(1, 1), entry(3, 1)] }),
    reason: 'malformed',
  },
  {
    name: 'with a gap before its entries',
    message: append(TWO, [0, 0], { entries: [entry(2, 1)] }),
    reason: 'malformed',
  },
  {
    name: 'whose terms go back',
    message: append({ from: '2', term: 5 }, [0, 0], { entries: [entry(1, 5), entry(2, 4)] }),
    reason: 'malformed',
  },
  {
    name: "with entries of a later term than its leader's",
    message: append(TWO, [0, 0], { entries: [entry(1, 2)] }),
    reason: 'malformed',
  },
  {
    name: 'that commits what this peer has been known to hold, and lost',
    message: heartbeat(TWO, 4),
    reason: 'log-lost',
  },
] as { name: string; message: Message; reason: string }[])
  test(`a message ${name} is refused, and changes nothing`, (t) => {
    const { raft } = new TestPeer();
    t.deepEqual(raft.step(message), { kind: 'refused', reason });
    t.like(raft, { term: 0, lastIndex: 0 });
    t.false(raft.hasWork);
    t.is(raft.counters.messagesMalformed, reason === 'not-for-this-peer' ? 0 : 1);
  });

test('an acceptance beyond the end of the log is refused', (t) => {
  const peer = new TestPeer();
  peer.elect('2');
  const reply = appendReply({ from: '2', term: 1 }, accepted(9));
  t.deepEqual(peer.raft.step(reply), { kind: 'refused', reason: 'malformed' });
});

test('a vote and the term it is in are one write, and the answer is in it', (t) => {
  const { raft } = new TestPeer();
  raft.step(voteRequest({ from: '3', term: 4 }, [0, 0]));
  const { messages, write } = raft.drain();
  t.deepEqual(messages, []);
  t.deepEqual(write?.hardState, { term: 4 as Term, vote: '3' as PeerId });
  t.like(write?.messages[0], { kind: 'vote.reply', isGranted: true });
});

test('the hint of a commit for a restart is never above what the write holds', (t) => {
  const peer = new TestPeer();
  peer.raft.step(append(TWO, [0, 0], { entries: [entry(1, 1)], commit: 1 }));
  t.is(peer.raft.drain().write?.commit, 1 as LogIndex);
});

test('a leader shows what it knows of the others; others show nothing', (t) => {
  const peer = new TestPeer({ learners: ['4'] });
  t.deepEqual(peer.raft.peers, []);
  peer.elect('2');
  peer.accept('2');
  const shown = peer.raft.peers.map(({ id, state, match }) => `${id} ${state} ${match}`);
  t.deepEqual(shown, ['2 replicate 1', '3 probe 0', '4 probe 0']);
});

test('the membership is the one in the log at once, and can be asked for by index', (t) => {
  const peer = new TestPeer({ entries: [entry(1, 1), entry(2, 1)], commit: 2 });
  peer.work();
  peer.hear(append(TWO, [2, 1], { entries: [membershipEntry(3, 1, ['1', '2'])], commit: 2 }));
  t.true(peer.raft.isMembershipPending);
  t.deepEqual(peer.raft.membership.voters as readonly string[], ['1', '2']);
  const before = peer.raft.membershipAt(2 as LogIndex);
  t.deepEqual(before.voters as readonly string[], ['1', '2', '3']);
});

test('a peer that the leader does not know may say what it likes', (t) => {
  const peer = new TestPeer();
  peer.elect('2');
  peer.hear(appendReply({ from: '9', term: 1 }, accepted(1)));
  peer.raft.reportUnreachable('9' as PeerId);
  peer.raft.reportSnapshot('9' as PeerId, 'delivered');
  t.is(peer.raft.commit, 0 as LogIndex);
  t.deepEqual(ofKind(peer.work(), 'append.request'), []);
});
