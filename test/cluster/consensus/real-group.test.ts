/** Everything real at once: connections, certificates, files, timers. */
import test from 'ava';
import { until } from '../fixture.ts';
import { peerId } from './support/group.ts';
import { RealGroup, type Manager } from './support/real-group.ts';

const [ONE, TWO, THREE, FOUR] = [peerId(1), peerId(2), peerId(3), peerId(4)];

async function proposeAll({ driver }: Manager, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map((text) => driver.propose(Buffer.from(text))));
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
}

test('three managers agree; the leader goes; two go on; it comes back and has everything', async (t) => {
  const group = await RealGroup.start(t, [ONE, TWO, THREE]);
  const first = await group.leader();
  await Promise.all(
    [...group.managers.values()].map((manager) => proposeAll(manager, names(manager.id, 50))),
  );
  await group.untilApplied(150);

  const survivors = [...group.managers.values()].filter(({ id }) => id !== first.id);
  const underWay = Promise.all(
    survivors.map((manager) => proposeAll(manager, names(`late${manager.id}`, 50))),
  );
  await group.stop(first.id);
  await underWay;
  const second = await group.leader();
  t.not(second.id, first.id);

  const back = await group.restart(first.id);
  await back.driver.readBarrier();
  t.is(new Set(back.machine.history).size, 250);
  await group.untilApplied(250);
  for (const { machine } of group.managers.values())
    t.deepEqual(machine.history, second.machine.history);
});

test('a manager that was away for long is brought a snapshot', async (t) => {
  const policy = { intervalEntries: 20, entriesForSlow: 2 };
  const group = await RealGroup.start(t, [ONE, TWO, THREE], policy);
  const leader = await group.leader();
  const away = [ONE, TWO, THREE].find((id) => id !== leader.id) ?? ONE;
  await group.stop(away);
  const large = 'x'.repeat(10_000);
  for (let round = 0; round < 5; round += 1) await proposeAll(leader, names(large, 20));
  await until('a snapshot', () => leader.driver.status.commit > 80);
  const back = await group.restart(away);
  await group.untilApplied(100);
  t.true(back.machine.restores > 0);
  t.deepEqual(back.machine.history, leader.machine.history);
});

test('a new manager is taken in, and the old ones are removed one after the other', async (t) => {
  const group = await RealGroup.start(t, [ONE]);
  await proposeAll(await group.leader(), names('a', 10));
  const fourth = await group.create(FOUR);
  const { driver } = group.manager(ONE);
  await driver.changeMembership({ kind: 'add-learner', peer: FOUR });
  await until('it to be promoted', () => {
    driver.changeMembership({ kind: 'promote', peer: FOUR }).catch(() => undefined);
    return driver.status.membership.voters.includes(FOUR) && !driver.status.isMembershipPending;
  });
  await driver.transferLeadership(FOUR);
  await fourth.driver.readBarrier();
  await fourth.driver.changeMembership({ kind: 'remove', peer: ONE });
  await group.stop(ONE);
  await proposeAll(fourth, names('b', 10));
  t.deepEqual(fourth.machine.history, [...names('a', 10), ...names('b', 10)]);
  t.deepEqual(fourth.driver.status.membership, { voters: [FOUR], learners: [] });
});
