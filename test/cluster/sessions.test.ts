import test from 'ava';
import { SYSTEM_CLOCK, type Clock } from '../../src/base/index.ts';
import type { ClusterMetrics } from '../../src/cluster/index.ts';
import type { NetworkId, NodeId, ServiceId, TaskId, TaskStatus } from '../../src/model/index.ts';
import {
  CLUSTER_SPEC,
  DESCRIPTION,
  INIT,
  NO_LOGS,
  SOON,
  createLab,
  createService,
  managerOf,
  overlay,
  service,
  until,
} from './fixture.ts';

test('a silent node is called down after its grace, and ready again when it comes back', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager(SOON);
  const worker = await lab.worker(member, { dataDirectory });
  const id = worker.status().nodeId as NodeId;
  const stateOf = (): string | undefined => manager.store.nodes.get(id)?.state;
  await worker.close();
  t.is(stateOf(), 'ready');
  await until('down', () => stateOf() === 'down');
  t.is(manager.store.nodes.get(id)?.stateMessage, 'heartbeat failure');
  await lab.member({ dataDirectory });
  await until('ready', () => stateOf() === 'ready');
});

test('tasks of a silent node are placed elsewhere', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager(SOON);
  const worker = await lab.worker(member);
  await createService(manager, 'web', service('web', 2));
  await until('both to have one', () => worker.view?.assignments.size === 1);
  await worker.close();
  const own = manager.store.nodes.get(member.status().nodeId as NodeId)?.id as NodeId;
  const running = (): number =>
    manager.store.tasksByNode(own).filter((task) => task.desiredState === 'running').length;
  await until('the replacement', () => running() === 2);
  t.pass();
});

test('a node that a restarted manager never hears of is called down as well', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member } = await lab.manager({ ...SOON, dataDirectory });
  const worker = await lab.worker(member);
  const id = worker.status().nodeId as NodeId;
  await member.close();
  await worker.close();
  const again = managerOf(await lab.member({ ...SOON, dataDirectory }));
  await again.sync();
  t.is(again.store.nodes.get(id)?.state, 'ready');
  await until('down', () => again.store.nodes.get(id)?.state === 'down');
});

test('a reconnecting worker gets only what changed while it was away', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  let rows = 0;
  const metrics: ClusterMetrics = { countViewRowsSent: (count) => (rows += count) };
  const { member, manager } = await lab.manager({ metrics });
  const worker = await lab.worker(member, { dataDirectory });
  for (let at = 0; at < 50; at += 1)
    await createService(manager, `service${at}`, {
      ...service(`s${at}`, 0),
      EndpointSpec: {
        Mode: 'vip',
        Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishMode: 'ingress' }],
      },
    });
  await until('all rows', () => worker.view?.services.size === 50);
  const before = worker.view;
  await worker.close();
  await manager.propose({ type: 'service.remove', atMs: Date.now(), id: 'service7' as ServiceId });
  const own = member.status().nodeId;
  await until('the own node', () => member.view?.services.size === 49);
  rows = 0;
  const again = await lab.member({ dataDirectory });
  t.deepEqual(
    [...(again.view?.services.keys() ?? [])].sort(),
    [...(before?.services.keys() ?? [])].sort(),
  );
  await until('the difference', () => again.view?.services.size === 49);
  t.false(again.view?.services.has('service7' as ServiceId));
  t.true(rows <= 4, `${rows} rows were sent to bring ${String(own)}'s worker up to date`);
});

test('a worker that restarts without a manager has its last view', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager();
  const worker = await lab.worker(member, { dataDirectory });
  await createService(manager, 'web', service('web', 4));
  await until('assignments', () => worker.view?.assignments.size === 2);
  const before = worker.view;
  await worker.close();
  await member.close();
  const again = await lab.member({ dataDirectory });
  t.is(again.status().state, 'pending');
  t.deepEqual(again.view, before && { ...before, isRemembered: true });
});

test('the newest status of each task gets through, also when it was reported while out of session', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager({ dataDirectory });
  const worker = await lab.worker(member);
  await createService(manager, 'web', service('web', 2));
  await until('a task', () => worker.view?.assignments.size === 1);
  const id = [...(worker.view?.assignments.keys() ?? [])][0] as TaskId;
  await member.close();
  await until('pending', () => worker.status().state === 'pending');
  const status = (state: TaskStatus['state'], atMs: number): TaskStatus => ({
    state,
    atMs,
    message: 'm'.repeat(5000),
  });
  worker.report([{ id, status: status('starting', 1) }]);
  worker.report([{ id, status: status('running', 2) }]);
  const again = managerOf(await lab.member({ dataDirectory }));
  await until('running', () => again.store.tasks.get(id)?.status.state === 'running');
  t.pass();
});

test('a new description reaches the store', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const images = ['busybox:latest'];
  const worker = await lab.worker(member, {
    localNode: { ...NO_LOGS, description: async () => ({ ...DESCRIPTION, images: [...images] }) },
  });
  images.push('web:1');
  worker.refreshDescription();
  const id = worker.status().nodeId as NodeId;
  await until('the image', () => manager.store.nodes.get(id)?.description.images.length === 2);
  t.pass();
});

test('a changed heartbeat period reaches nodes in session, and none of them is called down', async (t) => {
  const lab = createLab(t);
  const failures: string[] = [];
  const metrics: ClusterMetrics = { countHeartbeatFailure: () => failures.push('failure') };
  // Undefined as a period: that of the cluster.
  const tuning = { heartbeatMs: undefined } as never;
  const member = await lab.member({ metrics, tuning });
  await member.init({ ...INIT, spec: { ...CLUSTER_SPEC, Dispatcher: { HeartbeatPeriod: 1e9 } } });
  const manager = managerOf(member);
  const worker = await lab.worker(member, { tuning });
  const { cluster } = manager.store;
  if (cluster === undefined) return t.fail();
  await manager.propose({
    type: 'cluster.update',
    atMs: Date.now(),
    version: cluster.meta.revision,
    spec: { ...cluster.spec, Dispatcher: { HeartbeatPeriod: 500e6 } },
    joinSecrets: {},
  });
  const id = worker.status().nodeId as NodeId;
  await worker.close();
  await until(
    'down by the new period',
    () => manager.store.nodes.get(id)?.state === 'down',
    17_000,
  );
  t.is(failures.length, 1);
});

test('many changes at once reach a node in few frames', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const worker = await lab.worker(member);
  let views = 0;
  worker.onView(() => (views += 1));
  await Promise.all(
    Array.from({ length: 200 }, (_, at) =>
      manager.propose({
        type: 'network.create',
        atMs: Date.now(),
        id: `network${at}` as NetworkId,
        spec: overlay(`n${at}`),
      }),
    ),
  );
  await createService(manager, 'web', service('web', 2));
  await until('the task', () => worker.view?.assignments.size === 1);
  t.true(views < 40, `${views} views`);
});

test('a manager that stood still blames no node for it', async (t) => {
  const lab = createLab(t);
  let jumpMs = 0;
  const clock: Clock = {
    wallMs: () => SYSTEM_CLOCK.wallMs(),
    monotonicMs: () => SYSTEM_CLOCK.monotonicMs() + jumpMs,
  };
  const failures: string[] = [];
  const metrics: ClusterMetrics = { countHeartbeatFailure: () => failures.push('failure') };
  // Not the shortest: on a busy machine nobody else may be missed.
  const tuning = { heartbeatMs: 1_000 };
  const { member, manager } = await lab.manager({ tuning, clock, metrics });
  const worker = await lab.worker(member);
  jumpMs = 60_000;
  await createService(manager, 'web', service('web', 2));
  await until('the task', () => worker.view?.assignments.size === 1);
  const id = worker.status().nodeId as NodeId;
  await worker.close();
  await until('one that is really silent', () => manager.store.nodes.get(id)?.state === 'down');
  t.is(failures.length, 1);
});
