import test, { type ExecutionContext } from 'ava';
import { ClusterError } from '../../../src/cluster/errors.ts';
import type { LogIndex } from '../../../src/raft/index.ts';
import { Group, peerId, type Peer } from './support/group.ts';

const [ONE, FOUR] = [peerId(1), peerId(4)];

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof ClusterError ? error.detail.code : String(error);
  }
}

function sameEverywhere(t: ExecutionContext, group: Group, expected: readonly string[]): void {
  for (const { id, machine } of group.alive) t.deepEqual(machine.history, expected, id);
}

function names(count: number, prefix = 'c'): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
}

async function proposeAll(group: Group, peer: Peer, texts: readonly string[]): Promise<number[]> {
  const all = Promise.all(texts.map((text) => peer.running.propose(Buffer.from(text))));
  return group.world.outcomeOf(all);
}

test('a command proposed on any peer is applied on all, and its proposer hears the outcome', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const [follower] = group.followers();
  t.is(await group.propose(leader, 'a'), 1);
  t.is(await group.propose(follower as Peer, 'b'), 2);
  await group.untilAllApplied(2);
  sameEverywhere(t, group, ['a', 'b']);
});

test('a group of one leads at once and needs nobody', async (t) => {
  const group = await Group.start({ voters: 1 });
  t.is(await group.propose(group.peer(ONE), 'a'), 1);
  t.true(group.world.now < 1100);
});

test('commands that come together share few writes', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const before = leader.disk.writes;
  await proposeAll(group, leader, names(1000));
  t.true(leader.disk.writes - before <= 3, String(leader.disk.writes - before));
  await group.untilAllApplied(1000);
  sameEverywhere(t, group, names(1000));
});

test('after the leader is killed another one is elected and goes on', async (t) => {
  const group = await Group.start({ voters: 5 });
  const first = await group.leader();
  await group.propose(first, 'a');
  const killedMs = group.world.now;
  group.kill(first.id);
  const second = await group.leader();
  t.not(second.id, first.id);
  t.true(group.world.now - killedMs <= 1500);
  await group.propose(second, 'b');
  await group.boot(first.id);
  await group.untilAllApplied(2);
  sameEverywhere(t, group, ['a', 'b']);
});

test('a command that is under way while the leader dies is tried again, and applied once', async (t) => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const group = await Group.start({ voters: 3, seed: seed * 100 });
    const leader = await group.leader();
    const [follower] = group.followers() as [Peer];
    const texts = names(50);
    const all = Promise.all(texts.map((text) => follower.running.propose(Buffer.from(text))));
    await group.world.run(seed);
    group.kill(leader.id);
    await group.world.outcomeOf(all);
    await group.untilAllApplied(50);
    t.deepEqual([...follower.machine.history].sort(), [...texts].sort(), `seed ${seed}`);
  }
});

test('replies that get lost make nothing happen twice', async (t) => {
  const group = await Group.start({ voters: 3, limits: { retryMs: 100 } });
  const leader = await group.leader();
  const [follower] = group.followers() as [Peer];
  let count = 0;
  group.loses = ({ kind }) => {
    count += 1;
    return kind !== 'heartbeat.request' && kind !== 'heartbeat.reply' && count % 3 === 0;
  };
  await Promise.all([
    proposeAll(group, follower, names(100, 'f')),
    proposeAll(group, leader, names(100, 'l')),
  ]);
  group.heal();
  await group.untilAllApplied(200);
  t.deepEqual([...leader.machine.history].sort(), [...names(100, 'f'), ...names(100, 'l')].sort());
});

test('a read barrier waits for everything that was committed before it', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const [follower] = group.followers() as [Peer];
  // The follower's disk is slow, so it learns of commands late.
  follower.disk.writeMs = 80;
  for (let round = 1; round <= 5; round += 1) {
    await group.propose(leader, `c${round}`);
    t.true(follower.machine.history.length < round);
    await group.world.outcomeOf(follower.running.readBarrier());
    t.is(follower.machine.history.length, round);
  }
});

test('a read barrier at a leader that was cut off does not resolve', async (t) => {
  const group = await Group.start({ voters: 3 });
  const old = await group.leader();
  group.isolate(old.id);
  const stale = code(old.running.readBarrier());
  const next = await group.leader();
  await group.propose(next, 'a');
  t.is(await group.world.outcomeOf(stale), 'no-leader');
  t.deepEqual(old.machine.history, []);
});

test('without a quorum writes and reads are refused at once, after a bound for elections', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const [killed] = group.followers() as [Peer];
  for (const { id } of group.followers()) group.kill(id);
  await group.world.until('no leader', () => leader.running.status.leader === undefined);
  const startMs = group.world.now;
  t.is(await group.world.outcomeOf(code(leader.running.propose(Buffer.from('a')))), 'no-leader');
  const firstMs = group.world.now - startMs;
  t.true(firstMs > 1000 && firstMs <= 1600, String(firstMs));
  t.is(await code(leader.running.propose(Buffer.from('b'))), 'no-leader');
  t.is(await code(leader.running.readBarrier()), 'no-leader');
  t.is(group.world.now - startMs, firstMs);
  await group.boot(killed.id);
  const again = await group.leader();
  await group.propose(again, 'c');
  t.deepEqual(again.machine.history, ['c']);
});

test('a leader whose disk is full hands over; its own callers are told; it recovers', async (t) => {
  const group = await Group.start({ voters: 3 });
  const first = await group.leader();
  first.disk.isFull = true;
  const lost = code(first.running.propose(Buffer.from('unknown')));
  await group.world.until('the disk fails', () => first.running.status.isDiskFailing);
  t.is(await code(first.running.propose(Buffer.from('refused'))), 'disk-full');
  const isOther = ({ id, running }: Peer): boolean =>
    id !== first.id && running.status.role === 'leader';
  await group.world.until('another leader', () => group.alive.some(isOther));
  const other = group.alive.find(isOther) as Peer;
  await group.propose(other, 'goes on');
  first.disk.isFull = false;
  t.is(await group.world.outcomeOf(lost), 'none');
  await group.untilAllApplied(2);
  t.false(first.running.status.isDiskFailing);
  t.is(await group.propose(first, 'again'), 3);
});

test('a follower whose disk is full does not stop the others', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const [follower] = group.followers() as [Peer];
  follower.disk.isFull = true;
  await proposeAll(group, leader, names(10));
  t.is(follower.machine.history.length, 0);
  t.is(await code(follower.running.propose(Buffer.from('x'))), 'disk-full');
  follower.disk.isFull = false;
  await group.untilAllApplied(10);
  sameEverywhere(t, group, names(10));
  t.is(await group.propose(follower, 'y'), 11);
});

test('a follower that lacks what is forgotten gets a snapshot, with the sessions in it', async (t) => {
  const group = await Group.start({
    voters: 3,
    policy: { intervalEntries: 20, entriesForSlow: 5 },
  });
  const leader = await group.leader();
  const [follower] = group.followers() as [Peer];
  group.isolate(follower.id);
  for (const text of names(60)) await group.propose(leader, text);
  await group.world.until(
    'the log to be cut',
    () => leader.disk.log.firstIndex > follower.disk.log.lastIndex + 1,
  );
  group.heal();
  await group.untilAllApplied(60);
  t.true(follower.machine.restores > 0);
  sameEverywhere(t, group, names(60));
  t.is(await group.propose(follower, 'after'), 61);
});

test('a restarted peer has what it had, from its snapshot and its log', async (t) => {
  const group = await Group.start({ voters: 3, policy: { intervalEntries: 10 } });
  const leader = await group.leader();
  for (const text of names(25)) await group.propose(leader, text);
  await group.untilAllApplied(25);
  for (const { id } of group.alive) group.kill(id);
  for (const { id } of group.peers.values()) await group.boot(id);
  await group.leader();
  await group.untilAllApplied(25);
  sameEverywhere(t, group, names(25));
});

test('a learner is added, catches up, is promoted, and removed again', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  await proposeAll(group, leader, names(20));
  const fourth = group.add(FOUR);
  await group.boot(FOUR);
  const change = (kind: 'add-learner' | 'promote' | 'remove'): Promise<void> =>
    group.world.outcomeOf(leader.running.changeMembership({ kind, peer: FOUR }));
  t.is(await code(change('promote')), 'membership-refused');
  await change('add-learner');
  await group.untilAllApplied(20);
  t.deepEqual(fourth.running.status.membership.learners, [FOUR]);
  await group.world.until('the leader to know', () => {
    const known = leader.running.status.peers.find(({ id }) => id === FOUR);
    return known?.state === 'replicate' && known.match === leader.running.status.commit;
  });
  await change('promote');
  t.true(leader.running.status.membership.voters.includes(FOUR));
  await change('remove');
  t.false(leader.running.status.membership.voters.includes(FOUR));
  t.is(await code(fourth.running.changeMembership({ kind: 'remove', peer: ONE })), 'not-leader');
});

test('leadership is handed to the peer that is named', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const [next] = group.followers() as [Peer];
  const startMs = group.world.now;
  await group.world.outcomeOf(leader.running.transferLeadership(next.id));
  t.is((await group.leader()).id, next.id);
  t.true(group.world.now - startMs < 300);
  t.is(await code(leader.running.transferLeadership()), 'not-leader');
});

test('a transfer to a peer that dies at once is given up', async (t) => {
  const group = await Group.start({ voters: 2 });
  const leader = await group.leader();
  const [next] = group.followers() as [Peer];
  group.loses = ({ from, to }) =>
    [from, to].includes(next.id) && leader.running.status.role !== 'leader';
  t.is(await code(group.world.outcomeOf(leader.running.transferLeadership())), 'transfer-refused');
  t.not(leader.running.status.role, 'leader');
});

test('commands proposed during a transfer are applied', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const handed = leader.running.transferLeadership();
  const all = proposeAll(group, leader, names(20));
  await group.world.outcomeOf(handed);
  await all;
  await group.untilAllApplied(20);
  sameEverywhere(t, group, names(20));
});

test('a process that stood still does not doubt its leader for it', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const { term } = leader.running.status;
  for (let round = 0; round < 10; round += 1) {
    group.world.standStill(5000);
    await group.world.run(300);
  }
  t.is((await group.leader()).id, leader.id);
  t.is(leader.running.status.term, term);
});

test('listeners hear of a new leader', async (t) => {
  const group = await Group.start({ voters: 3 });
  const leader = await group.leader();
  const [follower] = group.followers() as [Peer];
  const heard: unknown[] = [];
  const stop = follower.running.onStatus((status) => heard.push(status.leader));
  group.kill(leader.id);
  const next = await group.leader();
  t.true(heard.includes(undefined) || heard.includes(next.id));
  t.is(heard.at(-1), next.id);
  stop();
});

test('a closed driver refuses, and of what was under way the outcome is not known', async (t) => {
  const group = await Group.start({ voters: 3 });
  const { running } = await group.leader();
  const underWay = code(running.propose(Buffer.from('a')));
  await group.world.run(1);
  const waiting = code(running.propose(Buffer.from('b')));
  await group.world.outcomeOf(running.close());
  t.is(await underWay, 'timeout');
  t.is(await waiting, 'closed');
  t.is(await code(running.propose(Buffer.from('c'))), 'closed');
  t.is(await code(running.readBarrier()), 'closed');
});

test('more commands than may wait are busy, and larger ones than may be too large', async (t) => {
  const group = await Group.start({ voters: 1, limits: { proposalsMax: 10 } });
  const { running } = group.peer(ONE);
  const codes = await group.world.outcomeOf(
    Promise.all(names(12).map((text) => code(running.propose(Buffer.from(text))))),
  );
  t.deepEqual(codes.filter((each) => each === 'busy').length, 2);
  t.is(await code(running.propose(Buffer.alloc((16 << 20) + 1))), 'too-large');
});

test('the status tells commit and applied', async (t) => {
  const group = await Group.start({ voters: 1 });
  const { running } = group.peer(ONE);
  await group.propose(group.peer(ONE), 'a');
  const { commit, applied, role, leader } = running.status;
  t.deepEqual(
    { commit, applied, role, leader },
    { commit: 2 as LogIndex, applied: 2 as LogIndex, role: 'leader', leader: ONE },
  );
});
