import test from 'ava';
import { forceNewCluster } from '../../../src/cluster/consensus/index.ts';
import { Group, peerId, type Peer } from './support/group.ts';
import { Tally } from './support/tally.ts';

test('one manager of three goes on alone, with everything its log holds', async (t) => {
  const group = await Group.start({ voters: 3, policy: { intervalEntries: 7 } });
  const leader = await group.leader();
  for (let round = 0; round < 20; round += 1) await group.propose(leader, `c${round}`);
  await group.untilAllApplied(20);
  const [survivor] = group.followers() as [Peer];
  const history = [...survivor.machine.history];
  const { term } = survivor.running.status;
  for (const { id } of [...group.alive]) group.kill(id);

  const opened = survivor.disk.open();
  const forcing = forceNewCluster({ id: survivor.id, opened, machine: new Tally() });
  await group.world.outcomeOf(forcing);
  await group.boot(survivor.id);
  await group.world.until('it leads', () => survivor.running.status.role === 'leader');
  t.deepEqual(survivor.machine.history, history);
  t.deepEqual(survivor.running.status.membership, { voters: [survivor.id], learners: [] });
  t.true(survivor.running.status.term > term + 1);
  t.is(await group.propose(survivor, 'alone'), 21);
});

test('a forced manager takes new ones in', async (t) => {
  const group = await Group.start({ voters: 2 });
  const leader = await group.leader();
  await group.propose(leader, 'a');
  for (const { id } of [...group.alive]) group.kill(id);
  const opened = leader.disk.open();
  await group.world.outcomeOf(forceNewCluster({ id: leader.id, opened, machine: new Tally() }));
  await group.boot(leader.id);
  await group.world.until('it leads', () => leader.running.status.role === 'leader');
  await group.propose(leader, 'b');
  const newcomer = group.add(peerId(7));
  await group.boot(newcomer.id);
  const change = leader.running.changeMembership({ kind: 'add-learner', peer: newcomer.id });
  await group.world.outcomeOf(change);
  await group.world.until('it has caught up', () => newcomer.machine.history.length === 2);
  t.deepEqual(newcomer.machine.history, ['a', 'b']);
});
