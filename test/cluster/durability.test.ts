import { cp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { SYSTEM_CLOCK } from '../../src/base/index.ts';
import { isClusterError, openMember } from '../../src/cluster/index.ts';
import {
  CLUSTER_SPEC,
  INIT,
  NO_LOGS,
  createLab,
  createService,
  managerOf,
  service,
  until,
} from './fixture.ts';
import { snapshotOf } from '../store/snapshot/snapshots.ts';

test('nothing of a cluster on disk can be read by others', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member } = await lab.manager({ dataDirectory });
  await until('the view', () => member.view !== undefined);
  await member.close();
  const cluster = join(dataDirectory, 'cluster');
  const names = await readdir(cluster, { recursive: true });
  t.true(names.includes('member.json') && names.includes('view.json'));
  for (const name of ['', ...names]) {
    const { mode } = await stat(join(cluster, name));
    t.is(mode & 0o077, 0, name);
  }
});

test('a damaged log is refused, the node keeps its view, and can leave and begin again', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager({ dataDirectory });
  await createService(manager, 'web', service('web', 1));
  await until('the task', () => member.view?.assignments.size === 1);
  await member.close();
  const file = join(dataDirectory, 'cluster/log/wal-0000000000000001.log');
  const bytes = await readFile(file);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const again = await lab.member({ dataDirectory });
  t.is(again.status().state, 'error');
  t.regex(again.status().error ?? '', /wal-0000000000000001\.log is damaged at byte 0/);
  t.is(again.manager, undefined);
  t.is(again.view?.assignments.size, 1);
  t.true(isClusterError(await t.throwsAsync(again.leave(false)), 'last-manager'));
  await again.leave(true);
  t.is(again.view, undefined);
  await again.init(INIT);
  t.is(managerOf(again).store.services.size, 0);
});

test('a damaged member.json is told, and is left only by force', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  await (await lab.manager({ dataDirectory })).member.close();
  await writeFile(join(dataDirectory, 'cluster/member.json'), '{"version":1');
  const again = await lab.member({ dataDirectory });
  t.is(again.status().state, 'error');
  t.regex(again.status().error ?? '', /member\.json is damaged/);
  t.true(isClusterError(await t.throwsAsync(again.init(INIT)), 'already-member'));
  t.true(isClusterError(await t.throwsAsync(again.leave(false)), 'last-manager'));
  await again.leave(true);
  t.is(again.status().state, 'inactive');
});

test('two agents cannot use one directory, and a dead one does not keep it', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  await lab.member({ dataDirectory });
  t.true(
    isClusterError(
      await t.throwsAsync(openMember({ dataDirectory, localNode: NO_LOGS })),
      'locked',
    ),
  );
  const other = await lab.directory();
  await (await lab.member({ dataDirectory: other })).close();
  await writeFile(join(other, 'cluster/lock'), '4194305 1');
  t.is((await lab.member({ dataDirectory: other })).status().state, 'inactive');
});

test('snapshots are taken by the interval of the spec, and a restart is the same state', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const member = await lab.member({ dataDirectory });
  await member.init({
    ...INIT,
    spec: { ...CLUSTER_SPEC, Raft: { ...CLUSTER_SPEC.Raft, SnapshotInterval: 10 } },
  });
  const manager = managerOf(member);
  for (let at = 0; at < 35; at += 1) await createService(manager, `s${at}`, service(`s${at}`, 1));
  await until('quiet', () => member.view?.assignments.size === 35);
  const before = snapshotOf(manager.store);
  await member.close();
  const names = await readdir(join(dataDirectory, 'cluster/log'));
  t.is(names.filter((name) => name.endsWith('.snap')).length, 1);
  const again = await lab.member({ dataDirectory });
  await managerOf(again).sync();
  t.is(snapshotOf(managerOf(again).store), before);
});

test('nodes of a manager that was restored from a backup are told everything anew', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const cluster = join(dataDirectory, 'cluster');
  const { member, manager } = await lab.manager({ dataDirectory });
  const worker = await lab.worker(member);
  await createService(manager, 'kept', service('kept', 2));
  await until('the task', () => worker.view?.assignments.size === 1);
  await member.close();
  const backup = await lab.directory();
  await cp(cluster, backup, { recursive: true });
  const later = await lab.member({ dataDirectory });
  await createService(managerOf(later), 'lost', service('lost', 20));
  await until('more tasks', () => (worker.view?.assignments.size ?? 0) > 5);
  await later.close();
  await rm(cluster, { recursive: true });
  await cp(backup, cluster, { recursive: true });
  await lab.member({ dataDirectory });
  await until('the view of the backup', () => worker.view?.assignments.size === 1);
  t.is([...(worker.view?.assignments.values() ?? [])][0]?.task.serviceName, 'kept');
});

test('what is left of an init that did not finish is removed by the next', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member } = await lab.manager({ dataDirectory });
  await member.close();
  const cluster = join(dataDirectory, 'cluster');
  await rm(join(cluster, 'member.json'));
  const again = await lab.member({ dataDirectory });
  t.is(again.status().state, 'inactive');
  t.deepEqual(await readdir(cluster), ['lock']);
  await again.init(INIT);
});

test('certificates are renewed after half their life, and the new ones are used', async (t) => {
  const lab = createLab(t);
  const tuning = { renewalCheckMs: 20 };
  let aheadMs = 0;
  const clock = { ...SYSTEM_CLOCK, wallMs: () => Date.now() + aheadMs };
  const dataDirectory = await lab.directory();
  const own = await lab.directory();
  const member = await lab.member({ tuning, clock, dataDirectory: own });
  await member.init({ ...INIT, spec: { ...CLUSTER_SPEC, CAConfig: { NodeCertExpiry: 3600e9 } } });
  const worker = await lab.worker(member, { tuning, clock, dataDirectory });
  const read = async (directory: string): Promise<string> => {
    const text = await readFile(join(directory, 'cluster/member.json'), 'utf8');
    return (JSON.parse(text) as { certificatePem: string }).certificatePem;
  };
  const before = [await read(own), await read(dataDirectory)];
  const seen = [...before];
  aheadMs = 37 * 60_000;
  await until('both to be renewed', () => {
    void Promise.all([read(own), read(dataDirectory)]).then((now) => seen.splice(0, 2, ...now));
    return seen.every((pem, at) => pem !== before[at]);
  });
  await worker.close();
  const again = await lab.member({ dataDirectory });
  await until('a session with the new ones', () => again.status().state === 'active');
  t.pass();
});
