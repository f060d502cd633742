/** Managers that lock their keys: what a restart finds, and how it goes on. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isClusterError, type Manager } from '../../src/cluster/index.ts';
import { CLUSTER_SPEC, INIT, createLab, managerOf, until } from './fixture.ts';

const LOCKING = { ...CLUSTER_SPEC, EncryptionConfig: { AutoLockManagers: true } };

async function change(
  manager: Manager,
  AutoLockManagers: boolean,
  isRotating = false,
): Promise<void> {
  const { cluster } = manager.store;
  if (cluster === undefined) throw new Error('no cluster');
  const plan = await manager.planUpdate({
    version: cluster.meta.revision,
    spec: { ...cluster.spec, EncryptionConfig: { AutoLockManagers } },
    rotate: { workerToken: false, managerToken: false, unlockKey: isRotating },
  });
  const outcome = await manager.propose({ ...plan, atMs: Date.now() });
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}

const keyOf = (manager: Manager): string => manager.store.cluster?.unlockKey ?? '';

/** Everything a thief of the disk could read of `member.json`. */
async function fileOf(dataDirectory: string): Promise<string> {
  return readFile(join(dataDirectory, 'cluster/member.json'), 'utf8');
}

const isSealed = (text: string): boolean => text.includes('"sealed"') && !text.includes('PRIVATE');

test('a manager of a locking cluster waits for its key after a restart, with what it was told', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const member = await lab.member({ dataDirectory });
  await member.init({ ...INIT, spec: LOCKING });
  const key = keyOf(managerOf(member));
  t.true(isSealed(await fileOf(dataDirectory)));
  await until('its view', () => member.view !== undefined);
  await member.close();

  const back = await lab.member({ dataDirectory });
  t.like(back.status(), { state: 'locked', role: 'manager' });
  t.is(back.manager, undefined);
  t.truthy(back.view);
  const wrong = await t.throwsAsync(back.unlock(`SWMKEY-1-${'A'.repeat(43)}`));
  t.true(isClusterError(wrong, 'invalid-unlock-key'));
  t.is(back.status().state, 'locked');
  await back.unlock(key);
  await until('a session', () => back.status().state === 'active');
  t.is(keyOf(managerOf(back)), key);
  t.true(isClusterError(await t.throwsAsync(back.unlock(key)), 'not-locked'));
});

test('locking and unlocking for good change the file at once', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager({ dataDirectory });
  const awaitFile = async (wanted: boolean): Promise<void> => {
    let seen = await fileOf(dataDirectory);
    await until(`the file to be ${wanted ? 'sealed' : 'open'}`, () => {
      void fileOf(dataDirectory).then((text) => (seen = text));
      return isSealed(seen) === wanted;
    });
  };
  await awaitFile(false);
  await change(manager, true);
  await awaitFile(true);
  await change(manager, false);
  await awaitFile(false);
  t.is(keyOf(manager), '');
  await member.close();
  const back = await lab.member({ dataDirectory });
  await until('a session', () => back.status().state === 'active');
});

test('after a rotation of the key only the new one unlocks', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager({ dataDirectory });
  await change(manager, true);
  const first = keyOf(manager);
  await change(manager, true, true);
  const second = keyOf(manager);
  t.not(first, second);
  await member.close();
  const back = await lab.member({ dataDirectory });
  t.is(back.status().state, 'locked');
  t.true(isClusterError(await t.throwsAsync(back.unlock(first)), 'invalid-unlock-key'));
  await back.unlock(second);
  await until('a session', () => back.status().state === 'active');
});

test('a locked manager leaves by force only, and leaves nothing behind', async (t) => {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const member = await lab.member({ dataDirectory });
  await member.init({ ...INIT, spec: LOCKING });
  await member.close();
  const back = await lab.member({ dataDirectory });
  await t.throwsAsync(back.leave(false));
  t.is(back.status().state, 'locked');
  await back.leave(true);
  t.deepEqual(await readdir(join(dataDirectory, 'cluster')), ['lock']);
  await back.init(INIT);
  t.is(back.status().state, 'active');
});

test('a worker of a locking cluster is not locked', async (t) => {
  const lab = createLab(t);
  const member = await lab.member();
  await member.init({ ...INIT, spec: LOCKING });
  const dataDirectory = await lab.directory();
  await (await lab.worker(member, { dataDirectory })).close();
  const back = await lab.member({ dataDirectory });
  await until('a session', () => back.status().state === 'active');
  t.false(isSealed(await fileOf(dataDirectory)));
});
