/** Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm": 5.1, 5.2, 5.4.1. */
import test from 'ava';
import { TestPeer, TIMING, ofKind } from '../support/test-peer.ts';
import {
  append,
  heartbeat,
  heartbeatReply,
  preVoteRequest,
  timeoutNow,
  voteReply,
  voteRequest,
} from '../support/words.ts';

test('5.1: a later term in any message makes a follower of every role', (t) => {
  const follower = new TestPeer();
  const candidate = new TestPeer();
  candidate.hear(heartbeat({ from: '2', term: 1 }));
  candidate.hear(timeoutNow({ from: '2', term: 1 }));
  t.is(candidate.raft.role, 'candidate');
  const leader = new TestPeer();
  leader.elect('2');
  t.is(leader.raft.role, 'leader');
  for (const peer of [follower, candidate, leader]) {
    peer.hear(append({ from: '3', term: 9 }, [0, 0]));
    t.like(peer.raft, { role: 'follower', term: 9, leader: '3' });
  }
});

test('5.1: a request of an earlier term is refused, and told of the later one', (t) => {
  const peer = new TestPeer({ term: 5 });
  const out = [
    ...peer.hear(append({ from: '2', term: 4 }, [0, 0])),
    ...peer.hear(voteRequest({ from: '3', term: 4 }, [9, 4])),
    ...peer.hear(preVoteRequest({ from: '3', term: 4 }, [9, 4])),
  ];
  t.deepEqual(
    out.map((message) => [message.kind, 'term' in message && message.term]),
    [
      ['heartbeat.reply', 5],
      ['vote.reply', 5],
      ['pre-vote.reply', 5],
    ],
  );
  t.is(peer.raft.leader, undefined);
  t.is(peer.raft.vote, undefined);
});

test('5.2: peers begin as followers', (t) => {
  t.is(new TestPeer().raft.role, 'follower');
});

test('5.2: a leader speaks to all followers in each heartbeat interval', (t) => {
  const peer = new TestPeer();
  peer.elect('2');
  for (const from of ['2', '3']) peer.accept(from);
  const beats = ofKind(peer.tick(3), 'heartbeat.request');
  t.deepEqual(
    beats.map(({ to }) => to),
    ['2', '3', '2', '3', '2', '3'] as (typeof beats)[0]['to'][],
  );
});

test('5.2: a follower that hears nothing stands for election, in the next term, for itself', (t) => {
  const peer = new TestPeer({ term: 3 });
  const asked = ofKind(peer.tick(2 * TIMING.electionTicks), 'pre-vote.request');
  t.like(asked[0], { term: 4 });
  t.like(peer.raft, { term: 3 });
  const out = peer.elect('2');
  t.like(peer.raft, { role: 'leader', term: 4, vote: '1' });
  t.true(ofKind(out, 'append.request').length === 2, 'and tells the others at once');
});

test('5.2: a follower that hears its leader stays', (t) => {
  const peer = new TestPeer();
  for (let beat = 0; beat < 20; beat += 1) {
    peer.tick(TIMING.electionTicks - 1);
    peer.hear(heartbeat({ from: '2', term: 1 }));
  }
  t.like(peer.raft, { role: 'follower', term: 1, leader: '2' });
});

const VOTES: {
  readonly voters: number;
  readonly votes: Readonly<Record<string, boolean>>;
  readonly role: string;
}[] = [
  { voters: 1, votes: {}, role: 'leader' },
  { voters: 3, votes: { 2: true, 3: true }, role: 'leader' },
  { voters: 3, votes: { 2: true }, role: 'leader' },
  { voters: 3, votes: {}, role: 'candidate' },
  { voters: 3, votes: { 2: false, 3: false }, role: 'follower' },
  { voters: 3, votes: { 2: false }, role: 'candidate' },
  { voters: 4, votes: { 2: true }, role: 'candidate' },
  { voters: 4, votes: { 2: true, 3: true }, role: 'leader' },
  { voters: 5, votes: { 2: true, 3: true, 4: false, 5: false }, role: 'leader' },
  { voters: 5, votes: { 2: true, 3: false, 4: false }, role: 'candidate' },
  { voters: 5, votes: { 2: true, 3: false, 4: false, 5: false }, role: 'follower' },
];

for (const { voters, votes, role } of VOTES) {
  test(`5.2: with ${JSON.stringify(votes)} of ${voters}, a candidate is ${role}`, (t) => {
    const ids = Array.from({ length: voters }, (_, at) => String(at + 1));
    const peer = new TestPeer({ voters: ids });
    if (voters === 1) peer.elect();
    else {
      peer.hear(heartbeat({ from: '2', term: 1 }));
      peer.hear(timeoutNow({ from: '2', term: 1 }));
    }
    for (const [from, isGranted] of Object.entries(votes))
      peer.hear(voteReply({ from, term: peer.raft.term }, isGranted));
    t.is(peer.raft.role, role as typeof peer.raft.role);
  });
}

const FIRST_COME = [
  { vote: undefined, from: '2', isGranted: true },
  { vote: undefined, from: '3', isGranted: true },
  { vote: '2', from: '2', isGranted: true },
  { vote: '2', from: '3', isGranted: false },
];

for (const { vote, from, isGranted } of FIRST_COME) {
  const verdict = isGranted ? 'a vote' : 'no vote';
  test(`5.2: having voted for ${vote ?? 'nobody'}, ${from} gets ${verdict}`, (t) => {
    const peer = new TestPeer({ term: 1, ...(vote !== undefined && { vote }) });
    const [reply] = ofKind(peer.hear(voteRequest({ from, term: 1 }, [0, 0])), 'vote.reply');
    t.is(reply?.isGranted, isGranted);
  });
}

test('5.2: a candidate follows a leader of its own term, and of no earlier one', (t) => {
  const peer = new TestPeer();
  peer.hear(heartbeat({ from: '2', term: 1 }));
  peer.hear(timeoutNow({ from: '2', term: 1 }));
  peer.hear(append({ from: '2', term: 1 }, [0, 0]));
  t.like(peer.raft, { role: 'candidate', term: 2 });
  peer.hear(append({ from: '3', term: 2 }, [0, 0]));
  t.like(peer.raft, { role: 'follower', term: 2, leader: '3' });
});

test('5.2: timeouts are drawn anew from an interval, so that votes are seldom split', (t) => {
  const drawn = new Set<number>();
  for (let seed = 1; seed <= 60; seed += 1) {
    const peer = new TestPeer({ seed });
    let ticks = 0;
    while (peer.raft.role === 'follower') {
      peer.tick();
      ticks += 1;
    }
    drawn.add(ticks);
  }
  t.is(Math.min(...drawn), TIMING.electionTicks + 1);
  t.is(Math.max(...drawn), 2 * TIMING.electionTicks);
});

const UP_TO_DATE = [
  { own: [1], last: [1, 1], isGranted: true },
  { own: [1], last: [2, 1], isGranted: true },
  { own: [1, 1], last: [1, 1], isGranted: false },
  { own: [1], last: [1, 2], isGranted: true },
  { own: [1, 1], last: [1, 2], isGranted: true },
  { own: [2], last: [1, 1], isGranted: false },
  { own: [2], last: [9, 1], isGranted: false },
  { own: [], last: [0, 0], isGranted: true },
] as const;

for (const { own, last, isGranted } of UP_TO_DATE) {
  test(`5.4.1: with terms [${own.join()}], a candidate that ends at ${last[0]} in term ${last[1]} gets ${isGranted ? 'a' : 'no'} vote`, (t) => {
    const peer = new TestPeer({ terms: own });
    const out = peer.hear(voteRequest({ from: '2', term: 5 }, last));
    t.is(ofKind(out, 'vote.reply')[0]?.isGranted, isGranted);
    const pre = new TestPeer({ terms: own }).hear(preVoteRequest({ from: '2', term: 5 }, last));
    t.is(ofKind(pre, 'pre-vote.reply')[0]?.isGranted, isGranted);
  });
}

test('5.4.1: a request for votes names the end of the log', (t) => {
  const peer = new TestPeer({ terms: [1, 1, 2] });
  peer.hear(heartbeat({ from: '2', term: 2 }));
  const requests = ofKind(peer.hear(timeoutNow({ from: '2', term: 2 })), 'vote.request');
  t.deepEqual(
    requests.map(({ to, term, lastIndex, lastTerm }) => [to, term, lastIndex, lastTerm] as const),
    [
      ['2', 3, 3, 2],
      ['3', 3, 3, 2],
    ] as never,
  );
});

test('figure 2: term and vote are durable before anything is said that rests on them', (t) => {
  const voter = new TestPeer();
  voter.isDiskHeld = true;
  t.deepEqual(voter.hear(voteRequest({ from: '2', term: 1 }, [0, 0])), []);
  t.like(voter.writing, { needsSync: true, hardState: { term: 1, vote: '2' } });
  t.is(voter.sync()[0]?.kind, 'vote.reply');

  const candidate = new TestPeer({ voters: ['1'] });
  candidate.isDiskHeld = true;
  candidate.raft.campaign();
  candidate.work();
  t.like(candidate.raft, { role: 'candidate', term: 1 }, 'its own vote counts when it is durable');
  candidate.sync();
  t.is(candidate.raft.role, 'leader');
});

test('a vote given before a crash is not given again after it', (t) => {
  const peer = new TestPeer();
  peer.hear(voteRequest({ from: '2', term: 1 }, [0, 0]));
  peer.restart();
  const [reply] = ofKind(peer.hear(voteRequest({ from: '3', term: 1 }, [0, 0])), 'vote.reply');
  t.like(reply, { isGranted: false, term: 1 });
});

test('questions that went unanswered are asked again, of those who have not answered', (t) => {
  const peer = new TestPeer({ voters: ['1', '2', '3', '4', '5'] });
  peer.hear(heartbeat({ from: '2', term: 1 }));
  peer.hear(timeoutNow({ from: '2', term: 1 }));
  peer.hear(voteReply({ from: '3', term: 2 }, false));
  t.deepEqual(
    ofKind(peer.tick(), 'vote.request').map(({ to }) => to),
    ['2', '4', '5'] as never,
  );
  t.deepEqual(peer.hear(heartbeatReply({ from: '3', term: 1 })), []);
});
