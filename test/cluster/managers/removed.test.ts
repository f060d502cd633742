/** Managers that were removed while nobody could tell them so. */
import test from 'ava';
import { createService, managerOf, service, until } from '../fixture.ts';
import { QUICK, group, idOf, joinManager, leaderOf, setRole } from './group.ts';

test('a manager that comes back after it was removed is none, says why, and can leave', async (t) => {
  t.timeout(120_000);
  const { lab, members } = await group(t, 2);
  const leader = leaderOf(members);
  const dataDirectory = await lab.directory();
  const other = await joinManager(lab, leader, { dataDirectory });
  const id = idOf(other);
  await other.close();
  const manager = managerOf(leader);
  await setRole(manager, id, 'worker');
  await until('the group to let it go', () => manager.store.nodes.get(id)?.peerId === undefined);
  await manager.propose({ type: 'node.remove', atMs: 1, id, isForced: true });
  await createService(manager, 'web', service('web', 1));

  const again = await lab.member({ ...QUICK, dataDirectory });
  await until('it to know', () => again.status().state === 'error', 30_000);
  t.regex(again.status().error ?? '', /was removed from this cluster; run "docker swarm leave"/);
  await until('it to manage nothing', () => again.manager === undefined);
  t.is(manager.managers().length, 2);

  await again.leave(false);
  t.is(again.status().state, 'inactive');
  await again.close();
  const fresh = await lab.member({ ...QUICK, dataDirectory });
  t.is(fresh.status().state, 'inactive');
});
