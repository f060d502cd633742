import test from 'ava';
import { isClusterError } from '../../src/cluster/index.ts';
import type { TaskStatus } from '../../src/model/index.ts';
import {
  INIT,
  createLab,
  createService,
  joinRequest,
  managerOf,
  service,
  until,
} from './fixture.ts';
import { snapshotOf } from '../store/snapshot/snapshots.ts';

test('init makes a cluster of one manager whose own node is ready', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  await until('the session', () => member.status().state === 'active');
  const status = member.status();
  const node = manager.store.nodes.get(status.nodeId as never);
  t.is(status.role, 'manager');
  t.is(node?.state, 'ready');
  t.is(node?.spec.Role, 'manager');
  t.is(node?.managerAddress, status.advertiseAddress);
  t.regex(manager.joinTokens().worker, /^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
  await until('the view', () => member.view?.peers.size === 1);
});

test('a worker joins, gets its tasks and its reports reach the store', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const worker = await lab.worker(member);
  t.is(worker.status().state, 'active');
  t.is(worker.status().role, 'worker');
  t.is(worker.manager, undefined);
  await createService(manager, 'web', service('web', 4));
  await until('tasks', () => (worker.view?.assignments.size ?? 0) === 2);
  const task = [...(worker.view?.assignments.values() ?? [])][0]?.task;
  if (task === undefined) return t.fail('no task');
  const status: TaskStatus = { state: 'running', atMs: Date.now(), message: 'started' };
  worker.report([{ id: task.id, status }]);
  await until('running', () => manager.store.tasks.get(task.id)?.status.state === 'running');
});

test('a second init and a join of a member are refused with the words of docker', async (t) => {
  const lab = createLab(t);
  const { member } = await lab.manager();
  for (const attempt of [() => member.init(INIT), () => member.join(joinRequest(member))]) {
    const error = await t.throwsAsync(attempt);
    t.true(isClusterError(error, 'already-member'));
    t.regex(error.message, /^This node is already part of a swarm\. Use "docker swarm leave"/);
  }
});

test('a worker that leaves is down, and has nothing left', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const worker = await lab.worker(member);
  const id = worker.status().nodeId;
  await worker.leave(false);
  t.deepEqual(worker.status(), { state: 'inactive', managers: [] });
  t.is(worker.view, undefined);
  await until('down', () => manager.store.nodes.get(id as never)?.state === 'down');
  await worker.join(joinRequest(member));
  t.not(worker.status().nodeId, id);
});

test('a manager restarts with its state, and its workers come back', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager({ dataDirectory });
  const worker = await lab.worker(member);
  await createService(manager, 'web', service('web', 2));
  await until('a task', () => worker.view?.assignments.size === 1);
  const before = snapshotOf(manager.store);
  await member.close();
  await until('pending', () => worker.status().state === 'pending');
  t.is(worker.view?.assignments.size, 1);
  const again = await lab.member({ dataDirectory });
  await managerOf(again).sync();
  t.is(snapshotOf(managerOf(again).store), before);
  await until('the worker to be back', () => worker.status().state === 'active');
});
