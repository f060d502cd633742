/** What goes beyond a bound is refused as busy, counted, and taken when there is room again. */
import test from 'ava';
import type { ClientId, LogIndex, Message, PeerId, ReadId } from '../../../src/raft/index.ts';
import { TestPeer, command, ofKind, type TestPeerOptions } from '../support/test-peer.ts';
import { append, entry, heartbeat, heartbeatReply, preVoteRequest } from '../support/words.ts';

const ENTRY = 64;

function leader(limits: NonNullable<TestPeerOptions['limits']>): TestPeer {
  const peer = new TestPeer({ limits });
  peer.elect('2', '3');
  for (const from of ['2', '3']) peer.accept(from);
  peer.work();
  return peer;
}

test('a leader takes proposals up to the bytes that no quorum may lack', (t) => {
  const peer = leader({ uncommittedBytesMax: 2 * ENTRY });
  t.is(peer.propose('').kind, 'appended');
  t.is(peer.propose('').kind, 'appended');
  t.deepEqual(peer.propose(''), { kind: 'refused', reason: 'busy' });
  t.is(peer.raft.counters.proposalsBusy, 1);
  peer.work();
  peer.accept('2');
  t.is(peer.propose('').kind, 'appended');
});

test('a batch is taken whole or not at all', (t) => {
  const peer = leader({ entryBytesMax: 3 });
  const before = peer.raft.lastIndex;
  t.deepEqual(peer.propose('a', 'four'), { kind: 'refused', reason: 'too-large' });
  t.is(peer.raft.lastIndex, before);
  t.like(peer.propose('a', 'abc'), { kind: 'appended', index: before + 1 });
  t.is(peer.raft.lastIndex, (before + 2) as LogIndex);
});

test('a leader whose disk is slow takes no more than may wait for it', (t) => {
  const peer = leader({ unstableBytesMax: 2 * ENTRY });
  peer.isDiskHeld = true;
  t.is(peer.propose('', '').kind, 'appended');
  peer.work();
  t.deepEqual(peer.propose(''), { kind: 'refused', reason: 'busy' });
  peer.sync();
  t.is(peer.propose('').kind, 'appended');
});

test('a change of membership is a proposal, too', (t) => {
  const peer = leader({ uncommittedBytesMax: ENTRY });
  peer.propose('');
  const outcome = peer.raft.proposeMembership({ kind: 'add-learner', peer: '4' as PeerId });
  t.deepEqual(outcome, { kind: 'refused', reason: 'busy' });
});

test('a follower takes no more appends than may wait for its disk', (t) => {
  const peer = new TestPeer({ limits: { unstableBytesMax: 2 * ENTRY } });
  peer.isDiskHeld = true;
  const from = { from: '2', term: 1 };
  peer.raft.step(append(from, [0, 0], { entries: [entry(1, 1), entry(2, 1)] }));
  const next = append(from, [2, 1], { entries: [entry(3, 1)] });
  t.deepEqual(peer.raft.step(next), { kind: 'busy' });
  t.is(peer.raft.counters.messagesBusy, 1);
  t.deepEqual(peer.raft.step(heartbeat(from)), { kind: 'taken' }, 'what is small still comes in');
  peer.work();
  peer.sync();
  t.deepEqual(peer.raft.step(next), { kind: 'taken' });
});

test('messages that wait for drain are bounded', (t) => {
  const peer = new TestPeer({ limits: { outboxMessagesMax: 2 } });
  const ask: Message = preVoteRequest({ from: '2', term: 1 }, [0, 0]);
  t.is(peer.raft.step(ask).kind, 'taken');
  t.is(peer.raft.step(ask).kind, 'taken');
  t.is(peer.raft.step(ask).kind, 'busy');
  peer.work();
  t.is(peer.raft.step(ask).kind, 'taken');
});

test('a follower forwards as long as its outbox takes it', (t) => {
  const peer = new TestPeer({ limits: { outboxMessagesMax: 2 } });
  peer.hear(heartbeat({ from: '2', term: 1 }));
  t.is(peer.propose('a').kind, 'forwarded');
  t.is(peer.propose('b').kind, 'forwarded');
  t.deepEqual(peer.propose('c'), { kind: 'refused', reason: 'busy' });
  peer.work();
  t.is(peer.propose('c').kind, 'forwarded');
});

test('forwarded commands travel in order, in messages no larger than an append', (t) => {
  const peer = new TestPeer({ limits: { appendBytesMax: 2 * ENTRY + 10 } });
  peer.hear(heartbeat({ from: '2', term: 1 }));
  peer.propose('a', 'b', 'c', 'x'.repeat(500), 'd');
  const parts = ofKind(peer.work(), 'proposal.forward').map(({ commands }) =>
    commands.map(({ data }) => new TextDecoder().decode(data).slice(0, 2)),
  );
  t.deepEqual(parts, [['a', 'b'], ['c'], ['xx'], ['d']]);
});

test('an append is no larger than its bound', (t) => {
  const peer = leader({ appendBytesMax: 2 * ENTRY + 10 });
  peer.propose('a', 'b', 'c', 'x'.repeat(500), 'd');
  const sizes = ofKind(peer.work(), 'append.request')
    .filter(({ to }) => (to as string) === '2')
    .map(({ entries }) => entries.length);
  t.deepEqual(sizes, [2, 1, 1, 1]);
});

test("a leader's reads are bounded, its own and others'", (t) => {
  const peer = leader({ readsMax: 2 });
  const read = (id: number) => peer.raft.readIndex(id as ReadId);
  t.is(read(1).kind, 'queued');
  t.is(read(2).kind, 'queued');
  t.deepEqual(read(3), { kind: 'refused', reason: 'busy' });
  t.is(peer.raft.counters.readsBusy, 1);
  const [from, to] = ['2', '1'] as PeerId[] as [PeerId, PeerId];
  const out = peer.hear({ kind: 'read.request', from, to, ids: [7 as ReadId] });
  t.like(ofKind(out, 'read.reply')[0], { ids: [7], index: undefined });
  peer.hear(heartbeatReply({ from: '3', term: 1 }, 1));
  t.deepEqual(
    peer.reads.map(({ id }) => id as number),
    [1, 2],
  );
  t.is(read(3).kind, 'queued');
});

test("a follower's reads are bounded until they are sent", (t) => {
  const peer = new TestPeer({ limits: { readsMax: 1 } });
  peer.hear(heartbeat({ from: '2', term: 1 }));
  t.is(peer.raft.readIndex(1 as ReadId).kind, 'forwarded');
  t.deepEqual(peer.raft.readIndex(2 as ReadId), { kind: 'refused', reason: 'busy' });
  peer.work();
  t.is(peer.raft.readIndex(2 as ReadId).kind, 'forwarded');
});

test('of forwarded commands those that have room are taken, the others refused by name', (t) => {
  const peer = leader({ uncommittedBytesMax: 2 * ENTRY });
  const commands = ['a', 'b', 'c'].map((text) => command(text));
  const [from, to] = ['2', '1'] as PeerId[] as [PeerId, PeerId];
  const out = peer.hear({ kind: 'proposal.forward', from, to, commands });
  const [refused] = ofKind(out, 'proposal.refused');
  t.deepEqual(refused?.refusals, [{ session: commands[2]?.session, reason: 'busy' }] as never);
  t.is(peer.raft.lastIndex, 3 as LogIndex);
});

test('a refusal is handed to the host that forwarded', (t) => {
  const peer = new TestPeer();
  const session = { client: 'c' as ClientId, sequence: 4, floor: 1, since: 0 as LogIndex };
  const refusals = [{ session, reason: 'busy' }] as const;
  const [from, to] = ['2', '1'] as PeerId[] as [PeerId, PeerId];
  peer.hear({ kind: 'proposal.refused', from, to, refusals });
  t.deepEqual(peer.refusals, [...refusals]);
});
