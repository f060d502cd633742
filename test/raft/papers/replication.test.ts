/** The paper on replication and commitment: 5.3, 5.4.2, 7, and figure 2. */
import test from 'ava';
import { TestPeer, ofKind } from '../support/test-peer.ts';
import {
  accepted,
  append,
  appendReply,
  entry,
  heartbeat,
  heartbeatReply,
  rejected,
  snapshotMeta,
} from '../support/words.ts';
import type { Message } from '../../../src/raft/index.ts';

function leader(options = {}): TestPeer {
  const peer = new TestPeer(options);
  peer.elect('2');
  for (const from of ['2', '3']) peer.accept(from);
  peer.work();
  return peer;
}

test('5.3: a leader appends a command and sends it to the others', (t) => {
  const peer = leader();
  t.like(peer.propose('x'), { kind: 'appended', index: 2, term: 1 });
  const appends = ofKind(peer.work(), 'append.request');
  t.is(appends.length, 2);
  for (const { previousIndex, previousTerm, entries } of appends)
    t.like(
      { previousIndex, previousTerm, last: entries.at(-1) },
      {
        previousIndex: 1,
        previousTerm: 1,
        last: { index: 2, term: 1 },
      },
    );
});

test('5.3: a command is committed and applied when a quorum holds it, and followers are told', (t) => {
  const peer = leader();
  peer.propose('x');
  peer.work();
  t.like(peer.raft, { commit: 1, applied: 1 });
  const told = ofKind(peer.accept('2'), 'append.request');
  t.like(peer.raft, { commit: 2, applied: 2 });
  t.true(told.every(({ commit }) => commit === (2 as typeof commit)) && told.length > 0);
});

test('5.3: many proposals share one append and one write', (t) => {
  const peer = leader();
  for (let at = 0; at < 100; at += 1) peer.propose(`x${at}`);
  peer.isDiskHeld = true;
  const appends = ofKind(peer.work(), 'append.request');
  t.deepEqual(
    appends.map(({ entries }) => entries.length),
    [100, 100],
  );
  t.is(peer.writing?.entries.length, 100);
});

test('5.3: a leader sends ahead, without waiting for answers', (t) => {
  const peer = leader();
  for (let at = 0; at < 3; at += 1) {
    peer.propose('x');
    const [request] = ofKind(peer.work(), 'append.request');
    t.like(request, { previousIndex: at + 1 });
  }
});

test('10.2.1: the leader counts itself only when its own disk is done', (t) => {
  const peer = new TestPeer({ voters: ['1', '2'] });
  peer.elect('2');
  peer.accept('2');
  peer.isDiskHeld = true;
  peer.propose('x');
  t.is(ofKind(peer.work(), 'append.request').length, 1, 'others get it meanwhile');
  peer.accept('2');
  t.like(peer.raft, { commit: 1 });
  peer.sync();
  t.like(peer.raft, { commit: 2 });
});

const CONSISTENCY = [
  { previous: [0, 0], outcome: 'accepted', at: 1 },
  { previous: [1, 1], outcome: 'accepted', at: 2 },
  { previous: [2, 2], outcome: 'accepted', at: 3 },
  { previous: [1, 2], outcome: 'rejected', at: 1 },
  { previous: [2, 3], outcome: 'rejected', at: 2 },
  { previous: [3, 3], outcome: 'rejected', at: 3 },
] as const;

for (const { previous, outcome, at } of CONSISTENCY) {
  test(`5.3: terms [1,2] asked to go on after ${previous[0]} in term ${previous[1]}: ${outcome}`, (t) => {
    const peer = new TestPeer({ terms: [1, 2] });
    const next = entry(previous[0] + 1, 3);
    const out = peer.hear(append({ from: '2', term: 3 }, previous, { entries: [next] }));
    const [reply] = ofKind(out, 'append.reply');
    t.is(reply?.outcome.kind, outcome);
    if (reply?.outcome.kind === 'accepted') t.like(reply.outcome, { match: at });
    else t.like(reply?.outcome, { previousIndex: at });
  });
}

const CONFLICTS = [
  { previous: [2, 2], entries: [[3, 3]], expected: [1, 2, 3] },
  {
    previous: [1, 1],
    entries: [
      [2, 3],
      [3, 4],
    ],
    expected: [1, 3, 4],
  },
  { previous: [0, 0], entries: [[1, 1]], expected: [1, 2] },
  { previous: [0, 0], entries: [[1, 3]], expected: [3] },
  { previous: [0, 0], entries: [], expected: [1, 2] },
] as const;

for (const { previous, entries, expected } of CONFLICTS) {
  test(`5.3: only a different entry cuts terms [1,2] off: ${JSON.stringify(entries)}`, (t) => {
    const peer = new TestPeer({ terms: [1, 2] });
    const list = entries.map(([index, term]) => entry(index, term));
    peer.hear(append({ from: '2', term: 4 }, previous, { entries: list }));
    t.deepEqual(peer.terms, expected);
    t.like(peer.log, { lastIndex: expected.length }, 'on disk as well');
  });
}

test('5.3: entries are durable before they are acknowledged', (t) => {
  const peer = new TestPeer();
  peer.isDiskHeld = true;
  const entries = [entry(1, 1)];
  t.deepEqual(peer.hear(append({ from: '2', term: 1 }, [0, 0], { entries })), []);
  t.is(peer.writing?.entries.length, 1);
  t.like(peer.sync()[0], { kind: 'append.reply', outcome: { kind: 'accepted', match: 1 } });
});

test('5.3: an acknowledgement covers what came while the disk was busy only after the next write', (t) => {
  const peer = new TestPeer();
  peer.isDiskHeld = true;
  peer.hear(append({ from: '2', term: 1 }, [0, 0], { entries: [entry(1, 1)] }));
  peer.hear(append({ from: '2', term: 1 }, [1, 1], { entries: [entry(2, 1)] }));
  t.like(peer.sync()[0], { outcome: { match: 1 } });
  peer.work();
  t.like(peer.sync()[0], { outcome: { match: 2 } });
});

test('5.3: entries replaced while they were being written do not count as durable', (t) => {
  const peer = new TestPeer();
  peer.isDiskHeld = true;
  peer.hear(append({ from: '2', term: 1 }, [0, 0], { entries: [entry(1, 1), entry(2, 1)] }));
  peer.hear(append({ from: '3', term: 2 }, [1, 1], { entries: [entry(2, 2)] }));
  peer.sync();
  peer.work();
  t.like(peer.writing?.entries, [{ index: 2, term: 2 }]);
  peer.sync();
  t.deepEqual(peer.terms, [1, 2]);
});

test('5.3: a follower commits no further than what the leader has shown to be equal', (t) => {
  const peer = new TestPeer({ terms: [1, 1, 1] });
  peer.hear(append({ from: '2', term: 2 }, [1, 1], { entries: [entry(2, 1)], commit: 3 }));
  t.like(peer.raft, { commit: 2 });
});

test('5.3: a heartbeat commits no more than the follower is known to hold', (t) => {
  const peer = new TestPeer();
  peer.elect('2');
  peer.accept('2');
  const beats = ofKind(peer.tick(), 'heartbeat.request');
  t.deepEqual(
    beats.map(({ to, commit }) => [to, commit] as [string, number]),
    [
      ['2', 1],
      ['3', 0],
    ],
  );
});

test('5.3: after a rejection the leader goes back, over whole terms at a time', (t) => {
  const terms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const peer = new TestPeer({ terms });
  peer.elect('2');
  // Figure 7, follower (f): 1 1 1 2 2 2 3 3 3 3 3.
  const out = peer.hear(appendReply({ from: '3', term: 7 }, rejected(10, 10, 3)));
  const [request] = ofKind(out, 'append.request');
  t.like(request, { previousIndex: 3, previousTerm: 1, to: '3' });
});

test('5.3: a late rejection changes nothing', (t) => {
  const peer = leader();
  peer.propose('x');
  peer.work();
  peer.accept('3');
  t.deepEqual(peer.hear(appendReply({ from: '3', term: 1 }, rejected(1, 0, 0))), []);
  t.like(
    peer.raft.peers.find(({ id }) => id === ('3' as typeof id)),
    { state: 'replicate' },
  );
});

test('5.3: an append that was lost is found out by heartbeats and sent again', (t) => {
  const peer = leader();
  peer.propose('x');
  peer.work();
  peer.accept('2');
  peer.tick();
  peer.hear(heartbeatReply({ from: '3', term: 1 }));
  const [ping] = ofKind(peer.hear(heartbeatReply({ from: '3', term: 1 })), 'append.request');
  t.like(ping, { previousIndex: 2, to: '3' });
  const out = peer.hear(appendReply({ from: '3', term: 1 }, rejected(2, 1, 1)));
  const [again] = ofKind(out, 'append.request');
  t.like(again, { previousIndex: 1, entries: [{ index: 2 }] });
});

test('5.4.2: an entry of an earlier term is not committed by counting its copies', (t) => {
  const peer = new TestPeer({ terms: [1, 2] });
  peer.elect('2');
  peer.accept('2', 2);
  t.like(peer.raft, { term: 3, commit: 0 });
  peer.accept('2', 3);
  t.like(peer.raft, { commit: 3 }, 'but with an entry of this one');
});

test('5.5: repeated and late messages change nothing', (t) => {
  const peer = new TestPeer();
  const entries = [entry(1, 1), entry(2, 1), entry(3, 1)];
  const message = append({ from: '2', term: 1 }, [0, 0], { entries, commit: 3 });
  peer.hear(message);
  const late = append({ from: '2', term: 1 }, [0, 0], { entries: entries.slice(0, 1) });
  const out = [...peer.hear(message), ...peer.hear(late)];
  t.deepEqual(peer.terms, [1, 1, 1]);
  t.is(peer.applied.length, 3);
  t.true(ofKind(out, 'append.reply').every(({ outcome }) => outcome.kind === 'accepted'));
});

test('7: a follower that lacks what is forgotten gets a snapshot, and then the rest', (t) => {
  const peer = leader();
  for (let at = 0; at < 5; at += 1) peer.propose('x');
  peer.work();
  peer.accept('2');
  const { membership } = peer.raft;
  const meta = { ...snapshotMeta(5, 1), membership };
  peer.log.noteSnapshot(meta);
  peer.log.compact(meta.index);
  const out = peer.hear(appendReply({ from: '3', term: 1 }, rejected(6, 1, 1)));
  t.deepEqual(
    ofKind(out, 'snapshot.request').map(({ to, snapshot }) => ({ to, snapshot })),
    [{ to: '3' as (typeof out)[0]['to'], snapshot: meta }],
  );
  peer.propose('y');
  t.deepEqual(
    ofKind(peer.work(), 'append.request').map(({ to }) => to as string),
    ['2'],
  );
  peer.raft.reportSnapshot('3' as (typeof out)[0]['to'], 'delivered');
  const rest = ofKind(
    peer.hear(appendReply({ from: '3', term: 1 }, accepted(5))),
    'append.request',
  );
  t.like(rest[0], { to: '3', previousIndex: 5 });
  t.deepEqual(
    rest.flatMap(({ entries }) => entries.map(({ index }) => index as number)),
    [6, 7],
  );
});

function offer(index: number, term: number, voters?: readonly string[]): Message {
  return {
    ...heartbeat({ from: '2', term: 5 }),
    kind: 'snapshot.request',
    snapshot: snapshotMeta(index, term, voters),
  } as Message;
}

test('7: a snapshot is durable before it is acknowledged, and brings its membership', (t) => {
  const peer = new TestPeer({ terms: [1, 1] });
  peer.isDiskHeld = true;
  peer.hear(offer(9, 4, ['1', '2', '5']));
  t.like(peer.writing?.snapshot, { index: 9, term: 4 });
  t.like(peer.raft, { applied: 0 });
  t.like(peer.sync()[0], { kind: 'append.reply', outcome: { kind: 'accepted', match: 9 } });
  t.like(peer.raft, { applied: 9, commit: 9, lastIndex: 9 });
  t.deepEqual(peer.raft.membership.voters as readonly string[], ['1', '2', '5']);
});

test('7: entries after a snapshot may come before it is installed', (t) => {
  const peer = new TestPeer();
  peer.isDiskHeld = true;
  peer.hear(offer(9, 4));
  peer.hear(append({ from: '2', term: 5 }, [9, 4], { entries: [entry(10, 5)], commit: 10 }));
  t.deepEqual(peer.applied, []);
  peer.sync();
  peer.work();
  peer.sync();
  peer.work();
  t.deepEqual(
    peer.applied.map(({ index }) => index as number),
    [10],
  );
});

test('7: a snapshot of what is already held only commits', (t) => {
  const peer = new TestPeer({ terms: [1, 1, 1, 1] });
  peer.hear(offer(3, 1));
  t.like(peer.raft, { commit: 3, lastIndex: 4 });
  t.is(peer.applied.length, 3);
});

test('7: an older snapshot than what is committed is answered with the commit', (t) => {
  const peer = new TestPeer({ terms: [1, 1, 1], commit: 3 });
  const [reply] = ofKind(peer.hear(offer(2, 1)), 'append.reply');
  t.like(reply, { outcome: { kind: 'accepted', match: 3 } });
  t.like(peer.raft, { lastIndex: 3 });
});

test('8: a new leader commits an empty entry of its own', (t) => {
  const peer = new TestPeer({ terms: [1] });
  const [request] = ofKind(peer.elect('2'), 'append.request');
  t.like(request?.entries, [{ index: 2, term: 2, payload: { kind: 'empty' } }]);
});
